#include "probes/dwarf_session.h"

#include "probes/index_format.h"

#include <algorithm>
#include <cstring>

namespace backsight::probes {

namespace {

constexpr std::size_t kMaxRanges = 4096;

}  // namespace

schema::Result<std::unique_ptr<DwarfSession>> DwarfSession::open(std::shared_ptr<const ElfFile> file,
                                                                 const Companions& companions) {
  std::unique_ptr<DwarfSession> session(new DwarfSession(
      SplitUnits(companions.reading, companions.binary.empty() ? file->path() : companions.binary)));
  auto main = DwarfHandle::open(std::make_shared<DwarfSections>(std::move(file), DwarfSections::Kind::kMain));
  if (!main) return main.error();
  session->main_ = *main;
  session->open_alternate(companions);
  session->tie();
  session->load_units(*session->main_, 0);
  if (session->alternate_) session->load_units(*session->alternate_, kAlternateFile);
  std::sort(session->units_.begin(), session->units_.end(),
            [](const Unit& a, const Unit& b) { return a.die < b.die; });
  return session;
}

std::unique_ptr<DwarfSession> DwarfSession::another() const {
  auto main = DwarfHandle::open(main_->sections());
  if (!main) return nullptr;
  std::unique_ptr<DwarfSession> session(new DwarfSession(split_.another(*main)));
  session->main_ = *main;
  if (alternate_) {
    auto alternate = DwarfHandle::open(alternate_->sections());
    if (!alternate) return nullptr;
    session->alternate_ = *alternate;
  }
  session->tie();
  session->units_ = units_;
  session->complete_ = complete_;
  return session;
}

// Texts of the main file may be in the alternate one, addresses of split units in the main one.
void DwarfSession::tie() {
  split_.set_main(main_);
  Dwarf_Error error = nullptr;
  if (alternate_ && dwarf_set_tied_dbg(main_->get(), alternate_->get(), &error) != DW_DLV_OK && error) {
    dwarf_dealloc_error(main_->get(), error);
  }
}

void DwarfSession::open_alternate(const Companions& companions) {
  if (!file().alt_link()) return;
  AlternateFile found = find_alternate_file(file(), companions.debug_roots, companions.reading);
  issues_.insert(issues_.end(), found.issues.begin(), found.issues.end());
  if (!found.file) {
    complete_ = false;
    return;
  }
  auto handle =
      DwarfHandle::open(std::make_shared<DwarfSections>(std::move(found.file), DwarfSections::Kind::kMain));
  if (handle) {
    alternate_ = *handle;
  } else {
    complete_ = false;
    issues_.push_back({handle.error().message, handle.error().hint});
  }
}

std::uint64_t DwarfSession::identity() const {
  std::uint64_t hash = index_builder_id() ^ kIndexVersion;
  for (const auto& handle : {main_, alternate_}) {
    if (!handle) continue;
    const ElfFile& part = handle->sections()->file();
    const FileIdentity& id = part.identity();
    const std::uint64_t values[] = {id.size, id.inode, static_cast<std::uint64_t>(id.modified_ns)};
    hash = index_checksum({reinterpret_cast<const char*>(values), sizeof(values)}, hash);
    hash = index_checksum(part.build_id(), hash);
  }
  return index_checksum(split_.package_identity(), hash);
}

std::vector<Issue> DwarfSession::issues() const {
  std::vector<Issue> result = issues_;
  if (split_.missing() > 0) {
    result.push_back({"the debug information of " + std::to_string(split_.missing()) + " of " +
                          std::to_string(split_.size()) + " units of " + file().path() +
                          " is missing: " + split_.why(),
                      "keep the .dwo files of exactly this build where it put them, or pack them with dwp"});
  } else if (!complete_ && issues_.empty()) {
    result.push_back({"the debug information of " + file().path() + " is damaged; some functions are missing",
                      "rebuild it, or install its debug symbol package again"});
  }
  return result;
}

void DwarfSession::load_units(const DwarfHandle& handle, std::uint32_t file) {
  for (const bool is_info : {true, false}) {
    if (!is_info && handle.sections()->bytes(".debug_types").empty()) continue;
    const bool is_whole = for_each_unit(handle, is_info, file, [&](const UnitHeader& header, const Die& top) {
      const char* split = top.text(DW_AT_dwo_name);
      if (!split) split = top.text(DW_AT_GNU_dwo_name);
      if (split && file == 0) return add_skeleton(header, top, split);
      Unit unit;
      unit.die = top.key();
      unit.end = key_in(file, header.end) | (is_info ? 0 : kTypesSection);
      unit.version = header.version;
      unit.language = static_cast<std::uint16_t>(top.unsigned_value(DW_AT_language).value_or(0));
      unit.base = top.address(DW_AT_low_pc).value_or(0);
      units_.push_back(unit);
    });
    complete_ = complete_ && is_whole;
  }
}

void DwarfSession::add_skeleton(const UnitHeader& header, const Die& top, const char* name) {
  const auto number = static_cast<std::uint32_t>(kFirstSplitFile + split_.size());
  if (number >= kMaxDebugFiles) {
    complete_ = false;
    return;
  }
  const char* directory = top.text(DW_AT_comp_dir);
  // Offsets into other sections.
  const auto base = [&top](Dwarf_Half attribute) {
    const DieAttribute found(top, attribute);
    Dwarf_Off offset = 0;
    ErrorSlot error(top.debug());
    return found && dwarf_global_formref(found.handle(), &offset, error.out()) == DW_DLV_OK ? offset : 0;
  };
  split_.add({offset_of(top.key()), name, directory ? directory : "", dwo_id_of(header, top),
              base(header.version >= 5 ? DW_AT_addr_base : DW_AT_GNU_addr_base),
              base(DW_AT_GNU_ranges_base)});
  Unit unit;
  unit.die = key_in(number, 0);
  unit.end = key_in(number + 1, 0);
  unit.version = header.version;
  unit.base = top.address(DW_AT_low_pc).value_or(0);
  units_.push_back(unit);
}

Die DwarfSession::die(DieKey key) const {
  if (key == 0) return {};
  const std::uint32_t file = file_of(key);
  std::uint64_t offset = offset_of(key);
  Dwarf_Debug debug = main_->get();
  if (file == kAlternateFile) {
    if (!alternate_) return {};
    debug = alternate_->get();
  } else if (file >= kFirstSplitFile) {
    const SplitUnit* unit = split_.open(file - kFirstSplitFile);
    if (!unit) return {};
    debug = unit->handle->get();
    if (offset == 0) offset = unit->top;
  }
  Dwarf_Die found = nullptr;
  ErrorSlot error(debug);
  const Dwarf_Bool is_info = (key & kTypesSection) == 0;
  return dwarf_offdie_b(debug, offset, is_info, &found, error.out()) == DW_DLV_OK ? Die(debug, found, file)
                                                                                  : Die();
}

const Unit* DwarfSession::unit_of(DieKey key) const {
  const bool is_split_unit = file_of(key) >= kFirstSplitFile;
  if (is_split_unit) key &= ~kTypesSection;
  auto it = std::upper_bound(units_.begin(), units_.end(), key,
                             [](DieKey value, const Unit& unit) { return value < unit.die; });
  if (it == units_.begin()) return nullptr;
  --it;
  if (key >= it->end) return nullptr;
  if (is_split_unit && it->language == 0) {
    if (const SplitUnit* unit = split_.open(file_of(key) - kFirstSplitFile)) it->language = unit->language;
  }
  return &*it;
}

std::vector<DieKey> DwarfSession::tops(const Unit& unit) const {
  const std::uint32_t file = file_of(unit.die);
  if (file < kFirstSplitFile) return {unit.die};
  const SplitUnit* split = split_.open(file - kFirstSplitFile);
  if (!split) return {};
  std::vector<DieKey> result = {key_in(file, split->top)};
  for (const DieKey other : split->others) result.push_back(other | key_in(file, 0));
  std::sort(result.begin(), result.end());
  return result;
}

void DwarfSession::close(const Unit& unit) const {
  if (is_split(unit)) split_.close(file_of(unit.die) - kFirstSplitFile);
}

Die DwarfSession::line_unit(DieKey unit) const {
  const std::uint32_t file = file_of(unit);
  if (file < kFirstSplitFile) return die(unit);
  const std::size_t number = file - kFirstSplitFile;
  return number < split_.size() ? die(split_.skeleton(number).unit) : Die();
}

std::vector<AddressRange> DwarfSession::ranges(const Die& die) const {
  const Unit* unit = unit_of(die.key());
  return unit ? ranges_in(*unit, die) : std::vector<AddressRange>();
}

std::vector<AddressRange> DwarfSession::code_of(const Unit& unit) const {
  if (is_split(unit)) {
    // Reads no other file, most often.
    auto ranges = ranges_in(unit, line_unit(unit.die));
    if (!ranges.empty()) return ranges;
  }
  return ranges_in(unit, die(unit.die));
}

std::vector<AddressRange> DwarfSession::ranges_in(const Unit& unit, const Die& die) const {
  if (!die) return {};
  if (die.has(DW_AT_ranges)) return listed_ranges(die, unit);
  Dwarf_Addr low = 0;
  Dwarf_Addr high = 0;
  Dwarf_Half form = 0;
  Dwarf_Form_Class form_class = DW_FORM_CLASS_UNKNOWN;
  ErrorSlot error(die.debug());
  ErrorSlot second(die.debug());
  if (dwarf_lowpc(die.handle(), &low, error.out()) != DW_DLV_OK) return {};
  if (dwarf_highpc_b(die.handle(), &high, &form, &form_class, second.out()) != DW_DLV_OK) return {};
  if (form_class == DW_FORM_CLASS_CONSTANT) high += low;
  if (high <= low) return {};
  return {{low, high}};
}

// Entry `index` of the offsets behind a header of 12 bytes (DWARF 5, 7.28).
std::optional<std::uint64_t> DwarfSession::split_list_offset(const Die& die, std::uint64_t index) const {
  constexpr std::uint64_t kHeader = 12;
  const std::uint32_t file = file_of(die.key());
  const SplitUnit* unit = file >= kFirstSplitFile ? split_.open(file - kFirstSplitFile) : nullptr;
  if (!unit || unit->is_packed) return std::nullopt;
  const auto bytes = unit->handle->sections()->bytes(".debug_rnglists");
  std::uint32_t offset = 0;
  if (kHeader > bytes.size() || index >= (bytes.size() - kHeader) / sizeof(offset)) return std::nullopt;
  std::memcpy(&offset, bytes.data() + kHeader + index * sizeof(offset), sizeof(offset));
  return kHeader + offset;
}

std::vector<AddressRange> DwarfSession::listed_ranges(const Die& die, const Unit& unit) const {
  std::vector<AddressRange> result;
  const DieAttribute attribute(die, DW_AT_ranges);
  ErrorSlot error(die.debug());
  Dwarf_Off offset = 0;
  const Dwarf_Half form = attribute.form();
  if (form == DW_FORM_rnglistx || form == DW_FORM_data4 || form == DW_FORM_data8) {
    Dwarf_Unsigned index = 0;
    if (dwarf_formudata(attribute.handle(), &index, error.out()) != DW_DLV_OK) return {};
    offset = index;
  } else if (dwarf_global_formref(attribute.handle(), &offset, error.out()) != DW_DLV_OK) {
    return {};
  }
  // libdwarf does not find the only table of a .dwo file.
  Dwarf_Half list_form = form;
  if (const auto direct = form == DW_FORM_rnglistx ? split_list_offset(die, offset) : std::nullopt) {
    offset = *direct;
    list_form = DW_FORM_sec_offset;
  }
  ErrorSlot second(die.debug());
  if (unit.version >= 5) {
    Dwarf_Rnglists_Head head = nullptr;
    Dwarf_Unsigned count = 0;
    Dwarf_Unsigned global = 0;
    if (dwarf_rnglists_get_rle_head(attribute.handle(), list_form, offset, &head, &count, &global,
                                    second.out()) != DW_DLV_OK) {
      return {};
    }
    for (Dwarf_Unsigned i = 0; i < count && i < kMaxRanges; ++i) {
      unsigned length = 0;
      unsigned kind = 0;
      Dwarf_Unsigned raw[2] = {};
      Dwarf_Unsigned cooked[2] = {};
      Dwarf_Bool unavailable = 0;
      ErrorSlot third(die.debug());
      if (dwarf_get_rnglists_entry_fields_a(head, i, &length, &kind, &raw[0], &raw[1], &unavailable,
                                            &cooked[0], &cooked[1], third.out()) != DW_DLV_OK) {
        break;
      }
      const bool is_range = kind == DW_RLE_offset_pair || kind == DW_RLE_start_end ||
                            kind == DW_RLE_start_length || kind == DW_RLE_startx_endx ||
                            kind == DW_RLE_startx_length;
      if (is_range && !unavailable && cooked[1] > cooked[0]) result.push_back({cooked[0], cooked[1]});
    }
    dwarf_dealloc_rnglists_head(head);
    return result;
  }
  Dwarf_Ranges* list = nullptr;
  Dwarf_Signed count = 0;
  Dwarf_Off real = 0;
  Dwarf_Unsigned bytes = 0;
  if (dwarf_get_ranges_b(die.debug(), offset, die.handle(), &real, &list, &count, &bytes, second.out()) !=
      DW_DLV_OK) {
    return {};
  }
  std::uint64_t base = unit.base;
  for (Dwarf_Signed i = 0; i < count && static_cast<std::size_t>(i) < kMaxRanges; ++i) {
    if (list[i].dwr_type == DW_RANGES_ADDRESS_SELECTION) base = list[i].dwr_addr2;
    if (list[i].dwr_type == DW_RANGES_ENTRY && list[i].dwr_addr2 > list[i].dwr_addr1) {
      result.push_back({base + list[i].dwr_addr1, base + list[i].dwr_addr2});
    }
  }
  dwarf_ranges_dealloc(die.debug(), list, count);
  return result;
}

std::string DwarfSession::source_file(DieKey key, std::uint64_t file) const {
  const Unit* unit = unit_of(key);
  if (!unit) return {};
  const Die top = line_unit(unit->die);
  char** files = nullptr;
  Dwarf_Signed count = 0;
  ErrorSlot error(top.debug());
  if (!top || dwarf_srcfiles(top.handle(), &files, &count, error.out()) != DW_DLV_OK) return {};
  // Numbered from 1 up to DWARF 4, from 0 in DWARF 5; 0 is "none" before that.
  const std::uint64_t index = unit->version >= 5 ? file : file - 1;
  std::string result;
  if (index < static_cast<std::uint64_t>(count)) result = files[index];
  for (Dwarf_Signed i = 0; i < count; ++i) dwarf_dealloc(top.debug(), files[i], DW_DLA_STRING);
  dwarf_dealloc(top.debug(), files, DW_DLA_LIST);
  return result;
}

}  // namespace backsight::probes
