// The built program, as a user starts it: exit codes, streams, a reader that goes away.
#include "store/timeline.h"
#include "tests/support/result.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <array>
#include <cstdio>
#include <filesystem>
#include <string>

namespace {

struct Run {
  int code = -1;
  std::string out;  // of the shell command: redirect what is wanted
};

Run shell(const std::string& command) {
  Run run;
  FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer{};
  while (const std::size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe))
    run.out.append(buffer.data(), got);
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) run.code = WEXITSTATUS(status);
  return run;
}

const std::string kProgram = std::string("env -u BACKSIGHT_STORE ") + BACKSIGHT_PROGRAM;

struct Folder {
  std::string path = "/tmp/backsight-cli-test-" + std::to_string(::getpid());
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
};

}  // namespace

TEST_CASE("usage errors exit with 2, on stderr") {
  for (const char* arguments :
       {"", "nonsense", "calls", "calls f --nope", "state --format xml", "check -c /nonexistent"}) {
    CAPTURE(arguments);
    const Run quiet = shell(kProgram + " " + arguments + " 2>/dev/null");
    CHECK(quiet.code == 2);
    CHECK(quiet.out.empty());
    const Run loud = shell(kProgram + " " + arguments + " 2>&1 >/dev/null");
    CHECK(loud.out.find("backsight: ") == 0);
  }
}

TEST_CASE("a store that is not there is a failure with a hint") {
  const Run run = shell(kProgram + " services --store /nonexistent/store 2>&1");
  CHECK(run.code == 1);
  CHECK(run.out.find("/nonexistent/store") != std::string::npos);
  CHECK(run.out.find("hint: ") != std::string::npos);
}

TEST_CASE("help and version") {
  CHECK(shell(kProgram + " --version").code == 0);
  CHECK(shell(kProgram + " help").out.find("verbs:") != std::string::npos);
  CHECK(shell(kProgram + " help --completion bash | bash -n").code == 0);
}

TEST_CASE("a reader that goes away is no reason to complain") {
  const Run run = shell("{ " + kProgram + " help 2>&1 >&3 3>&- | sed 's/^/stderr: /'; } 3>&1 | head -c 1");
  CHECK(run.out == "u");
  CHECK(shell("(" + kProgram + " help; echo code $? >&2) 2>&1 >/dev/full").out.find("cannot write") !=
        std::string::npos);
}

TEST_CASE("marks and pins are written and read next to each other") {
  const Folder folder;
  backsight::store::StoreOptions options;
  options.path = folder.path;
  options.boot_id = "boot";
  REQUIRE(backsight::store::StoreWriter::open(options));
  const std::string store = " --store " + folder.path;
  const Run mark =
      shell(kProgram + " mark deploy-1 --text 'a \"note\"' --at 2026-11-22T10:00:00Z" + store + " 2>&1");
  CAPTURE(mark.out);
  CHECK(mark.code == 0);
  const Run csv = shell(kProgram + " moments --format csv" + store);
  CHECK(csv.code == 0);
  CHECK(csv.out.find("\"a \"\"note\"\"\"") != std::string::npos);
  const Run rows = shell(kProgram + " moments --format ndjson" + store);
  CHECK(rows.out.find("\"name\":\"deploy-1\"") != std::string::npos);
  CHECK(rows.out.find('\n') == rows.out.size() - 1);
  CHECK(shell(kProgram + " moments --format table --utc" + store).out.find("10:00:00.000000") !=
        std::string::npos);
}
