#include "tests/query/sample.h"

#include "store/call_fold.h"

#include <algorithm>
#include <limits>

namespace backsight::query::test {

using schema::BootTime;
using schema::Type;
using schema::TypeId;
using schema::TypeKind;

Bytes& Bytes::number(std::uint64_t v, int size) {
  for (int i = 0; i < size; ++i) bytes_.push_back(static_cast<std::byte>(v >> (8 * i)));
  return *this;
}

Bytes& Bytes::text(std::string_view v) {
  for (const char c : v) bytes_.push_back(static_cast<std::byte>(c));
  return *this;
}

Bytes& Bytes::pad_to(std::size_t size) {
  bytes_.resize(std::max(bytes_.size(), size));
  return *this;
}

TypeId Types::add(Type type) {
  table_.push_back(std::move(type));
  return {static_cast<std::uint32_t>(table_.size() - 1)};
}

TypeId Types::integer(const std::string& name, std::uint64_t size, bool is_signed) {
  const TypeId id = scalar(TypeKind::kInteger, name, size);
  at(id).is_signed = is_signed;
  return id;
}

TypeId Types::scalar(TypeKind kind, const std::string& name, std::uint64_t size) {
  Type type;
  type.kind = kind;
  type.name = name;
  type.size_bytes = size;
  return add(std::move(type));
}

TypeId Types::enumeration(const std::string& name, std::vector<schema::Enumerator> enumerators) {
  const TypeId id = scalar(TypeKind::kEnum, name, 4);
  at(id).enumerators = std::move(enumerators);
  return id;
}

TypeId Types::pointer(TypeId target) {
  const TypeId id = scalar(TypeKind::kPointer, "*", 8);
  at(id).target = target;
  return id;
}

TypeId Types::reference(TypeId target) {
  const TypeId id = scalar(TypeKind::kReference, "&", 8);
  at(id).target = target;
  return id;
}

TypeId Types::array(TypeId target, std::uint64_t count) {
  const TypeId id = scalar(TypeKind::kArray, "[]", at(target).size_bytes * count);
  at(id).target = target;
  at(id).count = count;
  return id;
}

TypeId Types::structure(const std::string& name, std::uint64_t size, std::vector<schema::Member> members) {
  const TypeId id = scalar(TypeKind::kStruct, name, size);
  at(id).members = std::move(members);
  return id;
}

TypeId Types::string(TypeId char_type) {
  const TypeId id = scalar(TypeKind::kStruct, "std::string", 32);
  at(id).container = schema::Container::kString;
  at(id).target = char_type;
  at(id).offset_b = 8;
  return id;
}

TypeId Types::vector(TypeId element) {
  const TypeId id = scalar(TypeKind::kStruct, "std::vector", 24);
  at(id).container = schema::Container::kVector;
  at(id).target = element;
  at(id).offset_b = 8;
  return id;
}

schema::Member member(const std::string& name, TypeId type, std::uint64_t offset) {
  schema::Member m;
  m.name = name;
  m.type = type;
  m.offset_bytes = offset;
  return m;
}

schema::Member base(const std::string& name, TypeId type, std::uint64_t offset) {
  schema::Member m = member(name, type, offset);
  m.is_base = true;
  return m;
}

schema::Capture capture(const std::string& expression, TypeId type, std::vector<std::string> path) {
  schema::Capture c;
  c.name = expression;
  c.expression = expression;
  c.path = std::move(path);
  c.type = type;
  return c;
}

schema::Capture returned(TypeId type) {
  schema::Capture c = capture("ret", type);
  c.at_return = true;
  return c;
}

Row::Row(schema::EventKind kind, std::int64_t boot_ns, std::uint64_t process, std::uint32_t tid,
         std::uint64_t plan, std::uint64_t frame) {
  header_.kind = static_cast<std::uint16_t>(kind);
  header_.boot_ns = boot_ns;
  header_.process = process;
  header_.tid = tid;
  header_.plan = plan;
  header_.frame = frame;
}

Row& Row::flags(std::uint16_t flags) {
  header_.flags = flags;
  return *this;
}

Row& Row::root(std::uint16_t capture, TypeId type, std::span<const std::byte> bytes, std::uint64_t address) {
  schema::ItemHeader header;
  header.root = capture;
  header.type = type.value;
  header.address = address;
  header.length = header.captured = static_cast<std::uint32_t>(bytes.size());
  parts_.push_back({header, {bytes.begin(), bytes.end()}});
  return *this;
}

Row& Row::item(std::uint8_t depth, TypeId type, std::uint64_t address, std::span<const std::byte> bytes) {
  return cut(depth, type, address, bytes, static_cast<std::uint32_t>(bytes.size()), schema::ItemStatus::kOk);
}

Row& Row::cut(std::uint8_t depth, TypeId type, std::uint64_t address, std::span<const std::byte> bytes,
              std::uint32_t length, schema::ItemStatus status) {
  schema::ItemHeader header;
  header.type = type.value;
  header.depth = depth;
  header.status = static_cast<std::uint8_t>(status);
  header.address = address;
  header.length = length;
  header.captured = static_cast<std::uint32_t>(bytes.size());
  parts_.push_back({header, {bytes.begin(), bytes.end()}});
  return *this;
}

Row& Row::cut_root(std::uint16_t capture, TypeId type, std::span<const std::byte> bytes, std::uint32_t length,
                   schema::ItemStatus status) {
  cut(0, type, 0, bytes, length, status);
  parts_.back().header.root = capture;
  return *this;
}

std::vector<std::byte> Row::finish() const {
  schema::EventBuilder builder(header_);
  for (const Part& part : parts_) builder.add_item(part.header, part.bytes);
  return builder.finish();
}

schema::Sequence FakeService::add(const Row& row) {
  rows.push_back(row.finish());
  return {rows.size()};
}

namespace {

class FakeReader final : public store::TimelineReader {
 public:
  explicit FakeReader(const FakeService& service) : s_(service) {}
  const schema::ClockSeries& clock() const override { return s_.clock; }
  const std::map<schema::ProcessId, schema::Process>& processes() const override { return s_.processes; }
  const std::map<schema::PlanId, schema::Plan>& plans() const override { return s_.plans; }
  const std::vector<schema::Gap>& gaps() const override { return s_.gaps; }
  const std::vector<schema::ProbeStatus>& probe_statuses() const override { return s_.statuses; }
  std::string thread_name(schema::ProcessId, std::uint32_t tid, BootTime) const override {
    const auto found = s_.thread_names.find(tid);
    return found == s_.thread_names.end() ? "" : found->second;
  }
  std::optional<std::string> code_name(schema::ProcessId, std::uint64_t address, BootTime) const override {
    const auto found = s_.code_names.find(address);
    if (found == s_.code_names.end()) return std::nullopt;
    return found->second;
  }
  std::optional<schema::Stack> stack(schema::StackId id) const override {
    const auto found = s_.stacks.find(id);
    if (found == s_.stacks.end()) return std::nullopt;
    return found->second;
  }
  const std::vector<store::Damage>& damage() const override { return s_.damage; }

