// Event rows: what is built is read back, and no bytes can hurt the reader.
#include "schema/event.h"

#include "tests/support/result.h"

#include <catch2/catch.hpp>

#include <cstring>
#include <random>

namespace backsight::schema {
namespace {

EventHeader header() {
  EventHeader out;
  out.kind = static_cast<std::uint16_t>(EventKind::kReturn);
  out.flags = kEventByteLimit;
  out.boot_ns = 123'456'789;
  out.source_seq = 7;
  out.source = 3;
  out.tid = 43;
  out.process = 0x1122334455667788;
  out.plan = 0x99aabbccddeeff00;
  out.frame = 0x7ffd12345678;
  return out;
}

std::vector<std::byte> bytes(std::size_t size) {
  std::vector<std::byte> out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = std::byte(i * 7 + 1);
  return out;
}

ItemHeader item(std::uint32_t type, std::uint16_t root, ItemStatus status, std::uint32_t length) {
  ItemHeader out;
  out.type = type;
  out.root = root;
  out.status = static_cast<std::uint8_t>(status);
  out.depth = 1;
  out.address = 0x7f00deadbeef;
  out.length = length;
  return out;
}

std::vector<std::byte> row() {
  return EventBuilder(header())
      .add_item(item(1, 0, ItemStatus::kOk, 13), bytes(13))
      .add_item(item(2, 1, ItemStatus::kBadAddress, 16), {})
      .add_item(item(3, 2, ItemStatus::kStringLimit, 100), bytes(8))
      .finish();
}

TEST_CASE("a row reads back as it was built") {
  const auto built = row();
  REQUIRE(built.size() == 56 + (24 + 16) + 24 + (24 + 8));
  const auto view = EventView::parse(built);
  REQUIRE(view);
  CHECK(view->kind() == EventKind::kReturn);
  CHECK(view->header().size_bytes == built.size());
  CHECK(view->header().flags == kEventByteLimit);
  CHECK(view->time() == BootTime{123'456'789});
  CHECK(view->process() == ProcessId{0x1122334455667788});
  CHECK(view->plan() == PlanId{0x99aabbccddeeff00});
  CHECK(view->header().frame == 0x7ffd12345678);
  CHECK(view->row().size() == built.size());

  const auto items = view->items();
  REQUIRE(items.size() == 3);
  CHECK(items[0].header.captured == 13);
  const auto expected = bytes(13);
  CHECK(std::equal(items[0].bytes.begin(), items[0].bytes.end(), expected.begin(), expected.end()));
  CHECK(items[1].header.status == static_cast<std::uint8_t>(ItemStatus::kBadAddress));
  CHECK(items[1].header.length == 16);
  CHECK(items[1].bytes.empty());
  CHECK(items[2].header.length == 100);
  CHECK(items[2].header.captured == 8);
}

TEST_CASE("the layout is the documented one") {
  const auto built = row();
  std::uint32_t size = 0;
  std::memcpy(&size, built.data(), 4);
  CHECK(size == built.size());
  CHECK(built[4] == std::byte{2});             // kind
  CHECK(built[24] == std::byte{3});            // source
  CHECK(built[28] == std::byte{43});           // tid
  CHECK(built[56] == std::byte{1});            // type of the first item
  CHECK(built[56 + 20] == std::byte{13});      // captured
  CHECK(built[56 + 24] == std::byte{1});       // its first byte
  CHECK(built[56 + 24 + 13] == std::byte{0});  // padding
}

TEST_CASE("a row without items") {
  const auto built = EventBuilder(header()).finish();
  const auto view = EventView::parse(built);
  REQUIRE(view);
  CHECK(view->items().empty());
}

TEST_CASE("concatenated rows are read one by one") {
  auto rows = row();
  const auto one = rows.size();
  const auto second = EventBuilder(header()).finish();
  rows.insert(rows.end(), second.begin(), second.end());
  const auto first = EventView::parse(rows);
  REQUIRE(first);
  CHECK(first->row().size() == one);
  const auto next = EventView::parse(std::span<const std::byte>(rows).subspan(one));
  REQUIRE(next);
  CHECK(next->row().size() == second.size());
}

TEST_CASE("every truncated row is refused") {
  const auto built = row();
  for (std::size_t size = 0; size < built.size(); ++size) {
    const auto view = EventView::parse(std::span<const std::byte>(built).first(size));
    REQUIRE_FALSE(view);
    CHECK(view.error().code == ErrorCode::kCorrupt);
  }
}

void put32(std::vector<std::byte>& row, std::size_t at, std::uint32_t value) {
  std::memcpy(row.data() + at, &value, sizeof value);
}

TEST_CASE("contradictions in a row are refused") {
  auto bad = row();
  SECTION("size smaller than the header") {
    put32(bad, 0, 48);
  }
  SECTION("size not a multiple of 8") {
    put32(bad, 0, static_cast<std::uint32_t>(bad.size() - 4));
  }
  SECTION("size cuts an item") {
    put32(bad, 0, static_cast<std::uint32_t>(bad.size() - 8));
  }
  SECTION("size leaves part of an item header") {
    put32(bad, 0, 56 + 8);
  }
  SECTION("size beyond the bytes") {
    put32(bad, 0, static_cast<std::uint32_t>(bad.size() + 8));
  }
  SECTION("item larger than the row") {
    put32(bad, 56 + 20, 4'000);
  }
  SECTION("item of the largest size") {
    put32(bad, 56 + 20, 0xffffffff);
  }
  SECTION("kind 0") {
    bad[4] = std::byte{0};
  }
  SECTION("kind unknown") {
    bad[4] = std::byte{9};
  }
  SECTION("item status unknown") {
    bad[56 + 6] = std::byte{static_cast<std::uint8_t>(ItemStatus::kLast) + 1};
  }
  CHECK_FALSE(EventView::parse(bad));
}

TEST_CASE("random damage never reaches outside the row") {
  std::mt19937 random(7);
  const auto built = row();
  for (int i = 0; i < 20'000; ++i) {
    auto damaged = built;
    for (int flips = 1 + int(random() % 4); flips > 0; --flips) {
      damaged[random() % damaged.size()] ^= std::byte(1u << random() % 8);
    }
    const auto view = EventView::parse(damaged);
    if (!view) continue;
    std::size_t total = sizeof(EventHeader);
    for (const Item& one : view->items()) {
      REQUIRE(one.bytes.data() >= damaged.data());
      REQUIRE(one.bytes.data() + one.bytes.size() <= damaged.data() + damaged.size());
      total += sizeof(ItemHeader) + (one.bytes.size() + 7) / 8 * 8;
    }
    CHECK(total == view->row().size());
  }
}

}  // namespace
}  // namespace backsight::schema
