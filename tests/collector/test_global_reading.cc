// Globals read from outside: what the machine in user space makes of memory, and
// that nothing is shown that was not there together.
#include "collector/global_reading.h"
#include "tests/collector/bpf_plans.h"

#include <catch2/catch.hpp>

#include <cstring>
#include <functional>
#include <map>

using namespace backsight;
using namespace backsight::collector;
using namespace backsight::collector::testing;

namespace {

// Memory of a made-up process; `before` is called before each read.
class FakeMemory : public MemorySource {
 public:
  template <class T>
  void put(std::uint64_t at, const T& value) {
    bytes(at, std::string(reinterpret_cast<const char*>(&value), sizeof value));
  }
  void bytes(std::uint64_t at, const std::string& text) {
    for (std::size_t i = 0; i < text.size(); ++i) memory_[at + i] = static_cast<std::byte>(text[i]);
  }
  MemoryRead read(std::uint64_t from, std::span<std::byte> to) override {
    ++reads;
    if (before) before();
    if (is_gone) return MemoryRead::kGone;
    for (std::size_t i = 0; i < to.size(); ++i) {
      const auto known = memory_.find(from + i);
      if (known == memory_.end()) return MemoryRead::kBadAddress;
      to[i] = known->second;
    }
    return MemoryRead::kDone;
  }

  std::function<void()> before;
  bool is_gone = false;
  unsigned reads = 0;

 private:
  std::map<std::uint64_t, std::byte> memory_;
};

struct NodeBytes {
  std::uint64_t value, next;
};

NodeBytes node(std::uint64_t value, std::uint64_t next) {
  return {value, next};
}

constexpr std::uint64_t kBias = 0x10000;

// A root of `bytes` bytes of `type` at link-time address `at`.
std::vector<bs_op> root_at(std::uint64_t at, std::uint32_t type, unsigned bytes) {
  return {op(BS_OP_ROOT), op(BS_OP_PUSH_IP_REL, 0, 0, 0, at), op(BS_OP_COPY, 0, 0, type, bytes)};
}

std::optional<GlobalRecord> read(const CompiledPlan& hand_made, FakeMemory& memory) {
  CompiledPlan plan = hand_made;
  schema::Capture capture;
  capture.type = {kNode};
  plan.plan.captures = {capture};
  const auto program = GlobalProgram::create(plan);
  INFO((program ? "" : program.error().to_string()));
  REQUIRE(program.has_value());
  std::int64_t now = 1000;
  GlobalReader reader([&now] { return ++now; });
  return reader.read(**program, kBias, memory);
}

}  // namespace

TEST_CASE("a global and what it points to are read as the kernel's machine reads them") {
  FakeMemory memory;
  memory.put(kBias + 0x100, node(11, 0x9000));
  memory.put(0x9000, node(22, 0));
  const auto seen = read(make_plan(root_at(0x100, kNode, 16)), memory);
  REQUIRE(seen);
  CHECK(!seen->is_changing);
  const Record record = decode(seen->record);
  CHECK(record.header.kind == BS_SITE_GLOBAL);
  REQUIRE(record.items.size() == 2);
  CHECK(record.items[0].header.address == kBias + 0x100);
  CHECK(record.items[0].number() == 11);
  CHECK(record.items[1].header.address == 0x9000);
  CHECK(record.items[1].header.depth == 1);
  CHECK(record.items[1].number() == 22);
}

TEST_CASE("texts end where they end, and at the end of memory") {
  FakeMemory memory;
  memory.put(kBias + 0x100, std::uint64_t{0x8ffc});
  memory.bytes(0x9000, std::string(128, 'x'));
  memory.bytes(0x8ffc, std::string("over a page") + '\0');
  memory.put(kBias + 0x108, std::uint64_t{0x9ffc});
  memory.bytes(0x9ffc, "xxxx");  // no NUL before the end
  auto plan = make_plan(root_at(0x100, kCharPointer, 8));
  plan.plan.limits.string_bytes = 64;
  auto seen = read(plan, memory);
  REQUIRE(seen);
  CHECK(decode(seen->record).items.at(1).bytes == "over a page");
  plan = make_plan(root_at(0x108, kCharPointer, 8));
  plan.plan.limits.string_bytes = 64;
  seen = read(plan, memory);
  REQUIRE(seen);
  CHECK(decode(seen->record).items.at(1).header.status == BS_ITEM_BAD_ADDRESS);
}

TEST_CASE("what is no memory is told as bad_address") {
  FakeMemory memory;
  const auto seen = read(make_plan(root_at(0x100, kNode, 16)), memory);
  REQUIRE(seen);
  CHECK(decode(seen->record).items.at(0).header.status == BS_ITEM_BAD_ADDRESS);
}

TEST_CASE("a value that changes while it is read is read again") {
  FakeMemory memory;
  memory.put(kBias + 0x100, node(1, 0x9000));
  memory.put(0x9000, node(1, 0));
  memory.before = [&] {  // the first half is old, the second new
    if (memory.reads == 2) memory.put(0x9000, node(2, 0));
    if (memory.reads == 3) memory.put(kBias + 0x100, node(2, 0x9000));
  };
  const auto seen = read(make_plan(root_at(0x100, kNode, 16)), memory);
  REQUIRE(seen);
  CHECK(!seen->is_changing);
  const Record record = decode(seen->record);
  CHECK(record.items.at(0).number() == 2);
  CHECK(record.items.at(1).number() == 2);
}

TEST_CASE("a value that never rests is told as changing, without a byte of it") {
  FakeMemory memory;
  memory.before = [&] { memory.put(kBias + 0x100, node(memory.reads, 0)); };
  const auto seen = read(make_plan(root_at(0x100, kNode, 16)), memory);
  REQUIRE(seen);
  CHECK(seen->is_changing);
  const Record record = decode(seen->record);
  REQUIRE(record.items.size() == 1);
  CHECK(record.items[0].header.status == BS_ITEM_CHANGING);
  CHECK(record.items[0].header.type == kNode);
  CHECK(record.items[0].bytes.empty());
  CHECK(memory.reads < 50);
}

TEST_CASE("memory that ends in the midst of reading makes no record") {
  FakeMemory memory;
  memory.put(kBias + 0x100, node(1, 0));
  const auto gone_at = GENERATE(1u, 2u, 3u);
  memory.before = [&] { memory.is_gone = memory.reads >= gone_at; };
  CHECK(!read(make_plan(root_at(0x100, kNode, 16)), memory));
}

TEST_CASE("the load bias is that of the mapping with the code") {
  const std::string maps =
      "5500-5600 r--p 00000000 08:01 42 /opt/shop\n"
      "560000-570000 r-xp 00001000 08:01 42 /opt/shop\n"
      "7f0000-7f1000 r-xp 00001000 08:01 43 /opt/shop (deleted)\n"
      "7f2000-7f3000 r-xp 00001000 08:01 42 /opt/other\n";
  CHECK(find_load_bias(maps, {42, "/opt/shop", 0x2040, 0x1040}) == 0x560000 + 0x40 - 0x2040);
  CHECK(find_load_bias(maps, {43, "/opt/shop", 0x1000, 0x1000}) == 0x7f0000 - 0x1000);
  CHECK(!find_load_bias(maps, {44, "/opt/shop", 0x2040, 0x1040}));
  CHECK(!find_load_bias(maps, {42, "/opt/shop", 0x2040, 0x40}));
  CHECK(!find_load_bias(maps, {42, "/opt/shop", 0x2040, 0x11000}));
}
