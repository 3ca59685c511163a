// Hand-made plans, rows and timelines for the tests of query/.
#pragma once

#include "query/answers.h"
#include "query/source.h"
#include "schema/event.h"
#include "schema/facts.h"
#include "schema/plan.h"
#include "store/timeline.h"

#include <boost/json.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace backsight::query::test {

// Little-endian bytes, by appending.
class Bytes {
 public:
  Bytes& u8(std::uint8_t v) { return number(v, 1); }
  Bytes& u16(std::uint16_t v) { return number(v, 2); }
  Bytes& u32(std::uint32_t v) { return number(v, 4); }
  Bytes& i32(std::int32_t v) { return number(static_cast<std::uint32_t>(v), 4); }
  Bytes& u64(std::uint64_t v) { return number(v, 8); }
  Bytes& text(std::string_view v);
  Bytes& pad_to(std::size_t size);
  template <class T>
  Bytes& raw(const T& v) {
    const auto* p = reinterpret_cast<const std::byte*>(&v);
    bytes_.insert(bytes_.end(), p, p + sizeof v);
    return *this;
  }
  const std::vector<std::byte>& get() const { return bytes_; }
  operator std::span<const std::byte>() const { return bytes_; }  // NOLINT

 private:
  Bytes& number(std::uint64_t v, int size);
  std::vector<std::byte> bytes_;
};

// Builds a type table; every function returns the new type's id.
class Types {
 public:
  schema::TypeId integer(const std::string& name, std::uint64_t size, bool is_signed);
  schema::TypeId scalar(schema::TypeKind kind, const std::string& name, std::uint64_t size);
  schema::TypeId enumeration(const std::string& name, std::vector<schema::Enumerator> enumerators);
  schema::TypeId pointer(schema::TypeId target);
  schema::TypeId reference(schema::TypeId target);
  schema::TypeId array(schema::TypeId target, std::uint64_t count);
  schema::TypeId structure(const std::string& name, std::uint64_t size, std::vector<schema::Member> members);
  schema::TypeId string(schema::TypeId char_type);  // std::string of libstdc++: 32 bytes
  schema::TypeId vector(schema::TypeId element);    // 24 bytes
  schema::Type& at(schema::TypeId id) { return table_[id.value]; }
  const schema::TypeTable& table() const { return table_; }

 private:
  schema::TypeId add(schema::Type type);
  schema::TypeTable table_;
};

schema::Member member(const std::string& name, schema::TypeId type, std::uint64_t offset);
schema::Member base(const std::string& name, schema::TypeId type, std::uint64_t offset);
schema::Capture capture(const std::string& expression, schema::TypeId type,
                        std::vector<std::string> path = {});
schema::Capture returned(schema::TypeId type);

// A row being built.
class Row {
 public:
  Row(schema::EventKind kind, std::int64_t boot_ns, std::uint64_t process, std::uint32_t tid,
      std::uint64_t plan, std::uint64_t frame);
  Row& flags(std::uint16_t flags);
  Row& root(std::uint16_t capture, schema::TypeId type, std::span<const std::byte> bytes,
            std::uint64_t address = 0);
  Row& item(std::uint8_t depth, schema::TypeId type, std::uint64_t address, std::span<const std::byte> bytes);
  // Captured less than there was.
  Row& cut(std::uint8_t depth, schema::TypeId type, std::uint64_t address, std::span<const std::byte> bytes,
           std::uint32_t length, schema::ItemStatus status);
  Row& cut_root(std::uint16_t capture, schema::TypeId type, std::span<const std::byte> bytes,
                std::uint32_t length, schema::ItemStatus status);
  std::vector<std::byte> finish() const;

 private:
  struct Part {
    schema::ItemHeader header;
    std::vector<std::byte> bytes;
  };
  schema::EventHeader header_;
  std::vector<Part> parts_;
};

// One service in memory; what a TimelineReader of it sees.
struct FakeService {
  schema::ClockSeries clock;
  std::map<schema::ProcessId, schema::Process> processes;
  std::map<schema::PlanId, schema::Plan> plans;
  std::vector<schema::Gap> gaps;
  std::vector<schema::ProbeStatus> statuses;
  std::map<std::uint32_t, std::string> thread_names;
  std::map<std::uint64_t, std::string> code_names;
  std::map<schema::StackId, schema::Stack> stacks;
  std::vector<store::Damage> damage;
  std::vector<std::vector<std::byte>> rows;  // sequence = index + 1

  schema::Sequence add(const Row& row);
};

class FakeSource : public Source {
 public:
  std::map<std::string, FakeService> services;
  std::vector<schema::Moment> moments;
  std::vector<schema::Pin> pins;
  std::vector<store::Damage> damage;

  schema::Result<std::vector<store::ServiceSpan>> list_services() override;
  schema::Result<std::unique_ptr<store::TimelineReader>> open_reader(const std::string& service) override;
  schema::Result<std::vector<store::Damage>> verify() override { return damage; }
  schema::Result<std::vector<schema::Moment>> load_moments() override { return moments; }
  schema::Result<void> put_moment(const schema::Moment& moment) override;
  schema::Result<std::vector<schema::Pin>> load_pins() override { return pins; }
  schema::Result<void> put_pin(const schema::Pin& pin) override;
  schema::Result<void> delete_pin(const std::string& name) override;
};

Request request(const std::string& verb, std::vector<std::string> positionals = {},
                std::map<std::string, std::string> options = {});
// As parsed JSON text, for comparing.
boost::json::value json(std::string_view text);

}  // namespace backsight::query::test
