// Runs installed programs against real target processes: spawn, wait, ask, and
// end everything by pid. Each test owns a temporary directory.
#pragma once

#include <boost/json.hpp>

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace backsight::tests {

// Created below $TMPDIR, removed with everything in it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

void write_file(const std::string& path, const std::string& content);
std::string read_file(const std::string& path);

// A child whose standard output and error go to files. The destructor sends
// SIGTERM, then SIGKILL after five seconds, to this very pid.
class Child {
 public:
  struct Options {
    std::vector<std::string> environment;  // "NAME=value", added to ours
    uid_t uid = 0;                         // 0: as we are
  };
  Child(std::vector<std::string> argv, const std::string& output_path, Options options);
  Child(std::vector<std::string> argv, const std::string& output_path)
      : Child(std::move(argv), output_path, Options{}) {}
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  void signal(int number) const;
  // Waits; returns the exit code, or 128 + signal.
  int wait();
  // Lines to its standard input.
  void say(const std::string& text) const;
  std::string output() const { return read_file(output_path_); }

 private:
  std::string output_path_;
  pid_t pid_ = -1;
  int stdin_ = -1;
  bool reaped_ = false;
  int status_ = 0;
};

// Tries `condition` every 20 ms for at most `limit`; true as soon as it holds.
bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds limit = std::chrono::seconds(20));

struct Output {
  int code = -1;
  std::string out;  // standard output
  std::string err;
};
// What a target's own account (targets/truth.h) says so far: whole lines of JSON, by function.
// Fails the test where a target found itself disturbed (`wrong`).
std::map<std::string, boost::json::array> truth_of(const std::string& output);

// Runs to the end.
Output run(std::vector<std::string> argv, Child::Options options = {});

// Paths of what the build made, from the environment that ctest sets.
std::string program(const std::string& name);  // "backsight", "backsightd"
std::string target(const std::string& name);   // a program of tests/targets

// Empty when BPF programs can be loaded here, otherwise why not.
std::string bpf_unavailable();

// backsightd with a configuration and a store in `dir`.
class Daemon {
 public:
  // `services` is the YAML of the services key, indented by two. The store is
  // dir/store, the HTTP port is free for the taking.
  Daemon(const TempDir& dir, const std::string& services, std::vector<std::string> extra = {},
         Child::Options options = {});
  std::string store() const { return store_; }
  std::string log() const { return child_.output(); }
  Child& child() { return child_; }
  std::uint16_t port() const { return port_; }
  // Replaces the services and sends SIGHUP.
  void reload(const std::string& services);
  // Waits until `count` probe instances are active.
  bool wait_active(std::size_t count);
  // Waits until an instance of each of these is.
  bool wait_active(const std::vector<std::string>& probes);
  // SIGTERM; the exit code.
  int stop();

 private:
  void write_config(const std::string& services) const;
  bool wait_until(const std::function<bool(const std::vector<std::string>&)>& done);
  std::string config_, store_;
  std::uint16_t port_;
  Child child_;
};

// `backsight ARGS --store STORE --format json`, parsed. Fails the test on a
// non-zero exit.
boost::json::object ask(const std::string& store, std::vector<std::string> arguments);
// The rows of `calls FUNCTION`.
boost::json::array calls(const std::string& store, const std::string& function,
                         std::vector<std::string> more = {});

}  // namespace backsight::tests

// Skips the test case, with the reason, where BPF is not permitted.
#define BACKSIGHT_NEEDS_BPF()                                             \
  do {                                                                    \
    if (auto why = ::backsight::tests::bpf_unavailable(); !why.empty()) { \
      WARN("SKIPPED: needs BPF: " << why);                                \
      return;                                                             \
    }                                                                     \
  } while (false)
