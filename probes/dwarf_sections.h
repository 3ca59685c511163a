// The DWARF sections of one file by their standard names, each loaded when it
// is first asked for. libdwarf reads them through access(), so that it sees these
// sections and nothing else of the file; the index reads them directly.
#pragma once

#include "probes/elf_file.h"
#include "schema/result.h"

#include <libdwarf.h>

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace backsight::probes {

class DwarfSections {
 public:
  // kMain: .debug_info and its like; kSplit: .debug_info.dwo and its like, of .dwo and .dwp files.
  enum class Kind { kMain, kSplit };

  DwarfSections(std::shared_ptr<const ElfFile> file, Kind kind);
  DwarfSections(const DwarfSections&) = delete;
  DwarfSections& operator=(const DwarfSections&) = delete;
  ~DwarfSections() = default;

  // A split unit's view: the split sections of `split` and, from `main`, the addresses and
  // ranges from the unit's own on. (libdwarf 20210528 looks for them by a tied object
  // too, but finds those of the first unit only.)
  static std::shared_ptr<DwarfSections> of_unit(DwarfSections& split, DwarfSections& main,
                                                std::uint64_t address_base, std::uint64_t ranges_base);
  // An .eh_frame alone: these bytes, which must outlive it, at that link-time address.
  static std::unique_ptr<DwarfSections> of_frames(std::shared_ptr<const ElfFile> file,
                                                  std::span<const std::uint8_t> bytes, std::uint64_t address);

  const std::shared_ptr<const ElfFile>& shared_file() const { return file_; }
  const ElfFile& file() const { return *file_; }
  Kind kind() const { return kind_; }
  // `name` without .dwo. Empty if there is none such; kCorrupt if it cannot be read.
  schema::Result<std::span<const std::uint8_t>> load(std::string_view name);
  // As load(); empty if it cannot be read.
  std::span<const std::uint8_t> bytes(std::string_view name);
  // What libdwarf calls the group of these sections.
  unsigned group() const;
  // For dwarf_object_init_b; valid as long as this object.
  Dwarf_Obj_Access_Interface* access() { return &access_; }

 private:
  struct Entry {
    std::string name;                  // as libdwarf looks for it
    std::string_view standard;         // without .dwo
    const Section* section = nullptr;  // null: made by of_unit()
    std::uint32_t type = 1;            // SHT_PROGBITS
    std::uint64_t address = 0;
    std::uint64_t size = 0;
    bool is_loaded = false;
    SectionBytes contents;
  };
  struct Nothing {};
  DwarfSections(std::shared_ptr<const ElfFile> file, Nothing);
  // Callbacks of libdwarf; `object` is the DwarfSections.
  struct Callbacks;

  schema::Result<void> load(Entry& entry);
  void add(std::string name, std::string_view standard, std::span<const std::uint8_t> bytes);
  void add_group();
  std::mutex mutex_;  // of loading: sessions of several threads share the sections

  [[maybe_unused]] char mark_ =
      0;  // first in the object: libdwarf takes E, F, M and P for objects of its own
  std::shared_ptr<const ElfFile> file_;
  Kind kind_;
  std::vector<Entry> entries_;
  bool is_unit_ = false;
  Dwarf_Obj_Access_Interface access_{};
};

// The file has .debug_info (or .debug_info.dwo) with contents, compressed or not.
bool has_debug_info(const ElfFile& file, DwarfSections::Kind kind);

}  // namespace backsight::probes
