#include "probes/dwarf_sections.h"

#include <dwarf.h>
#include <elf.h>

#include <algorithm>
#include <array>

namespace backsight::probes {

namespace {

constexpr std::size_t kMaxJoined = 1u << 30;

constexpr std::array<std::string_view, 17> kNames = {
    ".debug_info",     ".debug_types", ".debug_abbrev", ".debug_str",      ".debug_str_offsets",
    ".debug_line",     ".debug_addr",  ".debug_ranges", ".debug_line_str", ".debug_rnglists",
    ".debug_loclists", ".debug_loc",   ".debug_macro",  ".debug_frame",    ".debug_cu_index",
    ".debug_tu_index", ".eh_frame",
};

bool is_index(std::string_view name) {
  return name == ".debug_cu_index" || name == ".debug_tu_index";
}

// Contents under the name or, compressed in the older way, under .zdebug_*.
const Section* find_section(const ElfFile& file, std::string_view name) {
  if (file.has_contents(name)) return file.section(name);
  const std::string old = name.substr(0, 7) == ".debug_" ? ".z" + std::string(name.substr(1)) : std::string();
  return !old.empty() && file.has_contents(old) ? file.section(old) : nullptr;
}

// gcc leaves a section of its own for each type unit in a .dwo file. Units do not refer
// to each other by offset: they can be put together.
std::shared_ptr<const std::vector<std::uint8_t>> joined(const ElfFile& file, std::string_view name) {
  auto all = std::make_shared<std::vector<std::uint8_t>>();
  std::size_t count = 0;
  for (const Section& section : file.sections()) {
    if (section.name != name || section.type == SHT_NOBITS || section.size == 0) continue;
    const auto part = file.section_bytes(section);
    if (!part || all->size() + part->bytes.size() > kMaxJoined) return nullptr;
    all->insert(all->end(), part->bytes.begin(), part->bytes.end());
    ++count;
  }
  return count > 1 ? all : nullptr;
}

bool has_several(const ElfFile& file, std::string_view name) {
  return std::count_if(file.sections().begin(), file.sections().end(),
                       [&](const Section& section) { return section.name == name; }) > 1;
}

std::string name_in(std::string_view standard, DwarfSections::Kind kind) {
  std::string name(standard);
  if (kind == DwarfSections::Kind::kSplit && !is_index(standard)) name += ".dwo";
  return name;
}

}  // namespace

bool has_debug_info(const ElfFile& file, DwarfSections::Kind kind) {
  return find_section(file, name_in(".debug_info", kind)) != nullptr;
}

struct DwarfSections::Callbacks {
  static DwarfSections& self(void* object) { return *static_cast<DwarfSections*>(object); }

  // Section 0 is empty, as in ELF.
  static int info(void* object, Dwarf_Half index, Dwarf_Obj_Access_Section* out, int*) {
    const auto& entries = self(object).entries_;
    if (index > entries.size()) return DW_DLV_NO_ENTRY;
    *out = {};
    out->name = index == 0 ? "" : entries[index - 1].name.c_str();
    out->type = index == 0 ? SHT_NULL : entries[index - 1].type;
    out->entrysize = out->type == SHT_GROUP ? sizeof(std::uint32_t) : 0;
    out->size = index == 0 ? 0 : entries[index - 1].size;
    out->addr = index == 0 ? 0 : entries[index - 1].address;
    return DW_DLV_OK;
  }
  static Dwarf_Endianness byte_order(void*) { return DW_OBJECT_LSB; }
  static Dwarf_Small length_size(void*) { return 4; }
  static Dwarf_Small pointer_size(void*) { return 8; }
  static Dwarf_Unsigned count(void* object) { return self(object).entries_.size() + 1; }
  static int load(void* object, Dwarf_Half index, Dwarf_Small** out, int* error) {
    auto& entries = self(object).entries_;
    if (index == 0 || index > entries.size()) return DW_DLV_NO_ENTRY;
    Entry& entry = entries[index - 1];
    if (!self(object).load(entry)) {
      *error = DW_DLE_SECTION_SIZE_ERROR;
      return DW_DLV_ERROR;
    }
    // libdwarf reads only; its interface is older than const.
    *out = const_cast<Dwarf_Small*>(entry.contents.bytes.data());
    return DW_DLV_OK;
  }

