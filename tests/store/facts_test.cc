// Facts, boots, locks, moments: what the timeline knows besides rows.
#include "schema/codec.h"
#include "store/timeline.h"
#include "tests/store/support.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

using namespace backsight::store::test;
using namespace backsight;
using namespace backsight::store;
using schema::ErrorCode;

namespace {

schema::Gap gap(std::int64_t from, std::uint64_t lost) {
  schema::Gap out;
  out.from = {from};
  out.to = {from + 10};
  out.reason = schema::LossReason::kThrottled;
  out.lost = lost;
  out.probe = "p";
  return out;
}

schema::ProbeStatus status(const std::string& probe, schema::ProbeState state) {
  schema::ProbeStatus out;
  out.probe = probe;
  out.state = state;
  return out;
}

schema::Moment moment(const std::string& name, std::int64_t at) {
  schema::Moment out;
  out.name = name;
  out.at = {at};
  return out;
}

}  // namespace

TEST_CASE("facts come back, equal ones once, the newest status of a probe") {
  constexpr std::int64_t kSecondNs = 1'000'000'000;
  TemporaryDirectory directory;
  auto writer = must(StoreWriter::open(options_for(directory.path())));
  schema::Plan plan;
  plan.probe = "shop::*";
  plan.function = "shop::f";
  must(writer->put_clock({{1'000}, {5'000}}));
  const auto id = must(writer->put_plan("shop", plan));
  CHECK(id == schema::plan_id(plan));
  for (int i = 0; i < 2; ++i) {
    CHECK(must(writer->put_plan("shop", plan)) == id);
    must(writer->put_gap("shop", gap(300, 2)));
    must(writer->put_gap("shop", gap(100, 7)));
    must(writer->put_thread("shop", {{9}, 10, "main", {50}}));
    must(writer->put_symbol("shop", {{9}, 0x1000, {kSecondNs}, "old(int)"}));
  }
  must(writer->put_thread("shop", {{9}, 10, "worker", {80}}));
  must(writer->put_symbol("shop", {{9}, 0x1000, {3 * kSecondNs}, "young()"}));
  must(writer->put_probe_status("shop", status("a", schema::ProbeState::kPending)));
  must(writer->put_probe_status("shop", status("a", schema::ProbeState::kActive)));
  must(writer->put_probe_status("shop", status("b", schema::ProbeState::kFailed)));
  auto copy = status("b", schema::ProbeState::kActive);
  copy.instance = 1;
  must(writer->put_probe_status("shop", copy));
  schema::Process process;
  process.id = {9};
  process.exe = "/opt/shop";
  must(writer->put_process("shop", process));
  must(writer->put_clock({{2'000}, {7'000}}));

  auto reader = must(TimelineReader::open(directory.path(), "shop"));
  CHECK(reader->plans().at(id) == plan);
  CHECK(reader->processes().at({9}) == process);
  REQUIRE(reader->gaps().size() == 2);
  CHECK(reader->gaps()[0] == gap(100, 7));
  REQUIRE(reader->probe_statuses().size() == 3);
  CHECK(reader->probe_statuses()[0].state == schema::ProbeState::kActive);
  CHECK(reader->probe_statuses()[1].state == schema::ProbeState::kFailed);
  CHECK(reader->probe_statuses()[2] == copy);
  CHECK(reader->thread_name({9}, 10, {49}).empty());
  CHECK(reader->thread_name({9}, 10, {79}) == "main");
  CHECK(reader->thread_name({9}, 10, {80}) == "worker");
  CHECK(reader->code_name({9}, 0x1000, {kSecondNs}) == "old(int)");
  CHECK(reader->code_name({9}, 0x1000, {3 * kSecondNs - 1}) == "old(int)");
  CHECK(reader->code_name({9}, 0x1000, {3 * kSecondNs}) == "young()");
  CHECK(reader->code_name({9}, 0x1000, {1}) == "old(int)");  // rows may be a second out of order
  CHECK(!reader->code_name({9}, 0x1000, {-1}));
  CHECK(!reader->code_name({9}, 0x1001, {kSecondNs}));
  CHECK(!reader->code_name({8}, 0x1000, {kSecondNs}));
  CHECK(reader->clock().to_wall({1'500}).ns == 5'500);
  CHECK(reader->clock().to_wall({2'500}).ns == 7'500);
  CHECK(must(reader->stats()).lost == 9);
  CHECK(must(reader->stats()).events == 0);
  CHECK(must(verify(directory.path(), {})).empty());

  // A clock sample is kept for services yet to come.
  must(writer->append("späti/1", make_rows(0, 1)));
  auto second = must(TimelineReader::open(directory.path(), "späti/1"));
  CHECK(second->clock().to_wall({2'500}).ns == 7'500);
  const auto spans = must(list_services(directory.path()));
  REQUIRE(spans.size() == 2);
  CHECK(spans[1].service == "späti/1");
  CHECK(spans[1].events == 1);
}

TEST_CASE("service names cannot leave the store") {
  TemporaryDirectory directory;
  auto writer = must(StoreWriter::open(options_for(directory / "store")));
  for (const char* name : {"..", ".", "../../x", "a/../b", "%2e", "a.b", " "}) {
    must(writer->append(name, make_rows(0, 1)));
    CHECK(must(TimelineReader::open(directory / "store", name)) != nullptr);
  }
  CHECK(!std::filesystem::exists(directory / "x"));
  CHECK(must(list_services(directory / "store")).size() == 7);
  CHECK(writer->append("", make_rows(0, 1)).error().code == ErrorCode::kInvalid);
}

TEST_CASE("bad rows are refused as a whole") {
  TemporaryDirectory directory;
  auto writer = must(StoreWriter::open(options_for(directory.path())));
  auto rows = make_rows(0, 3);
  rows.pop_back();
  CHECK(writer->append("shop", rows).error().code == ErrorCode::kInvalid);
  CHECK(must(writer->append("shop", {})).value == 0);
  CHECK(must(writer->append("shop", make_rows(0, 1))).value == 1);
}

TEST_CASE("rows of any size are stored, in frames of bounded size") {
  TemporaryDirectory directory;
  auto writer = must(StoreWriter::open(options_for(directory.path())));
  std::vector<std::byte> rows;
  std::vector<std::size_t> sizes = {8, 70'000, 8, 30'000, 40'000, 1'000'000, 65'528, 8};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    RowSpec spec;
    spec.tag = i;
    spec.time_ns = 1;
    spec.payload_bytes = sizes[i];
    add_row(rows, spec);
  }
  must(writer->append("shop", rows));
  CHECK(writer->counters().rows == sizes.size());
  CHECK(writer->counters().raw_bytes == rows.size());
  CHECK(writer->counters().frames >= 5);
  auto reader = must(TimelineReader::open(directory.path(), "shop"));
  std::vector<std::byte> back;
  for (std::size_t i = 1; i <= sizes.size(); ++i) {
    const auto row = must(reader->load({i}));
    back.insert(back.end(), row.begin(), row.end());
  }
  CHECK(back == rows);
}

TEST_CASE("a second writer is told who holds the store") {
  TemporaryDirectory directory;
  auto writer = must(StoreWriter::open(options_for(directory.path())));
  const auto second = StoreWriter::open(options_for(directory.path()));
  REQUIRE(!second);
  CHECK(second.error().code == ErrorCode::kBusy);
  CHECK(second.error().message.find(std::to_string(::getpid())) != std::string::npos);
  CHECK(!second.error().hint.empty());
  writer.reset();
  CHECK(StoreWriter::open(options_for(directory.path())).has_value());
}

TEST_CASE("each boot follows the one before") {
  TemporaryDirectory directory;
  std::int64_t first_base = 0;
  const std::int64_t future = schema::read_clocks().wall.ns + 1'000'000'000'000;
  schema::Process survivor;
  survivor.id = {5};
  survivor.boot_id = "boot-1";
  {
    auto writer = must(StoreWriter::open(options_for(directory.path())));
    first_base = writer->boot_base_ns();
    must(writer->put_process("shop", survivor));
    RowSpec spec;
    spec.process = 5;
    spec.time_ns = future;  // the wall clock was ahead in that boot
    must(writer->append("shop", make_row(spec)));
  }
  {
    auto writer = must(StoreWriter::open(options_for(directory.path())));
    CHECK(writer->boot_base_ns() == first_base);
  }
  auto writer = must(StoreWriter::open(options_for(directory.path(), "boot-2")));
  CHECK(writer->boot_base_ns() > future);
  CHECK(must(writer->append("shop", make_rows(0, 1, writer->boot_base_ns()))).value == 2);
  auto reader = must(TimelineReader::open(directory.path(), "shop"));
  CHECK(must(reader->stats()).partitions == 2);
  // Nothing survives a boot.
  CHECK(must(reader->fold_at({future})).open.size() == 1);
  const Fold after = must(reader->fold_at({writer->boot_base_ns() + 1}));
  REQUIRE(after.open.size() == 1);
  CHECK(after.open[0].process.value == 1);
  CHECK(after == must(reader->fold_naively({writer->boot_base_ns() + 1})));
  CHECK(must(verify(directory.path(), {})).empty());
}

TEST_CASE("messages for stores that are not there, or not for us") {
  TemporaryDirectory directory;
  CHECK(TimelineReader::open(directory / "none", "shop").error().code == ErrorCode::kNotFound);
  CHECK(list_services(directory / "none").error().code == ErrorCode::kNotFound);
  CHECK(load_moments(directory / "none").error().code == ErrorCode::kNotFound);
  CHECK(put_moment(directory / "none", moment("m", 1)).error().code == ErrorCode::kNotFound);
  {
    auto writer = must(StoreWriter::open(options_for(directory.path())));
    must(writer->append("shop", make_rows(0, 1)));
  }
  const auto missing = TimelineReader::open(directory.path(), "shap");
  CHECK(missing.error().code == ErrorCode::kNotFound);
  CHECK(missing.error().hint.find("shop") != std::string::npos);
  std::ofstream(directory / "VERSION") << "backsight-store 2\n";
  CHECK(TimelineReader::open(directory.path(), "shop").error().code == ErrorCode::kUnsupported);
  CHECK(StoreWriter::open(options_for(directory.path())).error().code == ErrorCode::kUnsupported);
  std::ofstream(directory / "VERSION") << "backsight-stXre 1\n";
  CHECK(StoreWriter::open(options_for(directory.path())).error().code == ErrorCode::kCorrupt);
  auto reader = must(TimelineReader::open(directory.path(), "shop"));
  CHECK(reader->damage().size() == 1);
  CHECK(scan_all(*reader).size() == 1);
}

TEST_CASE("moments and pins, next to a writer and to one another") {
  TemporaryDirectory directory;
  auto writer = must(StoreWriter::open(options_for(directory.path())));
  CHECK(must(load_moments(directory.path())).empty());
  must(put_moment(directory.path(), moment("b", 20)));
  must(put_moment(directory.path(), moment("a", 30)));
  must(put_moment(directory.path(), moment("b", 10)));  // replaces
  auto alert = moment("b", 5);
  alert.kind = schema::MomentKind::kAlert;
  must(put_moment(directory.path(), alert));
  const auto moments = must(load_moments(directory.path()));
  REQUIRE(moments.size() == 3);
  CHECK(moments[0] == alert);
  CHECK(moments[1] == moment("b", 10));
  CHECK(moments[2] == moment("a", 30));

  must(put_pin(directory.path(), {"p", {1}, {2}}));
  must(put_pin(directory.path(), {"q", {3}, {4}}));
  must(delete_pin(directory.path(), "p"));
  CHECK(delete_pin(directory.path(), "p").error().code == ErrorCode::kNotFound);
  CHECK(must(load_pins(directory.path())) == std::vector<schema::Pin>{{"q", {3}, {4}}});

  std::vector<std::thread> threads;
  std::atomic<int> failures{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 5; ++i) {
        const auto name = std::to_string(t) + "-" + std::to_string(i);
        if (!put_moment(directory.path(), moment(name, 100 + t * 10 + i))) ++failures;
        if (!load_moments(directory.path())) ++failures;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(failures == 0);
  CHECK(must(load_moments(directory.path())).size() == 23);
  CHECK(must(verify(directory.path(), {})).empty());
}

TEST_CASE("the floor of free space is kept, and writing goes on above it") {
  TemporaryDirectory directory;
  auto options = options_for(directory.path());
  {
    auto writer = must(StoreWriter::open(options));
    must(writer->append("shop", make_rows(0, 10)));
  }
  options.min_free_bytes = UINT64_MAX;
  {
    auto writer = must(StoreWriter::open(options));
    const auto result = writer->append("shop", make_rows(10, 1));
    REQUIRE(!result);
    CHECK(result.error().code == ErrorCode::kNoSpace);
    CHECK(!result.error().hint.empty());
    CHECK(writer->put_gap("shop", gap(1, 1)).error().code == ErrorCode::kNoSpace);
  }
  options.min_free_bytes = 0;
  auto writer = must(StoreWriter::open(options));
  CHECK(must(writer->append("shop", make_rows(10, 1))).value == 11);
}

TEST_CASE("a user who may only read can read") {
  if (::geteuid() != 0) {
    WARN("SKIPPED: needs root, to read as another user");
    return;
  }
  TemporaryDirectory directory;
  auto options = options_for(directory / "store");
  options.partition_ns = 1;
  auto writer = must(StoreWriter::open(options));
  for (int i = 0; i < 3; ++i) must(writer->append("shop", make_rows(static_cast<std::uint64_t>(i) * 10, 10)));
  must(put_moment(options.path, moment("m", 1)));
  ::chmod(directory.path().c_str(), 0755);
  ::chmod(options.path.c_str(), 0755);
  REQUIRE(::seteuid(65534) == 0);
  const auto reader = TimelineReader::open(options.path, "shop");
  const auto moments = load_moments(options.path);
  const auto refused = put_moment(options.path, moment("n", 1));
  const auto rows = reader ? scan_all(**reader).size() : 0;
  const auto damage = reader ? (*reader)->damage().size() : 99;
  REQUIRE(::seteuid(0) == 0);
  CHECK(rows == 30);
  CHECK(damage == 0);
  REQUIRE(moments.has_value());
  CHECK(moments->size() == 1);
  REQUIRE(!refused);
  CHECK(refused.error().code == ErrorCode::kPermission);
}

TEST_CASE("readers leave nothing behind") {
  TemporaryDirectory directory, temporary;
  auto options = options_for(directory.path());
  options.partition_ns = 1;
  auto writer = must(StoreWriter::open(options));
  for (int i = 0; i < 3; ++i) must(writer->append("shop", make_rows(static_cast<std::uint64_t>(i) * 10, 10)));
  const auto list = [&] {
    std::set<std::string> files;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory.path())) {
      files.insert(entry.path().string());
    }
    return files;
  };
  const auto before = list();
  ::setenv("TMPDIR", temporary.path().c_str(), 1);
  {
    auto reader = must(TimelineReader::open(directory.path(), "shop"));
    CHECK(!std::filesystem::is_empty(temporary.path()));
  }
  ::unsetenv("TMPDIR");
  CHECK(std::filesystem::is_empty(temporary.path()));
  CHECK(list() == before);
}

TEST_CASE("readers beside a writer see what was acknowledged, over rollovers and flushes") {
  TemporaryDirectory directory;
  auto options = options_for(directory.path());
  options.partition_ns = 150'000'000;
  options.write_buffer_bytes = 128 << 10;  // many flushes
  auto writer = must(StoreWriter::open(options));
  must(writer->append("shop", make_rows(0, 10)));
  std::atomic<std::uint64_t> acknowledged{10};
  std::atomic<bool> done{false};
  std::thread writing([&] {
    for (std::uint64_t next = 10; !done;) {
      const auto last = writer->append("shop", make_rows(next, 100));
      if (!last) break;
      next = last->value;
      acknowledged = next;
    }
  });
  int readers = 0;
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(3);
  while (std::chrono::steady_clock::now() < until) {
    const std::uint64_t least = acknowledged;
    auto reader = TimelineReader::open(directory.path(), "shop");
    if (!reader) {
      done = true;
      writing.join();
      FAIL(reader.error().to_string());
    }
    std::uint64_t seen = 0;
    bool in_order = true;
    (void)(*reader)->scan(kAlways, kEver, [&](const StoredEvent& stored) {
      in_order = in_order && stored.sequence.value == ++seen && stored.event.header().source_seq + 1 == seen;
      return true;
    });
    if (!in_order || seen < least || !(*reader)->damage().empty()) {
      done = true;
      writing.join();
      INFO("seen " << seen << " of " << least << ", in order: " << in_order);
      for (const auto& damage : (*reader)->damage()) UNSCOPED_INFO(damage.file << ": " << damage.what);
      FAIL("a reader beside the writer");
    }
    ++readers;
  }
  done = true;
  writing.join();
  CHECK(readers > 3);
  CHECK(must(TimelineReader::open(directory.path(), "shop"))->damage().empty());
  CHECK(must(must(TimelineReader::open(directory.path(), "shop"))->stats()).partitions > 3);
}
