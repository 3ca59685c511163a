// Child processes and directories of a bench; everything ends with its owner.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace backsight::tools::benches {

// Created below $TMPDIR, removed with everything in it.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// Standard output and error go to one file. The destructor ends the process.
class Child {
 public:
  Child(const std::vector<std::string>& argv, std::string output_path);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  bool running();
  int wait();   // exit code
  void stop();  // SIGTERM, and waits; SIGKILL after ten seconds
  std::string output() const;
  double cpu_seconds() const;        // so far; user and system
  std::uint64_t peak_bytes() const;  // of resident memory, so far

 private:
  std::string output_path_;
  pid_t pid_ = -1;
  int status_ = 0;
};

// Runs to the end and returns what it printed; throws where it fails.
std::string run(const std::vector<std::string>& argv, const std::string& output_path);

// Tries every 20 ms; false after `limit`.
bool eventually(const std::function<bool()>& condition, std::chrono::seconds limit);

// A program beside this one, e.g. "backsightd".
std::string beside(const std::string& name);
void write_file(const std::string& path, const std::string& text);

}  // namespace backsight::tools::benches