  static constexpr Dwarf_Obj_Access_Methods kMethods = {info,  byte_order, length_size, pointer_size,
                                                        count, load,       nullptr};
};

DwarfSections::DwarfSections(std::shared_ptr<const ElfFile> file, Kind kind)
    : file_(std::move(file)), kind_(kind), access_{this, &Callbacks::kMethods} {
  for (const std::string_view standard : kNames) {
    if (is_index(standard) && kind == Kind::kMain) continue;
    Entry entry;
    entry.name = name_in(standard, kind);
    entry.standard = standard;
    entry.section = find_section(*file_, entry.name);
    if (!entry.section) continue;
    const bool holds_units = standard == ".debug_info" || standard == ".debug_types";
    if (kind == Kind::kSplit && holds_units && has_several(*file_, entry.name)) {
      if (const auto all = joined(*file_, entry.name)) {
        add(entry.name, standard, *all);
        entries_.back().contents.copy = all;
      }
      continue;
    }
    entry.address = entry.section->address;
    entry.size = file_->section_size(*entry.section);
    if (entry.size > 0) entries_.push_back(std::move(entry));
  }
}

std::shared_ptr<DwarfSections> DwarfSections::of_unit(DwarfSections& split, DwarfSections& main,
                                                      std::uint64_t address_base, std::uint64_t ranges_base) {
  auto result = std::make_shared<DwarfSections>(split.file_, Kind::kSplit);
  result->is_unit_ = true;
  // What was copied or decompressed is shared.
  for (std::size_t i = 0; i < split.entries_.size() && i < result->entries_.size(); ++i) {
    if (split.load(split.entries_[i])) result->entries_[i] = split.entries_[i];
  }
  const auto addresses = main.bytes(".debug_addr");
  const auto ranges = main.bytes(".debug_ranges");
  if (address_base < addresses.size())
    result->add(".debug_addr", ".debug_addr", addresses.subspan(address_base));
  if (ranges_base < ranges.size()) result->add(".debug_ranges", ".debug_ranges", ranges.subspan(ranges_base));
  result->add_group();
  return result;
}

DwarfSections::DwarfSections(std::shared_ptr<const ElfFile> file, Nothing)
    : file_(std::move(file)), kind_(Kind::kMain), access_{this, &Callbacks::kMethods} {}

std::unique_ptr<DwarfSections> DwarfSections::of_frames(std::shared_ptr<const ElfFile> file,
                                                        std::span<const std::uint8_t> bytes,
                                                        std::uint64_t address) {
  std::unique_ptr<DwarfSections> result(new DwarfSections(std::move(file), Nothing{}));
  result->add(".eh_frame", ".eh_frame", bytes);
  result->entries_.back().address = address;
  return result;
}

void DwarfSections::add(std::string name, std::string_view standard, std::span<const std::uint8_t> bytes) {
  Entry entry;
  entry.name = std::move(name);
  entry.standard = standard;
  entry.size = bytes.size();
  entry.contents.bytes = bytes;
  entry.is_loaded = true;
  entries_.push_back(std::move(entry));
}

// libdwarf takes sections of different kinds together only where a group says so.
void DwarfSections::add_group() {
  auto words = std::make_shared<std::vector<std::uint8_t>>();
  const auto append = [&words](std::uint32_t word) {
    for (int shift = 0; shift < 32; shift += 8) words->push_back(static_cast<std::uint8_t>(word >> shift));
  };
  append(1);  // GRP_COMDAT
  for (std::uint32_t i = 0; i < entries_.size(); ++i) append(i + 2);
  Entry entry;
  entry.name = ".group";
  entry.type = SHT_GROUP;
  entry.size = words->size();
  entry.contents = {*words, words};
  entry.is_loaded = true;
  entries_.insert(entries_.begin(), std::move(entry));
}

unsigned DwarfSections::group() const {
  constexpr unsigned kFirstOfGroups = 3;
  return is_unit_ ? kFirstOfGroups : kind_ == Kind::kSplit ? DW_GROUPNUMBER_DWO : DW_GROUPNUMBER_BASE;
}

schema::Result<void> DwarfSections::load(Entry& entry) {
  const std::lock_guard lock(mutex_);
  if (entry.is_loaded) return {};
  auto contents = file_->section_bytes(*entry.section);
  if (!contents) return contents.error();
  if (contents->bytes.size() != entry.size) {
    return schema::make_error(schema::ErrorCode::kCorrupt,
                              "section " + entry.section->name + " of " + file_->path() + " is damaged");
  }
  entry.contents = std::move(*contents);
  entry.is_loaded = true;
  return {};
}

schema::Result<std::span<const std::uint8_t>> DwarfSections::load(std::string_view name) {
  const auto it =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.standard == name; });
  if (it == entries_.end()) return std::span<const std::uint8_t>();
  BACKSIGHT_TRY(load(*it));
  return it->contents.bytes;
}

std::span<const std::uint8_t> DwarfSections::bytes(std::string_view name) {
  const auto found = load(name);
  return found ? *found : std::span<const std::uint8_t>();
}

}  // namespace backsight::probes
