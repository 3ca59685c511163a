// Planning in a confined process: the same plans, and no way out of it.
#include "probes/plan_dump.h"
#include "probes/sandbox.h"
#include "probes/sandbox_channel.h"

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>
#include <sstream>
#include <vector>

using namespace backsight;
using namespace backsight::probes;

namespace {

const std::string kShop = BACKSIGHT_TARGET_DIR "/planner_shop";

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif

// Runs `act` in a jailed child; its wait status.
int jailed(const std::function<int()>& act, JailLimits limits = {}) {
  const pid_t pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    if (!enter_jail(limits, 3)) ::_exit(99);
    ::_exit(act());
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return status;
}

bool is_killed_for_call(int status) {
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
}

std::string status_line(pid_t pid, const std::string& name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(name + ":", 0) == 0) return line.substr(line.find_first_not_of("\t ", name.size() + 1));
  }
  return {};
}

std::vector<pid_t> children() {
  std::vector<pid_t> result;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(task.path() / "children");
    for (pid_t pid; file >> pid;) result.push_back(pid);
  }
  return result;
}

ProbeConfig all_of_shop() {
  ProbeConfig probe;
  probe.function = "shop::*";
  return probe;
}

std::string dump(const PlanResult& result) {
  std::string text;
  for (const CompiledPlan& plan : result.plans) text += dump_plan(plan);
  for (const Issue& issue : result.issues) text += issue.message + "|" + issue.hint + "\n";
  return text;
}

std::shared_ptr<const Binary> open_shop(const SandboxOptions& options = {}) {
  auto binary = open_in_sandbox({kShop, kShop}, options);
  if (!binary) FAIL(binary.error().to_string());
  return *binary;
}

}  // namespace

TEST_CASE("a confined planner makes the same plans") {
  const auto here = Binary::open({kShop, kShop}, {});
  REQUIRE(here.has_value());
  const auto there = open_shop();
  CHECK(there->build_id() == (*here)->build_id());
  CHECK(there->path() == kShop);
  const auto expected = (*here)->plan(all_of_shop());
  REQUIRE(expected.plans.size() > 5);
  const auto got = there->plan(all_of_shop());
  CHECK(dump(got) == dump(expected));
  for (std::size_t i = 0; i < got.plans.size(); ++i) {
    CHECK(got.plans[i].plan == expected.plans[i].plan);
    REQUIRE(got.plans[i].ops.size() == expected.plans[i].ops.size());
    REQUIRE(got.plans[i].sites.size() == expected.plans[i].sites.size());
    CHECK(got.plans[i].sites.back().file_offset == expected.plans[i].sites.back().file_offset);
    CHECK(got.plans[i].entry_pc == expected.plans[i].entry_pc);
    CHECK(got.plans[i].return_pc == expected.plans[i].return_pc);
  }
  CHECK(there->has_function("shop::*"));
  CHECK_FALSE(there->has_function("shop::no_such_thing"));
  ProbeConfig missing;
  missing.function = "shop::resrve";
  CHECK(dump(there->plan(missing)) == dump((*here)->plan(missing)));
}

TEST_CASE("a file that cannot be opened, or is no program, is an error like any other") {
  const auto missing = open_in_sandbox({"/nowhere/program", "/nowhere/program"}, {});
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().code == schema::ErrorCode::kNotFound);
  CHECK(missing.error().message.find("/nowhere/program") != std::string::npos);
  const auto text = open_in_sandbox({"/etc/passwd", "/etc/passwd"}, {});
  REQUIRE_FALSE(text.has_value());
  CHECK(text.error().message.find("not an ELF file") != std::string::npos);
  const std::string fifo = std::string(P_tmpdir) + "/backsight-sandbox-" + std::to_string(::getpid());
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  CHECK_FALSE(open_in_sandbox({fifo, fifo}, {}).has_value());
  ::unlink(fifo.c_str());
  CHECK(children().empty());
}

TEST_CASE("the planning process has no privileges") {
  const auto binary = open_shop();
  const auto pids = children();
  REQUIRE(pids.size() == 1);
  const pid_t pid = pids[0];
  CHECK(status_line(pid, "CapEff") == "0000000000000000");
  CHECK(status_line(pid, "CapPrm") == "0000000000000000");
  CHECK(status_line(pid, "CapInh") == "0000000000000000");
  CHECK(status_line(pid, "CapAmb") == "0000000000000000");
  if (::geteuid() == 0) CHECK(status_line(pid, "CapBnd") == "0000000000000000");
  CHECK(status_line(pid, "NoNewPrivs") == "1");
  if (!kIsSanitized) CHECK(status_line(pid, "Seccomp") == "2");
}

TEST_CASE("what the planning process does not need kills it") {
  if (kIsSanitized) return;
  CHECK(is_killed_for_call(jailed([] { return ::socket(AF_INET, SOCK_STREAM, 0); })));
  CHECK(is_killed_for_call(jailed([] { return static_cast<int>(::fork()); })));
  CHECK(is_killed_for_call(jailed([] { return ::execl("/bin/true", "true", nullptr); })));
  CHECK(is_killed_for_call(jailed([] { return ::kill(1, 0); })));
  CHECK(is_killed_for_call(
      jailed([] { return static_cast<int>(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); })));
  CHECK(is_killed_for_call(jailed([] { return ::unlink("/tmp/no-such-file"); })));
  CHECK(is_killed_for_call(jailed([] {
    return ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
           MAP_FAILED;
  })));
  const int opened = jailed([] { return ::open("/etc/passwd", O_RDONLY) < 0 ? errno : 0; });
  REQUIRE(WIFEXITED(opened));
  CHECK(WEXITSTATUS(opened) == EACCES);
}

