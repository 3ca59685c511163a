// libdwarf with owners and optionals: the only place that sees its error
// codes. A damaged entry reads as "not there". Not thread-safe.
#pragma once

#include "probes/dwarf_sections.h"
#include "probes/elf_file.h"
#include "schema/result.h"

#include <dwarf.h>
#include <libdwarf.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace backsight::probes {

// Global offset of a debugging information entry; bit 63 is set for entries in
// .debug_types. 0 is none.
using DieKey = std::uint64_t;
inline constexpr DieKey kTypesSection = 1ull << 63;

// One debugging information entry. Owns the handle; must not outlive its session.
class Die {
 public:
  Die() = default;
  Die(Dwarf_Debug debug, Dwarf_Die die) : debug_(debug), die_(die) {}
  Die(Die&& other) noexcept;
  Die& operator=(Die&& other) noexcept;
  Die(const Die&) = delete;
  Die& operator=(const Die&) = delete;
  ~Die();

  explicit operator bool() const { return die_ != nullptr; }
  Dwarf_Die handle() const { return die_; }
  Dwarf_Half tag() const;
  DieKey key() const;
  // Points into the section; nullptr if it has no name.
  const char* name() const;
  const char* text(Dwarf_Half attribute) const;
  bool has(Dwarf_Half attribute) const;
  bool flag(Dwarf_Half attribute) const;
  std::optional<std::uint64_t> unsigned_value(Dwarf_Half attribute) const;  // constants only
  std::optional<std::int64_t> signed_value(Dwarf_Half attribute) const;     // sign as the form has it
  std::optional<std::uint64_t> address(Dwarf_Half attribute) const;
  std::optional<DieKey> reference(Dwarf_Half attribute) const;
  std::vector<std::uint8_t> block(Dwarf_Half attribute) const;  // exprloc and blocks
  Die child() const;
  Die sibling() const;

 private:
  friend class DieAttribute;
  Dwarf_Debug debug_ = nullptr;
  Dwarf_Die die_ = nullptr;
};

// Calls visit(Die&&) for each child until it returns false.
void for_each_child(const Die& parent, const std::function<bool(Die&&)>& visit);

// One attribute of an entry; empty if the entry has none such.
class DieAttribute {
 public:
  DieAttribute(const Die& die, Dwarf_Half attribute);
  DieAttribute(const DieAttribute&) = delete;
  DieAttribute& operator=(const DieAttribute&) = delete;
  ~DieAttribute();
  explicit operator bool() const { return attribute_ != nullptr; }
  Dwarf_Attribute handle() const { return attribute_; }
  Dwarf_Half form() const;

 private:
  Dwarf_Attribute attribute_ = nullptr;
};

// A compilation or type unit.
struct Unit {
  DieKey die = 0;  // its top entry
  DieKey end = 0;  // global offset after its last entry
  std::uint16_t version = 0;
  std::uint16_t language = 0;
  std::uint64_t base = 0;  // DW_AT_low_pc: base of its location and range lists
};

class DwarfSession {
 public:
  // `file` holds the debug information and must outlive the session.
  static schema::Result<std::unique_ptr<DwarfSession>> open(std::shared_ptr<const ElfFile> file);
  DwarfSession(const DwarfSession&) = delete;
  DwarfSession& operator=(const DwarfSession&) = delete;
  ~DwarfSession();

  // The same files for another thread; null if they cannot be read.
  std::unique_ptr<DwarfSession> another() const;

  Dwarf_Debug handle() const { return debug_; }
  // The file with the debug information.
  const ElfFile& file() const { return *file_; }
  // Changes with any of the files that are read.
  std::uint64_t identity() const;
  Die die(DieKey key) const;
  // In file order; ends early where the file is damaged (`complete` tells).
  const std::vector<Unit>& units() const { return units_; }
  bool complete() const { return complete_; }
  const Unit* unit_of(DieKey key) const;
  // DW_AT_ranges or low and high pc; the first one contains the entry.
  std::vector<AddressRange> ranges(const Die& die) const;
  // Path of file number `file` in the line table of the unit of `key`.
  std::string source_file(DieKey key, std::uint64_t file) const;

 private:
  explicit DwarfSession(std::shared_ptr<const ElfFile> file)
      : file_(file),
        sections_(std::make_shared<DwarfSections>(std::move(file), DwarfSections::Kind::kMain)) {}
  DwarfSession(std::shared_ptr<const ElfFile> file, std::shared_ptr<DwarfSections> sections)
      : file_(std::move(file)), sections_(std::move(sections)) {}
  schema::Result<void> init();
  void load_units(bool is_info);
  std::vector<AddressRange> listed_ranges(const Die& die, const Unit& unit) const;

  std::shared_ptr<const ElfFile> file_;
  std::shared_ptr<DwarfSections> sections_;
  Dwarf_Debug debug_ = nullptr;
  std::vector<Unit> units_;
  bool complete_ = true;
};

}  // namespace backsight::probes
