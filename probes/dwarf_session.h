// The debug information of one binary, from all its files, by libdwarf: the only
// place that sees its error codes. Not thread-safe.
#pragma once

#include "probes/dwarf_die.h"
#include "probes/dwarf_handle.h"
#include "probes/split_units.h"
#include "schema/result.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace backsight::probes {

// A compilation, partial or type unit.
struct Unit {
  DieKey die = 0;  // its top entry
  DieKey end = 0;  // after its last entry
  std::uint16_t version = 0;
  std::uint16_t language = 0;  // of a split unit: known once it was opened
  std::uint64_t base = 0;      // DW_AT_low_pc: base of its location and range lists
};

// Where the files are that belong to a debug file.
struct Companions {
  Reading reading;
  std::vector<std::string> debug_roots = {};
  std::string binary = {};  // path of the binary: its .dwp is beside it
};

class DwarfSession {
 public:
  // `file` holds the debug information and must outlive the session.
  static schema::Result<std::unique_ptr<DwarfSession>> open(std::shared_ptr<const ElfFile> file,
                                                            const Companions& companions = {});
  DwarfSession(const DwarfSession&) = delete;
  DwarfSession& operator=(const DwarfSession&) = delete;
  ~DwarfSession() = default;
  // The same files for another thread; null if they cannot be read.
  std::unique_ptr<DwarfSession> another() const;

  Dwarf_Debug handle() const { return main_->get(); }
  // The file with the debug information.
  const ElfFile& file() const { return main_->sections()->file(); }
  // Changes with any of the files that are read.
  std::uint64_t identity() const;
  // Files that belong to it and are not there or of another build. Those of split units
  // show when they are asked for.
  std::vector<Issue> issues() const;

  Die die(DieKey key) const;
  // In file order; ends early where the file is damaged (`complete` tells).
  const std::vector<Unit>& units() const { return units_; }
  // Nothing was found damaged or missing so far.
  bool complete() const { return complete_ && split_.missing() == 0; }
  const Unit* unit_of(DieKey key) const;
  // The tops of a unit and of the type units that are stored with it (split DWARF).
  std::vector<DieKey> tops(const Unit& unit) const;
  // The entry whose DW_AT_stmt_list leads to the line table of a unit.
  Die line_unit(DieKey unit) const;
  bool is_split(const Unit& unit) const { return file_of(unit.die) >= kFirstSplitFile; }
  // Frees what was opened for a split unit alone. No entry or text of it may be in use.
  void close(const Unit& unit) const;

  // DW_AT_ranges or low and high pc; the first one contains the entry.
  std::vector<AddressRange> ranges(const Die& die) const;
  // The same of all code of a unit: compilers say it of a split one in the main file only.
  std::vector<AddressRange> code_of(const Unit& unit) const;
  // Path of file number `file` in the line table of the unit of `key`.
  std::string source_file(DieKey key, std::uint64_t file) const;

 private:
  explicit DwarfSession(SplitUnits split) : split_(std::move(split)) {}
  void load_units(const DwarfHandle& handle, std::uint32_t file);
  void add_skeleton(const UnitHeader& header, const Die& top, const char* name);
  void open_alternate(const Companions& companions);
  void tie();
  std::optional<std::uint64_t> split_list_offset(const Die& die, std::uint64_t index) const;
  std::vector<AddressRange> ranges_in(const Unit& unit, const Die& die) const;
  std::vector<AddressRange> listed_ranges(const Die& die, const Unit& unit) const;

  std::shared_ptr<const DwarfHandle> main_;
  std::shared_ptr<const DwarfHandle> alternate_;  // null: none
  mutable SplitUnits split_;
  mutable std::vector<Unit> units_;  // the language of split units is filled in
  std::vector<Issue> issues_;
  bool complete_ = true;
};

}  // namespace backsight::probes
