#include "tools/benches/redis.h"

#include "collector/uprobe_multi.h"
#include "tools/benches/empty_program.h"
#include "tools/benches/recording.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>
#include <stdexcept>

namespace backsight::tools::benches {
namespace {
namespace fs = std::filesystem;

constexpr int kRounds = 3;

// What tests/runtime/redis/prepare made.
struct RedisBuild {
  std::string server, benchmark, source;
};

RedisBuild find_redis() {
  const char* directory = std::getenv("BACKSIGHT_REDIS");
  if (!directory)
    throw std::runtime_error("$BACKSIGHT_REDIS is not set; tools/bench builds redis and sets it");
  RedisBuild build;
  const fs::path ready = fs::path(directory) / "ready";
  build.server = (ready / "redis-server").string();
  build.benchmark = (ready / "redis-benchmark").string();
  for (const auto& entry : fs::directory_iterator(directory))
    if (entry.is_directory() && entry.path().filename().string().rfind("redis-", 0) == 0)
      build.source = entry.path().string();
  return build;
}

std::string free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  const bool bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0;
  ::close(fd);
  if (!bound) throw std::runtime_error("no free port");
  return std::to_string(ntohs(address.sin_port));
}

class Redis {
 public:
  explicit Redis(const RedisBuild& build) : build_(build), port_(free_port()) {
    server_ =
        std::make_unique<Child>(std::vector<std::string>{build.server, "--port", port_, "--bind", "127.0.0.1",
                                                         "--save", "", "--appendonly", "no", "--dir", "/tmp"},
                                dir_.file("server.log"));
    const auto is_up = [this] { return server_->output().find("Ready to accept") != std::string::npos; };
    if (!eventually(is_up, std::chrono::seconds(10)))
      throw std::runtime_error("redis-server does not start: " + server_->output());
  }

  // SETs a second.
  double throughput(const std::string& count) {
    const std::string out = run({build_.benchmark, "-p", port_, "-t", "set", "-n", count, "-d", "64", "-r",
                                 "100000", "-P", "16", "-q", "--csv"},
                                dir_.file("benchmark.out"));
    const std::size_t at = out.find("\"SET\",\"");
    if (at == std::string::npos) throw std::runtime_error("redis-benchmark said: " + out);
    return std::atof(out.c_str() + at + 7);
  }

 private:
  RedisBuild build_;
  std::string port_;
  TempDir dir_;
  std::unique_ptr<Child> server_;
};

std::string read_hex_offset(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  std::array<char, 64> text{};
  const bool got = pipe && std::fgets(text.data(), text.size(), pipe);
  if (pipe) ::pclose(pipe);
  return got ? std::string(text.data()) : std::string();
}

// File offset of setCommand, from the symbol table (text lies as it is loaded).
std::uint64_t set_command_offset(const RedisBuild& build) {
  const std::string line =
      read_hex_offset("objdump -F -d --no-show-raw-insn --disassemble=setCommand " + build.server +
                      " | sed -n 's/.*<setCommand> (File Offset: 0x\\([0-9a-f]*\\)).*/\\1/p' | head -1");
  if (line.empty()) throw std::runtime_error("no setCommand in " + build.server);
  return std::strtoull(line.c_str(), nullptr, 16);
}

// The offsets that bpftrace has to be told: of client's argv and of an object's ptr.
std::string bpftrace_program(const RedisBuild& build, const TempDir& dir) {
  write_file(dir.file("offsets.c"),
             "#include \"server.h\"\n#include <stdio.h>\n"
             "int main(void) { printf(\"%zu %zu\\n\", offsetof(client, argv), offsetof(robj, ptr)); }\n");
  const std::string deps = build.source + "/deps/";
  run({"cc", "-w", "-I" + build.source + "/src", "-I" + deps + "lua/src", "-I" + deps + "hiredis",
       "-I" + deps + "linenoise", "-I" + deps + "hdr_histogram", dir.file("offsets.c"), "-o",
       dir.file("offsets")},
      dir.file("cc.log"));
  std::istringstream offsets(run({dir.file("offsets")}, dir.file("offsets.out")));
  std::string argv, ptr;
  offsets >> argv >> ptr;
  const auto argument = [&](const char* at) {
    return "str(*(uint64*)(*(uint64*)($argv + " + std::string(at) + ") + " + ptr + "))";
  };
  return "uprobe:" + build.server + ":setCommand { $argv = *(uint64*)(arg0 + " + argv +
         "); printf(\"%s %s\\n\", " + argument("8") + ", " + argument("16") + "); }";
}

double with_empty_program(const RedisBuild& build) {
  Redis redis(build);
  const collector::Descriptor program = load_empty_program();
  auto link = collector::link_uprobe_multi(
      program.get(),
      {.path = build.server, .offsets = {set_command_offset(build)}, .cookies = {0}, .is_return = false});
  if (!link) throw std::runtime_error(link.error().to_string());
  return redis.throughput("300000");
}

double with_backsight(const RedisBuild& build) {
  Recording recording(
      build.server,
      "      - function: setCommand\n        on: [entry]\n"
      "        capture: [{key: \"(sds)c->argv[1]->ptr\"}, {value: \"(sds)c->argv[2]->ptr\"}]\n");
  Redis redis(build);
  recording.wait_active("setCommand");
  return redis.throughput("300000");
}

double with_bpftrace(const RedisBuild& build) {
  TempDir dir;
  Redis redis(build);
  Child bpftrace({"bpftrace", "-e", bpftrace_program(build, dir)}, dir.file("bpftrace.out"));
  const auto is_attached = [&] { return bpftrace.output().find("Attaching") != std::string::npos; };
  if (!eventually(is_attached, std::chrono::seconds(20)))
    throw std::runtime_error("bpftrace does not start: " + bpftrace.output());
  eventually([] { return false; }, std::chrono::seconds(2));  // it says so before it is
  return redis.throughput("50000");
}

}  // namespace

void run_redis(Rows& rows) {
  const RedisBuild build = find_redis();
  double bare = 0, empty = 0, ours = 0, theirs = 0;
  for (int round = 0; round < kRounds; round++) {
    bare = std::max(bare, Redis(build).throughput("300000"));
    empty = std::max(empty, with_empty_program(build));
    ours = std::max(ours, with_backsight(build));
    theirs = std::max(theirs, with_bpftrace(build));
  }
  const auto add = [&](const char* name, double value, const char* baseline_name, double baseline,
                       const std::string& budget, bool ok) {
    rows.push_back({.name = name,
                    .value = value,
                    .unit = "SET/s",
                    .baseline_name = baseline_name,
                    .baseline = baseline,
                    .ratio = value / baseline,
                    .budget = budget,
                    .ok = ok});
  };
  add("redis.empty_bpf", empty, "bare", bare, "", true);
  add("redis.backsight", ours, "bare", bare, "", true);
  add("redis.backsight_above_empty", ours, "with an empty BPF program", empty, "", true);
  add("redis.bpftrace", theirs, "bare", bare, "", true);
  add("redis.backsight_and_bpftrace", ours, "with bpftrace", theirs, "> bpftrace", ours > theirs);
}

}  // namespace backsight::tools::benches
