#include "collector/pipeline.h"

#include "tests/collector/fake_store.h"
#include "tests/collector/ring_records.h"

#include <catch2/catch.hpp>

namespace backsight::collector {
namespace {

constexpr std::int64_t kMs = 1'000'000;

schema::Plan plan_of(const std::string& probe) {
  schema::Plan plan;
  plan.probe = plan.function = probe;
  plan.module_path = "/bin/target";
  plan.build_id = "abcd";
  return plan;
}

ProcessImage image(std::uint32_t pid, std::int64_t started_ns, const std::string& exe = "/bin/target") {
  return {pid, 1, exe, {exe}, "abcd", started_ns, {}};
}

struct Fixture {
  explicit Fixture(PipelineOptions options = {})
      : pipeline(store, [&] {
          options.boot_id = "boot";
          options.host = "h1";
          return options;
        }()) {
    pipeline.plan_added(1, "shop", plan_of("f"));
    pipeline.process_started("shop", image(41, 10));
  }
  void feed(const RecordSpec& spec) { pipeline.ring_record(ring_record(spec)); }
  FakeStore::Service& shop() { return store.services["shop"]; }

  FakeStore store;
  Pipeline pipeline;
};

}  // namespace

TEST_CASE("A record becomes a row with its identities and the store's time") {
  Fixture f;
  f.feed({.boot_ns = 100, .seq = 7});
  f.pipeline.flush(200);
  REQUIRE(f.shop().rows.size() == 1);
  const auto& row = f.shop().rows[0];
  CHECK(row.size_bytes == sizeof(schema::EventHeader) + 24 + 16);
  CHECK(row.kind == static_cast<std::uint16_t>(schema::EventKind::kEntry));
  CHECK(row.boot_ns == 100 + f.store.base_ns);
  CHECK(row.source_seq == 7);
  CHECK(row.tid == 43);
  CHECK(row.frame == 0x7ffc0000);
  CHECK(row.plan == schema::plan_id(plan_of("f")).value);
  REQUIRE(f.shop().processes.size() == 1);
  CHECK(row.process == f.shop().processes[0].id.value);
  CHECK(f.shop().processes[0].started.ns == 10 + f.store.base_ns);
  CHECK(f.shop().processes[0].host == "h1");
  REQUIRE(f.shop().threads.size() == 1);
  CHECK(f.shop().threads[0].name == "worker");
  CHECK(f.shop().plans.size() == 1);
}

TEST_CASE("A batch is ordered by time, and records of equal time keep their order") {
  Fixture f;
  f.feed({.boot_ns = 300, .tid = 1, .seq = 1});
  f.feed({.boot_ns = 100, .tid = 2, .seq = 2});
  f.feed({.boot_ns = 200, .tid = 2, .seq = 3});
  f.feed({.boot_ns = 200, .tid = 2, .kind = BS_SITE_RETURN, .seq = 4});
  f.pipeline.flush(400);
  std::vector<std::uint64_t> order;
  for (const auto& row : f.shop().rows) order.push_back(row.source_seq);
  CHECK(order == std::vector<std::uint64_t>{2, 3, 4, 1});
}

TEST_CASE("A thread's name is a fact when it is new or has changed") {
  Fixture f;
  for (const auto* name : {"a", "a", "b", "b", "a"}) f.feed({.boot_ns = 100, .comm = name});
  f.pipeline.flush(200);
  std::vector<std::string> names;
  for (const auto& thread : f.shop().threads) names.push_back(thread.name);
  CHECK(names == std::vector<std::string>{"a", "b", "a"});
}

TEST_CASE("A pid that is used again is another process; so is another program by exec") {
  Fixture f;
  f.feed({.boot_ns = 100});
  f.feed({.boot_ns = 500});
  f.pipeline.process_ended(41, 200);
  f.pipeline.process_started("shop", image(41, 400));
  f.feed({.boot_ns = 150});
  f.pipeline.process_started("shop", image(41, 600, "/bin/other"));
  f.feed({.boot_ns = 700});
  f.pipeline.flush(800);
  const auto& rows = f.shop().rows;
  REQUIRE(rows.size() == 4);  // times 100, 150, 500, 700
  CHECK(rows[0].process == rows[1].process);
  CHECK(rows[1].process != rows[2].process);
  CHECK(rows[2].process != rows[3].process);
  std::map<std::uint64_t, std::optional<std::int64_t>> ended;
  for (const auto& process : f.shop().processes) {
    ended[process.id.value] =
        process.ended ? std::optional(process.ended->ns - f.store.base_ns) : std::nullopt;
  }
  CHECK(ended[rows[0].process] == 200);
  CHECK(ended[rows[2].process] == 600);
  CHECK_FALSE(ended[rows[3].process]);
}

TEST_CASE("That a process ended is written behind its last rows") {
  Fixture f;
  f.pipeline.process_ended(41, 200);
  f.feed({.boot_ns = 100});
  f.pipeline.batch_done(300, false);  // more is in the ring
  CHECK(std::none_of(f.shop().processes.begin(), f.shop().processes.end(),
                     [](const auto& process) { return process.ended.has_value(); }));
  f.feed({.boot_ns = 190});
  f.pipeline.batch_done(400, true);
  f.pipeline.flush(500);
  CHECK(f.shop().rows.size() == 2);
  REQUIRE(f.shop().processes.size() == 2);
  CHECK(f.shop().processes.back().ended == schema::BootTime{200 + f.store.base_ns});
  CHECK(f.shop().rows[0].process == f.shop().rows[1].process);
}

TEST_CASE("A process that was never announced is asked for, and made up if need be") {
  PipelineOptions options;
  Pipeline* pipeline = nullptr;
  options.find_process = [&](const std::string& service, std::uint32_t pid, std::int64_t) {
    if (pid == 50) pipeline->process_started(service, image(50, 20, "/bin/found"));
  };
  Fixture f(options);
  pipeline = &f.pipeline;
  f.feed({.boot_ns = 100, .tgid = 50});
  f.feed({.boot_ns = 101, .tgid = 51});
  f.pipeline.flush(200);
  REQUIRE(f.shop().processes.size() == 3);
  CHECK(f.shop().processes[1].exe == "/bin/found");
  CHECK(f.shop().processes[2].exe == "/bin/target");  // what the plan says
  CHECK(f.shop().processes[2].started.ns == 101 + f.store.base_ns);
}

TEST_CASE("One process in two services is known to both") {
  Fixture f;
  f.pipeline.plan_added(2, "audit", plan_of("g"));
  f.feed({.boot_ns = 100});
  f.feed({.boot_ns = 101, .plan = 2});
  f.pipeline.flush(200);
  REQUIRE(f.store.services["audit"].processes.size() == 1);
  CHECK(f.store.services["audit"].processes[0] == f.shop().processes[0]);
  CHECK(f.store.services["audit"].rows.size() == 1);
  CHECK(f.store.services["audit"].threads.size() == 1);
  CHECK(f.shop().rows.size() == 1);
}

TEST_CASE("Malformed records are counted, never stored") {
  Fixture f;
  auto good = ring_record({.boot_ns = 100});
  const auto feed_damaged = [&](auto damage) {
    auto record = good;
    damage(record);
    f.pipeline.ring_record(record);
  };
  const auto item_at = sizeof(bs_event);
  feed_damaged([](auto& record) { record.clear(); });
  feed_damaged([](auto& record) { record.resize(16); });
  feed_damaged([](auto& record) { record.resize(record.size() - 8); });
  feed_damaged([](auto& record) { record[4] = std::byte{9}; });                      // kind
  feed_damaged([&](auto& record) { record[item_at + 20] = std::byte{0xff}; });       // captured
  feed_damaged([&](auto& record) { std::memset(&record[item_at + 16], 0xff, 8); });  // length, captured
  feed_damaged([](auto& record) { std::memset(&record[28], 0x7f, 4); });             // plan
  f.pipeline.ring_record(good);
  f.pipeline.flush(400 * kMs);
  CHECK(f.shop().rows.size() == 1);
  std::uint64_t lost = 0;
  for (const auto& gap : f.shop().gaps) {
    CHECK(gap.reason == schema::LossReason::kMalformed);
    lost += gap.lost;
  }
  CHECK(lost == 7);
}

TEST_CASE("Rows are committed in groups: by size, by age") {
  PipelineOptions options;
  options.commit_bytes = 1000;
  Fixture f(options);
  for (int i = 0; i < 25; ++i) f.feed({.boot_ns = 100});
  f.pipeline.batch_done(1 * kMs, true);
  CHECK(f.shop().appended == std::vector<std::size_t>{1056, 1056});  // 11 rows of 96 bytes each
  CHECK(f.pipeline.has_pending());
  f.pipeline.batch_done(5 * kMs, true);
  CHECK(f.shop().rows.size() == 22);
  f.pipeline.batch_done(12 * kMs, true);
  CHECK(f.shop().rows.size() == 25);
  CHECK_FALSE(f.pipeline.has_pending());
}

TEST_CASE("Globals wait for one another, and no call waits for them") {
  Fixture f;
  f.pipeline.plan_added(kFirstGlobalPlan, "shop", plan_of("global:g"));
  const RecordSpec global{.boot_ns = 100, .plan = kFirstGlobalPlan, .tid = 0, .kind = BS_SITE_GLOBAL};
  f.feed(global);
  f.pipeline.batch_done(1000 * kMs, true);
  f.pipeline.batch_done(1400 * kMs, true);
  CHECK(f.shop().rows.empty());
  CHECK(f.pipeline.has_pending());
  SECTION("for half a second") {
    f.pipeline.batch_done(1500 * kMs, true);
    CHECK(f.shop().rows.size() == 1);
    CHECK(f.shop().threads.empty());
  }
  SECTION("or until a call is there") {
    f.feed({.boot_ns = 200});
    f.pipeline.batch_done(1410 * kMs, true);
    f.pipeline.batch_done(1420 * kMs, true);
    CHECK(f.shop().rows.size() == 2);
    f.feed(global);
    f.pipeline.batch_done(1430 * kMs, true);
    f.pipeline.batch_done(1450 * kMs, true);
    CHECK(f.shop().rows.size() == 2);
  }
}

TEST_CASE("What does not fit in memory is dropped and becomes a gap") {
  PipelineOptions options;
  options.queue_limit_bytes = 1000;
  Fixture f(options);
  for (int i = 0; i < 20; ++i) f.feed({.boot_ns = static_cast<std::uint64_t>(100 + i)});
  f.pipeline.flush(400 * kMs);
  const auto kept = f.shop().rows.size();
  CHECK(kept < 20);
  REQUIRE(f.shop().gaps.size() == 1);
  CHECK(f.shop().gaps[0].reason == schema::LossReason::kMemoryLimit);
  CHECK(f.shop().gaps[0].lost == 20 - kept);
  CHECK(f.shop().gaps[0].probe == "f");
  CHECK(f.shop().gaps[0].to.ns == 119 + f.store.base_ns);
  schema::ProbeStatus status;
  status.plan = schema::plan_id(plan_of("f"));
  status.hits = status.kept = 20;
  f.pipeline.status_changed("shop", status);
  f.pipeline.flush(500 * kMs);
  REQUIRE(f.shop().statuses.size() == 1);
  CHECK(f.shop().statuses[0].hits == 20);
  CHECK(f.shop().statuses[0].kept == kept);
  CHECK(f.shop().statuses[0].lost.at(static_cast<std::size_t>(schema::LossReason::kMemoryLimit)) ==
        20 - kept);
}

TEST_CASE("A failing store loses rows, keeps facts, and gets the gap when it works again") {
  const auto code = GENERATE(schema::ErrorCode::kNoSpace, schema::ErrorCode::kIo);
  std::vector<std::string> log;
  PipelineOptions options;
  options.log = [&](const std::string& message) { log.push_back(message); };
  Fixture f(options);
  f.store.failure = schema::make_error(code, "the disk is full");
  for (int i = 0; i < 3; ++i) f.feed({.boot_ns = static_cast<std::uint64_t>(100 + i)});
  f.pipeline.batch_done(1 * kMs, true);
  f.pipeline.batch_done(300 * kMs, true);
  f.pipeline.batch_done(600 * kMs, true);
  CHECK(f.pipeline.totals().queue_bytes == 0);
  CHECK(f.pipeline.totals().store_errors > 0);
  f.store.failure.reset();
  f.pipeline.batch_done(900 * kMs, true);
  f.feed({.boot_ns = 950 * kMs});
  f.pipeline.flush(1000 * kMs);
  CHECK(f.shop().rows.size() == 1);
  CHECK(f.shop().plans.size() == 1);
  CHECK(f.shop().processes.size() == 1);
  REQUIRE(f.shop().gaps.size() == 1);
  CHECK(f.shop().gaps[0].reason == (code == schema::ErrorCode::kNoSpace ? schema::LossReason::kStoreFull
                                                                        : schema::LossReason::kStoreError));
  CHECK(f.shop().gaps[0].lost == 3);
  CHECK(f.shop().gaps[0].from.ns == 100 + f.store.base_ns);
  CHECK(f.shop().gaps[0].to.ns == 102 + f.store.base_ns);
  CHECK(log.size() == 2);  // failing once, working once
  schema::ProbeStatus status;
  status.plan = schema::plan_id(plan_of("f"));
  status.hits = status.kept = 4;
  f.pipeline.add_losses("shop", status);
  CHECK(status.kept == 1);
  CHECK(status.lost.at(static_cast<std::size_t>(f.shop().gaps[0].reason)) == 3);
}

TEST_CASE("The kernel's loss counters become gaps of their probe") {
  Fixture f;
  bs_plan_counters counters{};
  counters.hits = 10;
  f.pipeline.batch_done(200 * kMs, true);
  f.pipeline.counters_read(1, counters, 200 * kMs);
  counters.lost[BS_LOSS_RING_FULL] = 4;
  f.pipeline.counters_read(1, counters, 400 * kMs);
  f.pipeline.batch_done(400 * kMs, true);
  counters.lost[BS_LOSS_RING_FULL] = 5;
  counters.lost[BS_LOSS_TOO_LARGE] = 2;
  f.pipeline.counters_read(1, counters, 600 * kMs);
  f.pipeline.counters_read(99, counters, 600 * kMs);  // no such plan
  f.pipeline.batch_done(600 * kMs, true);
  REQUIRE(f.shop().gaps.size() == 3);
  CHECK(f.shop().gaps[0] == schema::Gap{{200 * kMs + f.store.base_ns},
                                        {400 * kMs + f.store.base_ns},
                                        schema::LossReason::kRingFull,
                                        4,
                                        "f",
                                        {}});
  CHECK(f.shop().gaps[1].lost == 1);
  CHECK(f.shop().gaps[2].reason == schema::LossReason::kTooLarge);
}

}  // namespace backsight::collector