TEST_CASE("memory beyond the limit is refused") {
  if (kIsSanitized) return;
  JailLimits limits;
  limits.memory_bytes = 64u << 20;
  const int status = jailed(
      [] {
        const std::size_t size = 128u << 20;
        return ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
                   ? 7
                   : 0;
      },
      limits);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 7);
}

TEST_CASE("the death of the planning process is an issue of the probe") {
  const auto binary = open_shop();
  const auto pids = children();
  REQUIRE(pids.size() == 1);
  REQUIRE(::kill(pids[0], SIGSEGV) == 0);
  const auto result = binary->plan(all_of_shop());
  CHECK(result.plans.empty());
  REQUIRE(result.issues.size() == 1);
  CHECK(result.issues[0].message.find(kShop) == 0);
  CHECK(result.issues[0].message.find("Segmentation fault") != std::string::npos);
  CHECK_FALSE(binary->has_function("shop::*"));
  CHECK(binary->plan(all_of_shop()).issues.size() == 1);
}

TEST_CASE("a planning process that does not answer is ended") {
  SandboxOptions options;
  options.time_limit = std::chrono::seconds(1);
  const auto binary = open_shop(options);
  const auto pids = children();
  REQUIRE(pids.size() == 1);
  REQUIRE(::kill(pids[0], SIGSTOP) == 0);
  const auto result = binary->plan(all_of_shop());
  REQUIRE(result.issues.size() == 1);
  CHECK(result.issues[0].message.find("more than 1 s") != std::string::npos);
  CHECK(children().empty());
}

TEST_CASE("a planning process ends with its binary") {
  { const auto binary = open_shop(); }
  CHECK(children().empty());
}

TEST_CASE("names of code come from a confined process") {
  const auto here = Binary::open({kShop, kShop}, {});
  REQUIRE(here.has_value());
  ProbeConfig probe;
  probe.function = "shop::*";
  const auto plans = (*here)->plan(probe).plans;
  std::vector<std::uint64_t> offsets = {1};  // in the file's header: no function
  std::vector<std::string> functions;
  for (const CompiledPlan& plan : plans) {
    if (plan.plan.inlined || plan.sites.empty()) continue;
    offsets.push_back(plan.sites.front().file_offset);
    functions.push_back(plan.plan.function);
  }
  const auto names = names_in_sandbox({kShop, kShop}, offsets, {});
  REQUIRE(names.has_value());
  REQUIRE(names->size() == offsets.size());
  CHECK(names->front().empty());
  for (std::size_t i = 0; i < functions.size(); ++i) {
    INFO(functions[i]);
    CHECK((*names)[i + 1].find(functions[i]) != std::string::npos);
  }
  CHECK_FALSE(names_in_sandbox({"/etc/passwd", "/etc/passwd"}, {1}, {}).has_value());
  CHECK(children().empty());
}

TEST_CASE("frames that are too large or cut off are errors") {
  std::array<int, 2> pair{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()) == 0);
  Channel writer(pair[0]);
  Channel reader(pair[1]);
  const std::string text(1000, 'x');
  REQUIRE(writer.send(FrameKind::kHasFunction, as_payload(text)).has_value());
  REQUIRE(writer.send(FrameKind::kHasFunction, as_payload(text)).has_value());
  auto whole = reader.receive(1000);
  REQUIRE(whole.has_value());
  CHECK(whole->text() == text);
  const auto large = reader.receive(999);
  REQUIRE_FALSE(large.has_value());
  CHECK(large.error().code == schema::ErrorCode::kCorrupt);
  REQUIRE(::write(pair[0], "abc", 3) == 3);
  ::close(pair[0]);
  CHECK_FALSE(reader.receive(1u << 20).has_value());
  ::close(pair[1]);
}

TEST_CASE("damaged binaries hurt nobody but themselves") {
  std::ifstream file(kShop, std::ios::binary);
  std::stringstream content;
  content << file.rdbuf();
  const std::string original = content.str();
  REQUIRE(original.size() > 1000);
  const std::string path = std::string(P_tmpdir) + "/backsight-damaged-" + std::to_string(::getpid());
  const unsigned seed = 20261122;
  std::mt19937 random(seed);
  INFO("seed " << seed);
  std::size_t answered = 0;
  for (int round = 0; round < 30; ++round) {
    std::string damaged = original;
    for (int i = 0; i < 40; ++i) damaged[random() % damaged.size()] = static_cast<char>(random());
    std::ofstream(path, std::ios::binary) << damaged;
    const auto binary = open_in_sandbox({path, path}, {});
    if (binary) {
      const auto result = (*binary)->plan(all_of_shop());
      answered += !result.plans.empty() || !result.issues.empty();
    } else {
      answered += !binary.error().message.empty();
    }
  }
  ::unlink(path.c_str());
  CHECK(answered == 30);
}
