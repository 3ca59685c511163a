#include "collector/collector.h"
#include "collector/pipeline.h"
#include "collector/tape.h"
#include "tests/collector/fake_store.h"
#include "tests/collector/ring_records.h"
#include "tests/support/result.h"

#include <catch2/catch.hpp>

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace backsight::collector {
namespace {

// Notes all that flows in, as text.
class Notes final : public PipelineInput {
 public:
  void plan_added(std::uint32_t index, const std::string& service, const schema::Plan& plan) override {
    note("plan", index, service, plan.function);
  }
  void plan_sampled(std::uint32_t index, std::uint8_t generation, const schema::Plan& plan) override {
    note("sampled", index, static_cast<int>(generation), plan.function, plan.sample_below);
  }
  void plan_removed(std::uint32_t index) override { note("plan removed", index); }
  void process_started(const std::string& service, const ProcessImage& image) override {
    note("process", service, image.pid, image.exe, image.started_boot_ns, image.ended_boot_ns.value_or(-1));
  }
  void process_ended(std::uint32_t pid, std::int64_t boot_ns) override { note("ended", pid, boot_ns); }
  void ring_record(std::span<const std::byte> record) override {
    bs_event event{};
    std::memcpy(&event, record.data(), std::min(record.size(), sizeof event));
    note("record", record.size(), static_cast<std::int64_t>(event.boot_ns), event.tid);
  }
  void batch_done(std::int64_t now_ns, bool drained) override { note("batch", now_ns, drained); }
  void counters_read(std::uint32_t index, const bs_plan_counters& counters, std::int64_t now_ns) override {
    note("counters", index, counters.hits, now_ns);
  }
  void clock_read(const schema::ClockSample& sample) override {
    note("clock", sample.boot.ns, sample.wall.ns);
  }
  void code_named(const std::string& service, const CodeName& name) override {
    note("code", service, name.pid, name.started_boot_ns, name.address, name.since_boot_ns, name.name);
  }
  void gap_found(const std::string& service, const schema::Gap& gap) override {
    note("gap", service, gap.from.ns, gap.to.ns, to_string(gap.reason));
  }
  void status_changed(const std::string& service, const schema::ProbeStatus& status) override {
    note("status", service, status.probe, status.at.ns);
  }
  std::vector<std::string> lines;

 private:
  template <class... Parts>
  void note(const Parts&... parts) {
    std::ostringstream line;
    ((line << parts << ' '), ...);
    lines.push_back(line.str());
  }
};

void feed(PipelineInput& input) {
  schema::Plan plan;
  plan.probe = plan.function = "f";
  input.clock_read({{50}, {1'000'050}});
  input.plan_added(1, "shop", plan);
  input.process_started("shop", {41, 1, "/bin/target", {"target", ""}, "ab", 10, {}});
  for (std::uint64_t i = 0; i < 3; ++i) input.ring_record(ring_record({.boot_ns = 100 + i}));
  input.batch_done(200, true);
  bs_plan_counters counters{};
  counters.hits = 3;
  input.counters_read(1, counters, 210);
  input.code_named("shop", {41, 10, 0x401000, 215, "on_sale(int)"});
  input.gap_found("shop", {{1}, {2}, schema::LossReason::kCollectorDown, 0, "", {}});
  schema::ProbeStatus status;
  status.probe = "f";
  status.at = {220};
  input.status_changed("shop", status);
  input.process_ended(41, 230);
  input.plan_removed(1);
  input.batch_done(240, true);
}

struct TapeFile {
  TapeFile() {
    char name[] = "/tmp/backsight-tape-XXXXXX";
    close(mkstemp(name));
    path = name;
  }
  ~TapeFile() { std::filesystem::remove(path); }
  void record() {
    Notes ignored;
    auto tape = TapeWriter::create(path, ignored);
    REQUIRE(tape);
    feed(**tape);
    CHECK((*tape)->is_good());
  }
  std::string read() const {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(const std::string& bytes) const { std::ofstream(path, std::ios::binary) << bytes; }
  std::string path;
};

}  // namespace

TEST_CASE("A tape gives back what was recorded, in order, and passes it on meanwhile") {
  TapeFile file;
  Notes direct, passed, played;
  feed(direct);
  {
    auto tape = TapeWriter::create(file.path, passed);
    REQUIRE(tape);
    feed(**tape);
  }
  CHECK(passed.lines == direct.lines);
  REQUIRE(play_tape(file.path, played, {}));
  CHECK(played.lines == direct.lines);
}

TEST_CASE("A tape can be played as if it ended now") {
  TapeFile file;
  file.record();
  Notes played;
  REQUIRE(play_tape(file.path, played, 1240));
  CHECK(played.lines[0] == "clock 1050 1001050 ");
  CHECK(played.lines[2] == "process shop 41 /bin/target 1010 -1 ");
  CHECK(played.lines[3] == "record 104 1100 43 ");
  CHECK(played.lines.back() == "batch 1240 1 ");
}

TEST_CASE("A tape replayed into a store gives its rows") {
  TapeFile file;
  file.record();
  FakeStore store;
  const auto rows = replay_tape(file.path, store);
  REQUIRE(rows);
  CHECK(*rows == 3);
  CHECK(store.services["shop"].rows.size() == 3);
  REQUIRE(store.services["shop"].processes.size() == 2);
  CHECK(store.services["shop"].processes[1].ended);
}

TEST_CASE("A tape cut off anywhere plays what stands before and says so") {
  TapeFile file;
  file.record();
  const auto whole = file.read();
  Notes all;
  REQUIRE(play_tape(file.path, all, {}));
  std::size_t clean = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    file.write(whole.substr(0, size));
    Notes played;
    const auto result = play_tape(file.path, played, {});
    clean += result.has_value();
    if (!result) CHECK(result.error().code == schema::ErrorCode::kCorrupt);
    REQUIRE(std::equal(played.lines.begin(), played.lines.end(), all.lines.begin()));
  }
  CHECK(clean == all.lines.size() + 1);  // at a record's end nothing can be seen to be missing
}

TEST_CASE("A damaged tape is refused at the damaged record") {
  TapeFile file;
  file.record();
  const auto whole = file.read();
  Notes all;
  REQUIRE(play_tape(file.path, all, {}));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    auto bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x40);
    file.write(bytes);
    Notes played;
    const auto result = play_tape(file.path, played, {});
    INFO("byte " << at);
    REQUIRE_FALSE(result);
    CHECK(result.error().code == schema::ErrorCode::kCorrupt);
    REQUIRE(played.lines.size() < all.lines.size());
    REQUIRE(std::equal(played.lines.begin(), played.lines.end(), all.lines.begin()));
  }
}

TEST_CASE("What is not a tape is named") {
  Notes played;
  const auto missing = play_tape("/nonexistent/tape", played, {});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message.find("/nonexistent/tape") != std::string::npos);
  const auto other = play_tape("/bin/sleep", played, {});
  REQUIRE_FALSE(other);
  CHECK(other.error().message == "/bin/sleep is not a tape");
}

}  // namespace backsight::collector
