#include "collector/stack_pen.h"

#include "bpf/abi/event.h"
#include "collector/clocks.h"
#include "schema/stack.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace backsight::collector {
namespace {

using schema::Stack;
using schema::StackEnd;

constexpr std::int64_t kLongestWaitNs = 500'000'000;
constexpr std::size_t kMostBytes = 64u << 20;  // of records that wait
constexpr std::size_t kMostChanges = 65536;

bs_event header_of(std::span<const std::byte> record) {
  bs_event event{};
  if (record.size() >= sizeof event) std::memcpy(&event, record.data(), sizeof event);
  return event;
}

// Where the item with the copy is; 0: there is none, or the record is damaged.
std::size_t find_copy(std::span<const std::byte> record, bs_item& item) {
  std::size_t at = sizeof(bs_event);
  while (record.size() >= sizeof item && at <= record.size() - sizeof item) {
    std::memcpy(&item, record.data() + at, sizeof item);
    const std::size_t padded = (std::size_t{item.captured} + 7) & ~std::size_t{7};
    if (padded > record.size() - at - sizeof item) return 0;
    if (item.type == BS_STACK_TYPE) return item.depth == BS_STACK_COPY ? at : 0;
    at += sizeof item + padded;
  }
  return 0;
}

void append(std::vector<std::byte>& to, const void* bytes, std::size_t size) {
  const auto* begin = static_cast<const std::byte*>(bytes);
  to.insert(to.end(), begin, begin + size);
}

// Ends a record with the addresses of its stack.
void add_stack(std::vector<std::byte>& record, const Stack& stack) {
  bs_item item{};
  item.type = BS_STACK_TYPE;
  item.root = BS_STACK_ROOT;
  item.depth = BS_STACK_ADDRESSES;
  item.address = static_cast<std::uint64_t>(stack.end);
  item.length = item.captured = static_cast<std::uint32_t>(stack.addresses.size() * sizeof(std::uint64_t));
  append(record, &item, sizeof item);
  append(record, stack.addresses.data(), item.captured);
  const auto size = static_cast<std::uint32_t>(record.size());
  std::memcpy(record.data() + offsetof(bs_event, size), &size, sizeof size);
}

}  // namespace

void StackPen::record(std::span<const std::byte> record) {
  if ((header_of(record).flags & BS_EVENT_STACK_COPY) != 0) return hold(record);
  if (entries_.empty()) return parts_.next.ring_record(record);
  Entry entry;
  entry.record.assign(record.begin(), record.end());
  entry.now_ns = boot_now_ns();
  bytes_ += record.size();
  entries_.push_back(std::move(entry));
}

void StackPen::hold(std::span<const std::byte> record) {
  bs_item item{};
  const std::size_t at = find_copy(record, item);
  if (at == 0) return parts_.next.ring_record({});  // counted as malformed
  const bs_event event = header_of(record);
  Entry entry;
  entry.record.assign(record.begin(), record.begin() + static_cast<std::ptrdiff_t>(at));
  entry.boot_ns = static_cast<std::int64_t>(event.boot_ns);
  entry.now_ns = boot_now_ns();
  const std::uint64_t ticket = first_ + entries_.size();
  const auto image = parts_.image_at(event.tgid, entry.boot_ns);
  StackEnd end = StackEnd::kUndefined;  // nothing is known of the process
  if (image) {
    end = StackEnd::kMemoryLimit;
    const auto change = changes_.find(image->pid);
    const bool has_changed = change != changes_.end() && change->second.first == *image;
    UnwindJob job{ticket, *image, has_changed ? change->second.second : 0, {}};
    append(job.copy, &item.address, sizeof item.address);
    append(job.copy, record.data() + at + sizeof item, item.captured);
    entry.image = *image;
    if (bytes_ < kMostBytes && parts_.submit(std::move(job))) entry.ticket = ticket;
  }
  if (entry.ticket == 0) {
    given_up_ += end == StackEnd::kMemoryLimit ? 1 : 0;
    add_stack(entry.record, {{}, end, {}});
    if (entries_.empty()) return parts_.next.ring_record(entry.record);
  }
  bytes_ += entry.record.size();
  entries_.push_back(std::move(entry));
}

void StackPen::batch_done(std::int64_t now_boot_ns, bool drained) {
  release(now_boot_ns);
  if (entries_.empty()) return parts_.next.batch_done(now_boot_ns, drained);
  Entry end;
  end.now_ns = now_boot_ns;
  end.drained = drained;
  entries_.push_back(std::move(end));
}

void StackPen::code_changed(const ImageKey& image, std::int64_t since_boot_ns) {
  if (changes_.size() >= kMostChanges) changes_.clear();
  changes_[image.pid] = {image, since_boot_ns};
}

// The image was still there when its mappings were read, and nothing was mapped anew
// between the stack and that.
bool StackPen::holds(const Entry& entry, const UnwindAnswer& answer) const {
  if (answer.read_to_ns == 0) return false;
  if (parts_.image_at(entry.image.pid, answer.read_to_ns) != entry.image) return false;
  const auto change = changes_.find(entry.image.pid);
  if (change == changes_.end() || change->second.first != entry.image) return true;
  const auto changed_ns = change->second.second;
  return changed_ns <= entry.boot_ns ? changed_ns <= answer.read_from_ns : answer.read_to_ns < changed_ns;
}

void StackPen::resolve(Entry& entry, const UnwindAnswer& answer) {
  entry.ticket = 0;
  Stack stack{{}, StackEnd::kUndefined, {}};
  if (holds(entry, answer)) stack = answer.stack;
  const auto before = entry.record.size();
  add_stack(entry.record, stack);
  bytes_ += entry.record.size() - before;
}

void StackPen::answered(const std::vector<UnwindAnswer>& answers) {
  for (const auto& answer : answers) {
    if (answer.ticket < first_ || answer.ticket - first_ >= entries_.size()) continue;  // given up
    Entry& entry = entries_[answer.ticket - first_];
    if (entry.ticket == answer.ticket) resolve(entry, answer);
  }
}

void StackPen::pop() {
  const Entry entry = std::move(entries_.front());
  entries_.pop_front();
  ++first_;
  bytes_ -= entry.record.size();
  if (entry.record.empty()) {
    parts_.next.batch_done(entry.now_ns, entry.drained);
  } else {
    parts_.next.ring_record(entry.record);
  }
}

void StackPen::release(std::int64_t now_boot_ns) {
  while (!entries_.empty()) {
    Entry& front = entries_.front();
    if (front.ticket != 0) {
      if (now_boot_ns - front.now_ns < kLongestWaitNs) return;
      ++given_up_;
      front.ticket = 0;
      const auto before = front.record.size();
      add_stack(front.record, {{}, StackEnd::kMemoryLimit, {}});
      bytes_ += front.record.size() - before;
    }
    pop();
  }
}

void StackPen::give_up() {
  release(INT64_MAX);
}

}  // namespace backsight::collector
