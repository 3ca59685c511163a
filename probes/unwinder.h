// Walks a copied stack by .eh_frame: the rules of each frame lead to its caller. No
// guess: where they end, or need what was not copied, the stack ends, and says why.
// For the planning process; modules are read once, and the rules of an instruction
// once for all processes.
#pragma once

#include "probes/file_source.h"
#include "probes/planner.h"
#include "schema/stack.h"

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

namespace backsight::probes {

// A mapping of code of a process.
struct UnwindMapping {
  std::uint64_t begin = 0, end = 0;
  std::uint64_t offset = 0;  // of `begin` in the file
  std::uint64_t file = 0;    // a number of its own for each version of a file
  ModuleFile module;
};

// A copy: a u64 with the StackEnd of the copy itself, bs_stack_registers, bytes from RSP on.
class Unwinder {
 public:
  explicit Unwinder(std::shared_ptr<FileSource> files);
  Unwinder(const Unwinder&) = delete;
  Unwinder& operator=(const Unwinder&) = delete;
  ~Unwinder();

  // Of a program image, from now on.
  void set_mappings(std::uint64_t image, const std::vector<UnwindMapping>& mappings);
  // kUndefined where the image is not known. `process` of the result is not set.
  schema::Stack unwind(std::uint64_t image, std::span<const std::byte> copy);

 private:
  class Module;
  struct Mapping {
    std::uint64_t begin = 0, end = 0, offset = 0;
    std::shared_ptr<Module> module;
  };
  struct Image {
    std::uint64_t id = 0;
    std::vector<Mapping> mappings;  // by address
  };
  class Walk;

  std::shared_ptr<Module> module_of(const UnwindMapping& mapping);
  const Image* find_image(std::uint64_t id);

  std::shared_ptr<FileSource> files_;
  std::list<Image> images_;                                           // newest use first
  std::unordered_map<std::uint64_t, std::weak_ptr<Module>> modules_;  // by file
};

}  // namespace backsight::probes
