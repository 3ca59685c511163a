// Where the debug information of a binary is: in the file itself, under a
// debug root by build-id, or by .gnu_debuglink. A candidate of another build is
// refused, with an issue that says so.
#pragma once

#include "probes/elf_file.h"
#include "probes/planner.h"

#include <memory>
#include <string>
#include <vector>

namespace backsight::probes {

struct DebugFile {
  std::shared_ptr<const ElfFile> file;  // null: none found; may be the binary itself
  std::vector<Issue> issues;
};

// How files are opened and read.
struct Reading {
  std::shared_ptr<FileSource> files;  // null: directly
  ElfFile::Access access = ElfFile::Access::kCopied;
};

// `shown` is the binary's path for messages.
DebugFile find_debug_file(const std::shared_ptr<const ElfFile>& binary, const std::string& shown,
                          const std::vector<std::string>& debug_roots, const Reading& reading = {});

struct AlternateFile {
  std::shared_ptr<const ElfFile> file;  // null: none found
  std::vector<Issue> issues;
};

// What .gnu_debugaltlink of a debug file names: at that path, relative to the debug
// file's directory, under the debug roots, or there by build-id.
AlternateFile find_alternate_file(const ElfFile& debug, const std::vector<std::string>& debug_roots,
                                  const Reading& reading = {});

}  // namespace backsight::probes
