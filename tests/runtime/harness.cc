#include "tests/runtime/harness.h"

#include "collector/kernel.h"

#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace backsight::tests {

namespace {

std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  socklen_t length = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  ::close(fd);
  return ntohs(address.sin_port);
}

std::string from_environment(const char* variable, const std::string& name) {
  const char* folder = std::getenv(variable);
  INFO("run through ctest, which sets " << variable);
  REQUIRE(folder != nullptr);
  return std::string(folder) + "/" + name;
}

}  // namespace

TempDir::TempDir() {
  std::string pattern = (std::filesystem::temp_directory_path() / "backsight-XXXXXX").string();
  REQUIRE(::mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
  ::chmod(path_.c_str(), 0755);
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void write_file(const std::string& path, const std::string& content) {
  std::ofstream(path) << content;
}

std::string read_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

Child::Child(std::vector<std::string> argv, const std::string& output_path, Options options)
    : output_path_(output_path) {
  int input[2];
  REQUIRE(::pipe2(input, O_CLOEXEC) == 0);
  std::vector<char*> pointers;
  for (auto& argument : argv) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  pid_ = ::fork();
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    ::dup2(input[0], 0);
    const int out = ::open(output_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
    ::dup2(out, 1);
    const std::string errors = output_path + ".err";
    ::dup2(::open(errors.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666), 2);
    for (auto& variable : options.environment) ::putenv(variable.data());
    if (options.uid != 0 && (::setgid(options.uid) != 0 || ::setuid(options.uid) != 0)) ::_exit(126);
    ::execv(pointers[0], pointers.data());
    ::_exit(127);
  }
  ::close(input[0]);
  stdin_ = input[1];
}

Child::~Child() {
  ::close(stdin_);
  if (reaped_) return;
  ::kill(pid_, SIGTERM);
  if (!eventually([this] { return !running(); }, std::chrono::seconds(5))) ::kill(pid_, SIGKILL);
  wait();
}

bool Child::running() {
  if (!reaped_ && ::waitpid(pid_, &status_, WNOHANG) == pid_) reaped_ = true;
  return !reaped_;
}

void Child::signal(int number) const {
  if (!reaped_) ::kill(pid_, number);
}

int Child::wait() {
  if (!reaped_) {
    ::waitpid(pid_, &status_, 0);
    reaped_ = true;
  }
  return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
}

void Child::say(const std::string& text) const {
  REQUIRE(::write(stdin_, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

Output run(std::vector<std::string> argv, Child::Options options) {
  TempDir dir;
  if (options.uid != 0) ::chmod(dir.path().c_str(), 0777);
  const std::string path = dir.file("out");
  Output result;
  {
    Child child(std::move(argv), path, std::move(options));
    result.code = child.wait();
  }
  result.out = read_file(path);
  result.err = read_file(path + ".err");
  return result;
}

std::string program(const std::string& name) {
  return from_environment("BACKSIGHT_BIN", name);
}

std::string target(const std::string& name) {
  return from_environment("BACKSIGHT_TARGETS", name);
}

std::string bpf_unavailable() {
  const auto features = collector::probe_kernel_features();
  return features.bpf ? std::string() : features.lacking;
}

Daemon::Daemon(const TempDir& dir, const std::string& services, std::vector<std::string> extra,
               Child::Options options)
    : config_(dir.file("backsight.yaml")),
      store_(dir.file("store")),
      port_(free_port()),
      child_(
          [&] {
            write_config(services);
            std::vector<std::string> argv = {program("backsightd"), "--config", config_};
            argv.insert(argv.end(), extra.begin(), extra.end());
            return argv;
          }(),
          dir.file("daemon.log"), std::move(options)) {}

void Daemon::write_config(const std::string& services) const {
  write_file(config_, "store:\n  path: " + store_ + "\nlisten: 127.0.0.1:" + std::to_string(port_) +
                          "\nservices:\n" + services);
}

void Daemon::reload(const std::string& services) {
  write_config(services);
  child_.signal(SIGHUP);
}

bool Daemon::wait_active(std::size_t count) {
  return wait_until([&](const std::vector<std::string>& active) { return active.size() >= count; });
}

bool Daemon::wait_active(const std::vector<std::string>& probes) {
  return wait_until([&](const std::vector<std::string>& active) {
    return std::all_of(probes.begin(), probes.end(), [&](const std::string& probe) {
      return std::find(active.begin(), active.end(), probe) != active.end();
    });
  });
}

// `done` is given the probe of each active instance.
bool Daemon::wait_until(const std::function<bool(const std::vector<std::string>&)>& done) {
  const bool reached = eventually([&] {
    if (!child_.running()) return true;
    const auto result = run({program("backsight"), "probes", "--store", store_, "--format", "json"});
    if (result.code != 0) return false;
    std::vector<std::string> active;
    const auto answer = boost::json::parse(result.out);
    for (const auto& probe : answer.at("probes").as_array()) {
      if (probe.at("state") == "active") active.emplace_back(probe.at("probe").as_string());
    }
    return done(active);
  });
  UNSCOPED_INFO(log() << read_file(config_) << read_file(store_ + "/../daemon.log.err"));
  return reached && child_.running();
}

int Daemon::stop() {
  child_.signal(SIGTERM);
  return child_.wait();
}

boost::json::object ask(const std::string& store, std::vector<std::string> arguments) {
  std::vector<std::string> argv = {program("backsight")};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  argv.insert(argv.end(), {"--store", store, "--format", "json"});
  const auto result = run(argv);
  INFO(result.err << result.out.substr(0, 2000));
  REQUIRE(result.code == 0);
  return boost::json::parse(result.out).as_object();
}

boost::json::array calls(const std::string& store, const std::string& function,
                         std::vector<std::string> more) {
  std::vector<std::string> arguments = {"calls", function};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return ask(store, arguments).at("calls").as_array();
}

std::map<std::string, boost::json::array> truth_of(const std::string& output) {
  std::map<std::string, boost::json::array> truth;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    if (lines.eof()) break;  // still being written
    if (line.empty() || line[0] != '{') continue;
    auto row = boost::json::parse(line).as_object();
    CHECK_FALSE(row.contains("wrong"));
    truth[std::string(row.at("function").as_string())].push_back(row);
  }
  return truth;
}

}  // namespace backsight::tests