  schema::Result<void> scan(BootTime from, BootTime to, const Visitor& visitor) override {
    for (std::size_t i = 0; i < s_.rows.size(); ++i) {
      const auto event = schema::EventView::parse(s_.rows[i]).value();
      if (event.time() < from || event.time() > to) continue;
      if (!visitor({{i + 1}, event})) break;
    }
    return {};
  }
  schema::Result<void> scan_backwards(BootTime from, BootTime to, const Visitor& visitor) override {
    for (std::size_t i = s_.rows.size(); i-- > 0;) {
      const auto event = schema::EventView::parse(s_.rows[i]).value();
      if (event.time() < from || event.time() > to) continue;
      if (!visitor({{i + 1}, event})) break;
    }
    return {};
  }
  schema::Result<std::vector<std::byte>> load(schema::Sequence sequence) override {
    if (sequence.value == 0 || sequence.value > s_.rows.size()) {
      return schema::make_error(schema::ErrorCode::kNotFound, "no such row");
    }
    return s_.rows[sequence.value - 1];
  }
  schema::Result<store::Fold> fold_at(BootTime at) override { return fold_naively(at); }
  schema::Result<store::Fold> fold_naively(BootTime at) override {
    store::CallFold fold;
    std::uint64_t next = 1;
    for (std::size_t i = 0; i < s_.rows.size(); ++i) {
      const auto event = schema::EventView::parse(s_.rows[i]).value();
      if (event.time() > at) break;
      end_processes(fold, event.time());
      fold.apply({i + 1}, event.header(), {});
      next = i + 2;
    }
    end_processes(fold, at);
    return fold.snapshot(at, {next});
  }
  schema::Result<store::TimelineStats> stats() override {
    store::TimelineStats stats;
    stats.events = s_.rows.size();
    for (const auto& row : s_.rows) stats.raw_bytes += row.size();
    stats.stored_bytes = stats.raw_bytes / 4;
    stats.partitions = 1;
    return stats;
  }

 private:
  void end_processes(store::CallFold& fold, BootTime at) const {
    for (const auto& [id, process] : s_.processes) {
      if (process.ended && *process.ended <= at) fold.process_ended(id, *process.ended, {});
    }
  }
  const FakeService& s_;
};

}  // namespace

schema::Result<std::vector<store::ServiceSpan>> FakeSource::list_services() {
  std::vector<store::ServiceSpan> spans;
  for (const auto& [name, service] : services) {
    store::ServiceSpan span;
    span.service = name;
    span.events = service.rows.size();
    if (!service.rows.empty()) {
      span.oldest = service.clock.to_wall(schema::EventView::parse(service.rows.front()).value().time());
      span.newest = service.clock.to_wall(schema::EventView::parse(service.rows.back()).value().time());
    }
    spans.push_back(span);
  }
  return spans;
}

schema::Result<std::unique_ptr<store::TimelineReader>> FakeSource::open_reader(const std::string& service) {
  const auto found = services.find(service);
  if (found == services.end())
    return schema::make_error(schema::ErrorCode::kNotFound, "no service " + service);
  return std::unique_ptr<store::TimelineReader>(std::make_unique<FakeReader>(found->second));
}

schema::Result<void> FakeSource::put_moment(const schema::Moment& moment) {
  moments.push_back(moment);
  return {};
}

schema::Result<void> FakeSource::put_pin(const schema::Pin& pin) {
  pins.push_back(pin);
  return {};
}

schema::Result<void> FakeSource::delete_pin(const std::string& name) {
  std::erase_if(pins, [&](const schema::Pin& pin) { return pin.name == name; });
  return {};
}

Request request(const std::string& verb, std::vector<std::string> positionals,
                std::map<std::string, std::string> options) {
  Request r;
  r.store_path = "/nowhere";
  r.verb = verb;
  r.positionals = std::move(positionals);
  r.options = std::move(options);
  return r;
}

boost::json::value json(std::string_view text) {
  return boost::json::parse(text);
}

}  // namespace backsight::query::test
