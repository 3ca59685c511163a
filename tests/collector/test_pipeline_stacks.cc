#include "collector/pipeline.h"

#include "schema/codec.h"
#include "tests/collector/fake_store.h"
#include "tests/collector/ring_records.h"

#include <catch2/catch.hpp>

namespace backsight::collector {
namespace {

using schema::StackEnd;

schema::Plan plan_with(schema::StackKind kind) {
  schema::Plan plan;
  plan.probe = plan.function = "f";
  plan.stack = kind;
  return plan;
}

std::vector<std::byte> with_item(std::vector<std::byte> record, bs_item item,
                                 std::vector<std::uint64_t> words) {
  item.type = BS_STACK_TYPE;
  item.root = BS_STACK_ROOT;
  item.length = item.captured = static_cast<std::uint32_t>(words.size() * 8);
  const auto add = [&](const void* bytes, std::size_t size) {
    const auto* begin = static_cast<const std::byte*>(bytes);
    record.insert(record.end(), begin, begin + size);
  };
  add(&item, sizeof item);
  add(words.data(), words.size() * 8);
  const auto size = static_cast<std::uint32_t>(record.size());
  std::memcpy(record.data(), &size, sizeof size);
  return record;
}

bs_item item_of(unsigned what, StackEnd end) {
  bs_item item{};
  item.depth = static_cast<std::uint8_t>(what);
  item.address = static_cast<std::uint64_t>(end);
  return item;
}

struct Fixture {
  explicit Fixture(schema::StackKind kind = schema::StackKind::kFramePointers)
      : pipeline(store, [&] {
          PipelineOptions options;
          options.boot_id = "boot";
          options.ask_code = [&](CodeQuestion question) { asked.push_back(std::move(question)); };
          return options;
        }()) {
    pipeline.plan_added(1, "shop", plan_with(kind));
    pipeline.process_started("shop", {41, 1, "/bin/target", {"/bin/target"}, "abcd", 10, {}});
  }
  void feed(std::uint64_t boot_ns, const bs_item& item, std::vector<std::uint64_t> words) {
    pipeline.ring_record(with_item(ring_record({.boot_ns = boot_ns}), item, std::move(words)));
  }
  FakeStore::Service& shop() { return store.services["shop"]; }

  FakeStore store;
  std::vector<CodeQuestion> asked;
  Pipeline pipeline;
};

}  // namespace

TEST_CASE("A row names its stack by id; equal stacks have one, and their code is asked for once") {
  Fixture f;
  const auto item = item_of(BS_STACK_ADDRESSES, StackEnd::kDepthLimit);
  f.feed(100, item, {0x401000, 0x402000, 0x403000});
  f.feed(110, item, {0x401000, 0x402000, 0x403000});
  f.feed(120, item, {0x401000, 0x402000});
  f.pipeline.flush(200);
  REQUIRE(f.shop().rows.size() == 3);
  const auto stacks = f.shop().stacks;
  REQUIRE(stacks.size() == 2);
  CHECK(stacks[0].process == f.shop().processes.at(0).id);
  CHECK(stacks[0].end == StackEnd::kDepthLimit);
  CHECK(stacks[0].addresses == std::vector<std::uint64_t>{0x401000, 0x402000, 0x403000});
  CHECK(stacks[1].addresses.size() == 2);
  // A header, the item of 12 bytes, and the id: no addresses.
  for (const auto& row : f.shop().rows) {
    CHECK(row.size_bytes == sizeof(schema::EventHeader) + 24 + 16 + 24 + 8);
  }
  // Rows of a later append may come into another partition: it is told of them anew.
  f.feed(210, item, {0x401000, 0x402000});
  f.pipeline.flush(300);
  CHECK(f.shop().stacks.size() == 3);
  REQUIRE(f.asked.size() == 1);
  REQUIRE(f.asked[0].addresses.size() == 3);
  CHECK(f.asked[0].addresses[0].address == (0x401000 | schema::kStackAddress));
  CHECK(f.asked[0].addresses[1].address == (0x402000 | schema::kStackAddress | schema::kStackCallAddress));
}

TEST_CASE("A stack that is missing, or is not unwound, says why; its bytes are not kept") {
  Fixture f(schema::StackKind::kDwarf);
  f.feed(100, item_of(BS_STACK_COPY, StackEnd::kByteLimit), std::vector<std::uint64_t>(100, 0x5ec7e7));
  f.pipeline.ring_record(ring_record({.boot_ns = 110}));
  f.pipeline.flush(200);
  REQUIRE(f.shop().stacks.size() == 2);
  CHECK(f.shop().stacks[0].end == StackEnd::kMemoryLimit);
  CHECK(f.shop().stacks[0].addresses.empty());
  CHECK(f.shop().stacks[1].end == StackEnd::kByteLimit);
  CHECK(f.shop().rows[0].size_bytes == sizeof(schema::EventHeader) + 24 + 16 + 24 + 8);
}

TEST_CASE("Returns have no stack, but where the probe sees nothing else") {
  Fixture f;
  f.pipeline.ring_record(ring_record({.boot_ns = 100, .kind = BS_SITE_RETURN}));
  auto plan = plan_with(schema::StackKind::kFramePointers);
  plan.on_entry = false;
  f.pipeline.plan_added(2, "shop", plan);
  const auto at_return = ring_record({.boot_ns = 110, .plan = 2, .kind = BS_SITE_RETURN});
  f.pipeline.ring_record(with_item(at_return, item_of(BS_STACK_ADDRESSES, StackEnd::kOutermost), {1, 2}));
  f.pipeline.flush(200);
  REQUIRE(f.shop().rows.size() == 2);
  CHECK(f.shop().rows[0].size_bytes == sizeof(schema::EventHeader) + 24 + 16);
  REQUIRE(f.shop().stacks.size() == 1);
  CHECK(f.shop().stacks[0].end == StackEnd::kOutermost);
}

}  // namespace backsight::collector
