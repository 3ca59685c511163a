// What survives: a writer killed at any moment, a log torn at any byte.
#include "store/timeline.h"
#include "tests/store/support.h"

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

extern char** environ;

using namespace backsight::store::test;
using namespace backsight;
using namespace backsight::store;

namespace {

// Runs the crash writer for a while, kills it, and returns what it had acknowledged.
std::uint64_t run_and_kill(const std::string& store, std::uint64_t seed, std::int64_t lifetime_us) {
  int pipe_fds[2];
  REQUIRE(::pipe(pipe_fds) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, pipe_fds[0]);
  const std::string seed_text = std::to_string(seed);
  const char* argv[] = {BACKSIGHT_CRASH_WRITER, store.c_str(), seed_text.c_str(), nullptr};
  pid_t pid = 0;
  REQUIRE(::posix_spawn(&pid, argv[0], &actions, nullptr, const_cast<char**>(argv), environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe_fds[1]);

  // From its first sign of life, so that most of the time goes into appending.
  std::uint64_t acknowledged = 0, value = 0;
  pollfd ready{pipe_fds[0], POLLIN, 0};
  ::poll(&ready, 1, seed % 8 == 0 ? static_cast<int>(seed % 40) : 20'000);
  const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(lifetime_us);
  while (std::chrono::steady_clock::now() < until && ::poll(&ready, 1, 0) >= 0) {
    if (ready.revents & POLLIN) {
      if (::read(pipe_fds[0], &value, 8) == 8) acknowledged = value;
    } else if (ready.revents != 0) {
      break;
    }
  }
  ::kill(pid, SIGKILL);
  while (::read(pipe_fds[0], &value, 8) == 8) acknowledged = value;
  int status = 0;
  ::waitpid(pid, &status, 0);
  ::close(pipe_fds[0]);
  INFO("the writer ended by itself with status " << status);
  REQUIRE(WIFSIGNALED(status));
  return acknowledged;
}

// Every row once, in order, with its own content; returns how many.
std::uint64_t check_prefix(const std::string& store) {
  auto reader = must(TimelineReader::open(store, "shop"));
  for (const auto& damage : reader->damage()) UNSCOPED_INFO(damage.file << ": " << damage.what);
  REQUIRE(reader->damage().empty());
  std::uint64_t count = 0;
  bool sound = true;
  must(reader->scan(kAlways, kEver, [&](const StoredEvent& stored) {
    ++count;
    sound = sound && stored.sequence.value == count && stored.event.header().source_seq == count &&
            stored.event.header().frame == 1000 + count % 11;
    return true;
  }));
  REQUIRE(sound);
  REQUIRE(must(reader->stats()).events == count);
  return count;
}

}  // namespace

TEST_CASE("kill -9 loses nothing acknowledged, at any moment") {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(18);
  std::mt19937_64 random(42);
  int iterations = 0;
  std::uint64_t rows = 0;
  while (iterations < 300 && std::chrono::steady_clock::now() < until) {
    TemporaryDirectory directory;
    std::uint64_t least = 0;
    for (int life = 0; life < 12; ++life, ++iterations) {
      const std::uint64_t seed = random();
      INFO("iteration " << iterations << ", seed " << seed);
      const std::uint64_t acknowledged =
          run_and_kill(directory / "store", seed, static_cast<std::int64_t>(random() % 3'000));
      least = std::max(least, acknowledged);
      if (!std::filesystem::exists(directory / "store/services/shop")) continue;
      const std::uint64_t recovered = check_prefix(directory / "store");
      REQUIRE(recovered >= least);
      least = recovered;  // what a reader has seen stays
    }
    rows += least;
    const auto damage = must(verify(directory / "store", {}));
    for (const auto& each : damage) UNSCOPED_INFO(each.file << ": " << each.what);
    REQUIRE(damage.empty());
  }
  std::printf("killed %d times over %llu rows\n", iterations, static_cast<unsigned long long>(rows));
  CHECK(iterations >= 24);
}

TEST_CASE("a torn log gives a prefix, never a wrong row, and the writer goes on") {
  TemporaryDirectory directory;
  const std::string store = directory / "store";
  std::vector<std::uint64_t> ends;
  {
    auto writer = must(StoreWriter::open(options_for(store)));
    for (std::uint64_t i = 0; i < 12; ++i) {
      ends.push_back(must(writer->append("shop", make_rows(ends.empty() ? 0 : ends.back(), 5 + i))).value);
    }
  }
  std::filesystem::path log;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(store + "/services")) {
    if (entry.path().extension() == ".log" && entry.file_size() > 0) log = entry.path();
  }
  REQUIRE(!log.empty());
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(log));
  REQUIRE(size > 2000);
  const std::string relative = std::filesystem::path(log).lexically_relative(store).string();
  for (std::int64_t cut = 0; cut <= 1400; cut += cut < 60 ? 1 : 37) {
    INFO("cut " << cut << " of " << size);
    TemporaryDirectory copy;
    std::filesystem::copy(store, copy / "store", std::filesystem::copy_options::recursive);
    std::filesystem::resize_file(copy / ("store/" + relative), static_cast<std::uintmax_t>(size - cut));
    std::uint64_t seen = 0;
    {
      auto reader = must(TimelineReader::open(copy / "store", "shop"));
      const auto rows = scan_all(*reader);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        REQUIRE((rows[i].sequence == i + 1 && rows[i].tag == i));
      }
      seen = rows.size();
      REQUIRE((seen == 0 || std::find(ends.begin(), ends.end(), seen) != ends.end()));  // whole appends
      if (cut == 0) REQUIRE(seen == ends.back());
    }
    if (cut % 7 != 0) continue;
    auto writer = must(StoreWriter::open(options_for(copy / "store")));
    REQUIRE(must(writer->append("shop", make_rows(seen, 3))).value == seen + 3);
    auto reader = must(TimelineReader::open(copy / "store", "shop"));
    REQUIRE(scan_all(*reader).size() == seen + 3);
    REQUIRE(must(verify(copy / "store", {})).empty());
  }
}

TEST_CASE("a full disk: refused, nothing acknowledged is lost, and writing resumes") {
  TemporaryDirectory directory;
  if (::mount("tmpfs", directory.path().c_str(), "tmpfs", 0, "size=8m") != 0) {
    WARN("SKIPPED: needs root, to mount a small file system");
    return;
  }
  auto options = options_for(directory / "store");
  // With a floor above what RocksDB needs, and with none: then RocksDB itself meets the end.
  options.min_free_bytes = GENERATE(2u << 20, 0u);
  options.write_buffer_bytes = 1 << 20;
  std::uint64_t acknowledged = 0;
  {
    auto writer = must(StoreWriter::open(options));
    acknowledged = must(writer->append("shop", make_rows(0, 10))).value;
    const std::string filler = directory / "filler";
    for (int round = 0; round < 3; ++round) {
      INFO("round " << round << ", floor " << options.min_free_bytes);
      {
        std::ofstream file(filler);
        for (int i = 0; i < 2 && file; ++i) file << std::string(1 << 20, 'x') << std::flush;
      }
      schema::Result<schema::Sequence> result = schema::Sequence{};
      for (int i = 0; i < 3000 && result; ++i) {
        std::vector<std::byte> rows;
        for (std::uint64_t k = 0; k < 10; ++k) {
          RowSpec spec;
          spec.tag = acknowledged + k;
          spec.time_ns = static_cast<std::int64_t>(spec.tag) * 1'000'000;
          spec.payload_bytes = 2000;
          add_row(rows, spec);
        }
        result = writer->append("shop", rows);
        if (result) acknowledged = result->value;
      }
      REQUIRE(!result);
      CHECK(result.error().code == schema::ErrorCode::kNoSpace);
      INFO(result.error().to_string());
      {
        auto reader = must(TimelineReader::open(options.path, "shop"));
        REQUIRE(scan_all(*reader).size() >= acknowledged);
      }
      std::filesystem::remove(filler);
      if (round > 0) {
        REQUIRE(::mount("tmpfs", directory.path().c_str(), "tmpfs", MS_REMOUNT,
                        round == 1 ? "size=20m" : "size=32m") == 0);
      }
      ::usleep(150'000);  // the free space is looked at now and then
      const auto next = writer->append("shop", make_rows(acknowledged, 5));
      if (round == 0) {
        if (next) acknowledged = next->value;
        continue;
      }
      acknowledged = must(next).value;
    }
  }
  {
    auto reader = must(TimelineReader::open(options.path, "shop"));
    const auto rows = scan_all(*reader);
    CHECK(rows.size() == acknowledged);
    bool sound = true;
    for (std::size_t i = 0; i < rows.size(); ++i)
      sound = sound && rows[i].sequence == i + 1 && rows[i].tag == i;
    CHECK(sound);
    CHECK(must(verify(options.path, {})).empty());
  }
  CHECK(::umount(directory.path().c_str()) == 0);
}
