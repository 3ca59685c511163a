// Bit flips in every file of a store: found or harmless, never a wrong row, and
// never beyond the partition that they are in.
#include "schema/codec.h"
#include "store/bytes.h"
#include "store/timeline.h"
#include "tests/store/support.h"

#include <fstream>
#include <map>

using namespace backsight::store::test;
using namespace backsight;
using namespace backsight::store;

namespace {

constexpr std::uint64_t kRowsEach = 900;

// Three partitions (the last one with a log), moments, plans and gaps.
void build(const std::string& store) {
  auto options = options_for(store);
  options.partition_ns = 1;
  auto writer = must(StoreWriter::open(options));
  schema::Plan plan;
  plan.probe = "p";
  must(writer->put_plan("shop", plan));
  for (std::uint64_t i = 0; i < 3; ++i) must(writer->append("shop", make_rows(i * kRowsEach, kRowsEach)));
  schema::Gap gap;
  gap.lost = 3;
  must(writer->put_gap("shop", gap));
  schema::Moment moment;
  moment.name = "m";
  moment.text = "a moment";
  must(put_moment(store, moment));
  must(put_pin(store, {"pin", {1}, {2}}));
}

void flip(const std::string& path, std::uint64_t byte, unsigned bit) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(byte));
  const int value = file.get();
  file.seekp(static_cast<std::streamoff>(byte));
  file.put(static_cast<char>(value ^ 1 << bit));
}

std::string kind_of(const std::filesystem::path& path) {
  std::string name = path.filename().string();
  if (path.extension() == ".sst" || path.extension() == ".log") return path.extension().string();
  if (name.starts_with("MANIFEST")) return "MANIFEST";
  if (name.starts_with("OPTIONS")) return "OPTIONS";
  return name;
}

struct Outcome {
  std::size_t rows = 0;
  bool damage = false;
};

// Reads everything that can be read; fails on any wrong row.
Outcome read_all(const std::string& store) {
  Outcome outcome;
  auto reader = TimelineReader::open(store, "shop");
  if (!reader) {
    outcome.damage = true;
    return outcome;
  }
  std::uint64_t last = 0;
  must((*reader)->scan(kAlways, kEver, [&](const StoredEvent& stored) {
    const std::uint64_t sequence = stored.sequence.value;
    const bool right = sequence > last && sequence <= 3 * kRowsEach;
    if (!right) FAIL("row " << sequence << " after " << last);
    const auto& row = stored.event.row();
    if (std::vector<std::byte>(row.begin(), row.end()) != make_rows(sequence - 1, 1))
      FAIL("a wrong row " << sequence);
    last = sequence;
    ++outcome.rows;
    return true;
  }));
  (void)(*reader)->fold_at({5'000'000'000});
  const auto row = (*reader)->load({kRowsEach + 7});
  if (row) CHECK(*row == make_rows(kRowsEach + 6, 1));
  std::size_t backwards = 0;
  must((*reader)->scan_backwards(kAlways, kEver, [&](const StoredEvent&) { return ++backwards, true; }));
  CHECK(backwards == outcome.rows);
  outcome.damage = !(*reader)->damage().empty();
  return outcome;
}

}  // namespace

TEST_CASE("a flipped bit is found or harmless") {
  TemporaryDirectory directory;
  build(directory / "store");
  REQUIRE(read_all(directory / "store").rows == 3 * kRowsEach);
  REQUIRE(must(verify(directory / "store", {})).empty());

  std::map<std::string, std::vector<std::string>> files;  // by kind, below the store
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory / "store")) {
    if (!entry.is_regular_file() || entry.file_size() == 0) continue;
    const auto below = entry.path().lexically_relative(directory / "store").string();
    const std::string owner = below.starts_with("moments") ? "moments " : "";
    files[owner + kind_of(entry.path())].push_back(below);
  }
  for (const char* kind : {".sst", ".log", "MANIFEST", "CURRENT", "VERSION", "LOCK", "moments .log"}) {
    INFO(kind);
    CHECK(files.contains(kind));
  }
  std::mt19937_64 random(11);
  for (const auto& [kind, paths] : files) {
    const int flips = kind == ".sst" || kind == ".log" ? 25 : 5;
    for (int i = 0; i < flips; ++i) {
      const std::string& below = paths[random() % paths.size()];
      TemporaryDirectory copy;
      std::filesystem::copy(directory / "store", copy / "store", std::filesystem::copy_options::recursive);
      const std::string path = copy / ("store/" + below);
      const std::uint64_t byte = random() % std::filesystem::file_size(path);
      flip(path, byte, static_cast<unsigned>(random() % 8));
      INFO(below << ", byte " << byte << " of " << std::filesystem::file_size(path));
      const Outcome outcome = read_all(copy / "store");
      if (kind == "VERSION") continue;  // may name another version
      CHECK((outcome.rows == 3 * kRowsEach || outcome.damage));
      CHECK(outcome.rows >= 2 * kRowsEach);  // the other partitions
      const auto found = verify(copy / "store", {});
      if (outcome.damage) CHECK((found && !found->empty()));
      auto moments = load_moments(copy / "store");
      if (kind.starts_with("moments")) {
        if (moments && !moments->empty()) CHECK(moments->at(0).text == "a moment");
      } else {
        REQUIRE(moments.has_value());
        CHECK(moments->size() == 1);
      }
    }
  }
}

TEST_CASE("a writer begins a new partition behind a damaged one, and says so") {
  TemporaryDirectory directory;
  const std::string store = directory / "store";
  build(store);
  std::vector<std::filesystem::path> partitions;
  for (const auto& entry : std::filesystem::directory_iterator(store + "/services/shop")) {
    partitions.push_back(entry.path());
  }
  std::sort(partitions.begin(), partitions.end());
  std::ofstream(partitions.back() / "CURRENT") << "MANIFEST-999999\n";
  auto writer = must(StoreWriter::open(options_for(store)));
  const std::uint64_t last = must(writer->append("shop", make_rows(0, 10))).value;
  CHECK(last > 3 * kRowsEach + 10);
  auto reader = must(TimelineReader::open(store, "shop"));
  CHECK(scan_all(*reader).size() == 2 * kRowsEach + 10);
  CHECK(reader->damage().size() == 1);
  const auto& gaps = reader->gaps();
  CHECK(std::any_of(gaps.begin(), gaps.end(),
                    [](const schema::Gap& gap) { return gap.reason == schema::LossReason::kStoreError; }));
}

TEST_CASE("checksums: known answers, and values bound to their keys") {
  CHECK(crc32c("123456789") == 0xE3069283u);
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AAu);
  CHECK(crc32c("456789", crc32c("123")) == 0xE3069283u);
  const std::string sealed = seal_value("key", "value");
  CHECK(open_value("key", sealed) == "value");
  CHECK(!open_value("kez", sealed));
  CHECK(!open_value("key", sealed + "x"));
  CHECK(!open_value("key", "abc"));
}
