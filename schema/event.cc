#include "schema/event.h"

#include <cstring>

namespace backsight::schema {
namespace {

constexpr std::size_t padded(std::size_t size) {
  return (size + 7) & ~std::size_t{7};
}

Error corrupt(const std::string& what) {
  return make_error(ErrorCode::kCorrupt, "event row: " + what);
}

// The item at `at`, or its problem. `at` moves behind the item and its padding.
Result<Item> read_item(std::span<const std::byte> row, std::size_t& at) {
  if (row.size() - at < sizeof(ItemHeader))
    return corrupt("item header cut off at byte " + std::to_string(at));
  Item item;
  std::memcpy(&item.header, row.data() + at, sizeof item.header);
  const std::size_t begin = at + sizeof item.header;
  const std::size_t captured = item.header.captured;
  if (padded(captured) > row.size() - begin) {
    return corrupt("item at byte " + std::to_string(at) + " claims " + std::to_string(captured) +
                   " bytes of " + std::to_string(row.size() - begin));
  }
  if (item.header.status > static_cast<std::uint8_t>(ItemStatus::kLast)) {
    return corrupt("item status " + std::to_string(item.header.status));
  }
  item.bytes = row.subspan(begin, captured);
  at = begin + padded(captured);
  return item;
}

}  // namespace

std::uint16_t plan_flags(const Plan& plan) {
  // FNV-1a, folded to 12 bits.
  std::uint64_t hash = 0xcbf29ce484222325ull;
  const auto add = [&hash](std::uint64_t byte) { hash = (hash ^ byte) * 0x100000001b3ull; };
  for (const char c : plan.build_id.empty() ? plan.module_path : plan.build_id) {
    add(static_cast<unsigned char>(c));
  }
  for (unsigned shift = 0; shift < 64; shift += 8) add(plan.address >> shift & 0xff);
  const bool sees_returns = plan.on_return && plan.return_via != ReturnVia::kNone;
  const auto tag = static_cast<std::uint16_t>((hash ^ hash >> 32) % 0xfffu + 1);
  return static_cast<std::uint16_t>(tag << kEventFunctionShift | (sees_returns ? 0 : kEventReturnsUnseen));
}

Result<EventView> EventView::parse(std::span<const std::byte> row) {
  EventView view;
  if (row.size() < sizeof view.header_) return corrupt("only " + std::to_string(row.size()) + " bytes");
  std::memcpy(&view.header_, row.data(), sizeof view.header_);
  const std::size_t size = view.header_.size_bytes;
  if (size < sizeof view.header_ || size > row.size() || size % 8 != 0) {
    return corrupt("size " + std::to_string(size) + " in " + std::to_string(row.size()) + " bytes");
  }
  if (view.header_.kind < static_cast<std::uint16_t>(EventKind::kEntry) ||
      view.header_.kind > static_cast<std::uint16_t>(EventKind::kGlobal) || view.header_.kind == 4) {
    return corrupt("kind " + std::to_string(view.header_.kind));
  }
  view.row_ = row.first(size);
  for (std::size_t at = sizeof view.header_; at < size;) {
    BACKSIGHT_TRY(read_item(view.row_, at));
  }
  return view;
}

std::vector<Item> EventView::items() const {
  std::vector<Item> items;
  for (std::size_t at = sizeof header_; at < row_.size();) {
    auto item = read_item(row_, at);
    if (!item) break;  // not after parse()
    items.push_back(*item);
  }
  return items;
}

std::optional<StackId> EventView::stack() const {
  std::optional<StackId> stack;
  for (std::size_t at = sizeof header_; at < row_.size();) {
    const auto item = read_item(row_, at);
    if (!item) break;
    const ItemHeader& header = item->header;
    if (header.type != kStackItemType || header.depth != kStackIsId) continue;
    if (item->bytes.size() != sizeof(StackId)) continue;
    StackId id;
    std::memcpy(&id, item->bytes.data(), sizeof id);
    stack = id;
  }
  return stack;
}

EventBuilder::EventBuilder(const EventHeader& header) : row_(sizeof header) {
  std::memcpy(row_.data(), &header, sizeof header);
}

EventBuilder& EventBuilder::add_item(ItemHeader header, std::span<const std::byte> bytes) {
  header.captured = static_cast<std::uint32_t>(bytes.size());
  const std::size_t at = row_.size();
  row_.resize(at + sizeof header + padded(bytes.size()));
  std::memcpy(row_.data() + at, &header, sizeof header);
  if (!bytes.empty()) std::memcpy(row_.data() + at + sizeof header, bytes.data(), bytes.size());
  return *this;
}

std::vector<std::byte> EventBuilder::finish() {
  const auto size = static_cast<std::uint32_t>(row_.size());
  std::memcpy(row_.data() + offsetof(EventHeader, size_bytes), &size, sizeof size);
  return std::move(row_);
}

}  // namespace backsight::schema
