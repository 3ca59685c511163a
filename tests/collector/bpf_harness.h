// Support for tests against the real kernel: a target program under command,
// where its functions are, hand-made plans, and decoded records.
#pragma once

#include "bpf/abi/event.h"
#include "collector/kernel.h"

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace backsight::collector::testing {

// A running bpf_target (tests/targets/bpf_target.c). Ends it in the destructor.
class Target {
 public:
  Target();
  ~Target();
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  static std::string path();
  pid_t pid() const { return pid_; }
  // Sends a command and waits for "done"; returns the lines before it.
  std::vector<std::string> run(const std::string& command);
  // Ends the program normally and waits for it.
  void finish();

 private:
  std::string read_line();

  pid_t pid_ = -1;
  int to_ = -1, from_ = -1;
  std::string pending_;
};

// Where a function of an ELF file is.
struct FunctionPlace {
  std::uint64_t address = 0;
  std::uint64_t file_offset = 0;
  std::uint64_t size = 0;
  std::vector<std::uint64_t> ret_offsets;  // file offsets of its RET instructions
};
FunctionPlace find_function(const std::string& path, const std::string& name);
std::uint64_t find_object_address(const std::string& path, const std::string& name);

probes::Site entry_site(const FunctionPlace& function);
std::vector<probes::Site> ret_sites(const FunctionPlace& function);
probes::Site uretprobe_site(const FunctionPlace& function);

struct Record {
  bs_event header{};
  struct Item {
    bs_item header{};
    std::string bytes;
    std::uint64_t number(std::size_t at = 0) const;  // 8 bytes at `at`
  };
  std::vector<Item> items;
  std::string padding;  // all padding bytes of all items
};
// Fails the test on a malformed record.
Record decode(std::span<const std::byte> bytes);

// Reads what is in the rings now.
std::vector<Record> drain(Kernel& kernel);
std::vector<bs_process_event> drain_control(Kernel& kernel);

// Opens the kernel with a small ring; null (after printing SKIPPED) where BPF is
// not permitted.
std::unique_ptr<Kernel> open_kernel(KernelOptions options = {});

}  // namespace backsight::collector::testing
