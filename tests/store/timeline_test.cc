// The timeline as its users see it: written, read beside the writer, rolled, reopened.
#include "store/timeline.h"
#include "schema/codec.h"
#include "tests/store/support.h"

#include <thread>

using namespace backsight::store::test;
using namespace backsight;
using store::StoreWriter;
using store::TimelineReader;

TEST_CASE("what was appended is read back in order, beside the writer") {
  TemporaryDirectory directory;
  auto writer = must(StoreWriter::open(options_for(directory.path())));
  CHECK(must(writer->append("shop", make_rows(0, 1000))).value == 1000);
  CHECK(must(writer->append("shop", make_rows(1000, 1))).value == 1001);

  auto reader = must(TimelineReader::open(directory.path(), "shop"));
  const auto rows = scan_all(*reader);
  REQUIRE(rows.size() == 1001);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CHECK(rows[i] == SeenRow{i + 1, i, static_cast<std::int64_t>(i) * 1'000'000});
  }
  CHECK(reader->damage().empty());

  const auto loaded = must(reader->load({501}));
  CHECK(loaded == make_rows(500, 1));
  CHECK(reader->load({1002}).error().code == schema::ErrorCode::kNotFound);
  CHECK(reader->load({0}).error().code == schema::ErrorCode::kNotFound);

  SECTION("a span of time") {
    const auto some = scan_all(*reader, {100'000'000}, {200'000'000});
    REQUIRE(some.size() == 101);
    CHECK(some.front().tag == 100);
    CHECK(some.back().tag == 200);
  }
  SECTION("newest first, until the visitor has enough") {
    std::vector<std::uint64_t> tags;
    must(reader->scan_backwards({0}, {500'000'000}, [&](const store::StoredEvent& stored) {
      tags.push_back(stored.event.header().source_seq);
      return tags.size() < 3;
    }));
    CHECK(tags == std::vector<std::uint64_t>{500, 499, 498});
  }
}
