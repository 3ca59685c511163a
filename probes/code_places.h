// What code is at places of a file, as a stack shows it: the function with its
// source line, and those that are inlined there. For the planning process: debug
// information is read here.
#pragma once

#include "probes/debug_index.h"
#include "probes/file_source.h"
#include "probes/lines.h"
#include "probes/planner.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace backsight::probes {

class CodePlaces {
 public:
  static schema::Result<std::unique_ptr<CodePlaces>> open(const ModuleFile& file,
                                                          const std::vector<std::string>& debug_roots,
                                                          const std::shared_ptr<FileSource>& files);

  // Of bytes of code at these offsets in the file, a text each: lines of
  // "function file.cc:120", innermost first; "function" or "module+0x1f0" where no more
  // is known; empty: it is no code.
  std::vector<std::string> at(std::span<const std::uint64_t> file_offsets);

 private:
  struct UnitCode {
    AddressRange range;
    DieKey unit = 0;
  };
  CodePlaces() = default;
  bool is_code(std::uint64_t place, std::uint64_t& address) const;
  void load_units();
  std::string from_debug_info(std::uint64_t address) const;
  std::string line_at(const LineTable& table, std::uint64_t address) const;
  std::string call_line(const Die& copy) const;

  std::string module_;  // file name alone
  std::shared_ptr<const ElfFile> elf_, debug_;
  std::unique_ptr<DwarfSession> session_;
  std::unique_ptr<DebugIndex> index_;
  std::unique_ptr<LineTables> lines_;
  std::vector<UnitCode> units_;
};

}  // namespace backsight::probes
