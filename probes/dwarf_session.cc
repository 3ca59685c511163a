#include "probes/dwarf_session.h"

#include "probes/debug_guard.h"
#include "probes/index_format.h"

#include <algorithm>

namespace backsight::probes {

namespace {

constexpr std::size_t kMaxChildren = 1u << 22;
constexpr std::size_t kMaxRanges = 4096;
constexpr std::size_t kMaxUnits = 1u << 20;

// Receives libdwarf's error and frees it.
class ErrorSlot {
 public:
  explicit ErrorSlot(Dwarf_Debug debug) : debug_(debug) {}
  ErrorSlot(const ErrorSlot&) = delete;
  ErrorSlot& operator=(const ErrorSlot&) = delete;
  ~ErrorSlot() {
    if (error_) dwarf_dealloc_error(debug_, error_);
  }
  Dwarf_Error* out() { return &error_; }

 private:
  Dwarf_Debug debug_;
  Dwarf_Error error_ = nullptr;
};

// The debug handle of an attribute's owner is not needed to free an error that
// was made for it; libdwarf accepts null for that.
class AnyError : public ErrorSlot {
 public:
  AnyError() : ErrorSlot(nullptr) {}
};

}  // namespace

Die::Die(Die&& other) noexcept : debug_(other.debug_), die_(other.die_) {
  other.die_ = nullptr;
}

Die& Die::operator=(Die&& other) noexcept {
  std::swap(debug_, other.debug_);
  std::swap(die_, other.die_);
  return *this;
}

Die::~Die() {
  if (die_) dwarf_dealloc_die(die_);
}

Dwarf_Half Die::tag() const {
  Dwarf_Half tag = 0;
  ErrorSlot error(debug_);
  return die_ && dwarf_tag(die_, &tag, error.out()) == DW_DLV_OK ? tag : 0;
}

DieKey Die::key() const {
  Dwarf_Off offset = 0;
  ErrorSlot error(debug_);
  if (!die_ || dwarf_dieoffset(die_, &offset, error.out()) != DW_DLV_OK) return 0;
  return dwarf_get_die_infotypes_flag(die_) ? offset : offset | kTypesSection;
}

const char* Die::name() const {
  char* name = nullptr;
  ErrorSlot error(debug_);
  return die_ && dwarf_diename(die_, &name, error.out()) == DW_DLV_OK ? name : nullptr;
}

const char* Die::text(Dwarf_Half attribute) const {
  char* text = nullptr;
  ErrorSlot error(debug_);
  return die_ && dwarf_die_text(die_, attribute, &text, error.out()) == DW_DLV_OK ? text : nullptr;
}

bool Die::has(Dwarf_Half attribute) const {
  Dwarf_Bool found = 0;
  ErrorSlot error(debug_);
  return die_ && dwarf_hasattr(die_, attribute, &found, error.out()) == DW_DLV_OK && found;
}

bool Die::flag(Dwarf_Half attribute) const {
  const DieAttribute found(*this, attribute);
  Dwarf_Bool value = 0;
  ErrorSlot error(debug_);
  return found && dwarf_formflag(found.handle(), &value, error.out()) == DW_DLV_OK && value;
}

std::optional<std::uint64_t> Die::unsigned_value(Dwarf_Half attribute) const {
  const DieAttribute found(*this, attribute);
  if (!found) return std::nullopt;
  ErrorSlot error(debug_);
  Dwarf_Unsigned value = 0;
  if (dwarf_formudata(found.handle(), &value, error.out()) == DW_DLV_OK) return value;
  ErrorSlot second(debug_);
  Dwarf_Signed negative = 0;
  if (dwarf_formsdata(found.handle(), &negative, second.out()) == DW_DLV_OK) {
    return static_cast<std::uint64_t>(negative);
  }
  return std::nullopt;
}

std::optional<std::int64_t> Die::signed_value(Dwarf_Half attribute) const {
  const DieAttribute found(*this, attribute);
  if (!found) return std::nullopt;
  const Dwarf_Half form = found.form();
  if (form == DW_FORM_sdata || form == DW_FORM_implicit_const) {
    ErrorSlot error(debug_);
    Dwarf_Signed value = 0;
    if (dwarf_formsdata(found.handle(), &value, error.out()) == DW_DLV_OK) return value;
    return std::nullopt;
  }
  ErrorSlot error(debug_);
  Dwarf_Unsigned value = 0;
  if (dwarf_formudata(found.handle(), &value, error.out()) != DW_DLV_OK) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

std::optional<std::uint64_t> Die::address(Dwarf_Half attribute) const {
  const DieAttribute found(*this, attribute);
  Dwarf_Addr value = 0;
  ErrorSlot error(debug_);
  if (!found || dwarf_formaddr(found.handle(), &value, error.out()) != DW_DLV_OK) return std::nullopt;
  return value;
}

std::optional<DieKey> Die::reference(Dwarf_Half attribute) const {
  const DieAttribute found(*this, attribute);
  if (!found) return std::nullopt;
  ErrorSlot error(debug_);
  const Dwarf_Half form = found.form();
  if (form == DW_FORM_ref_sig8) {
    Dwarf_Sig8 signature;
    Dwarf_Die target = nullptr;
    Dwarf_Bool is_info = 0;
    if (dwarf_formsig8(found.handle(), &signature, error.out()) != DW_DLV_OK) return std::nullopt;
    ErrorSlot second(debug_);
    if (dwarf_find_die_given_sig8(debug_, &signature, &target, &is_info, second.out()) != DW_DLV_OK) {
      return std::nullopt;
    }
    return Die(debug_, target).key();
  }
  if (form == DW_FORM_GNU_ref_alt || form == DW_FORM_ref_sup4 || form == DW_FORM_ref_sup8)
    return std::nullopt;
  Dwarf_Off offset = 0;
  if (dwarf_global_formref(found.handle(), &offset, error.out()) != DW_DLV_OK || offset == 0)
    return std::nullopt;
  // DW_FORM_ref_addr always leads into .debug_info, the others stay in their unit.
  const bool in_types = form != DW_FORM_ref_addr && !dwarf_get_die_infotypes_flag(die_);
  return in_types ? offset | kTypesSection : offset;
}

std::vector<std::uint8_t> Die::block(Dwarf_Half attribute) const {
  const DieAttribute found(*this, attribute);
  if (!found) return {};
  ErrorSlot error(debug_);
  Dwarf_Unsigned length = 0;
  Dwarf_Ptr data = nullptr;
  if (found.form() == DW_FORM_exprloc &&
      dwarf_formexprloc(found.handle(), &length, &data, error.out()) == DW_DLV_OK && length < 4096) {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    return {bytes, bytes + length};
  }
  ErrorSlot second(debug_);
  Dwarf_Block* block = nullptr;
  if (dwarf_formblock(found.handle(), &block, second.out()) != DW_DLV_OK) return {};
  std::vector<std::uint8_t> result;
  if (block->bl_len < 4096) {
    const auto* bytes = static_cast<const std::uint8_t*>(block->bl_data);
    result.assign(bytes, bytes + block->bl_len);
  }
  dwarf_dealloc(debug_, block, DW_DLA_BLOCK);
  return result;
}

Die Die::child() const {
  Dwarf_Die found = nullptr;
  ErrorSlot error(debug_);
  return die_ && dwarf_child(die_, &found, error.out()) == DW_DLV_OK ? Die(debug_, found) : Die();
}

Die Die::sibling() const {
  Dwarf_Die found = nullptr;
  ErrorSlot error(debug_);
  if (!die_) return {};
  const Dwarf_Bool is_info = dwarf_get_die_infotypes_flag(die_);
  return dwarf_siblingof_b(debug_, die_, is_info, &found, error.out()) == DW_DLV_OK ? Die(debug_, found)
                                                                                    : Die();
}

void for_each_child(const Die& parent, const std::function<bool(Die&&)>& visit) {
  std::size_t count = 0;
  for (Die die = parent.child(); die && count < kMaxChildren; ++count) {
    Die next = die.sibling();
    if (!visit(std::move(die))) return;
    die = std::move(next);
  }
}

DieAttribute::DieAttribute(const Die& die, Dwarf_Half attribute) {
  ErrorSlot error(die.debug_);
  if (!die || dwarf_attr(die.handle(), attribute, &attribute_, error.out()) != DW_DLV_OK)
    attribute_ = nullptr;
}

DieAttribute::~DieAttribute() {
  if (attribute_) dwarf_dealloc_attribute(attribute_);
}

Dwarf_Half DieAttribute::form() const {
  Dwarf_Half form = 0;
  AnyError error;
  return attribute_ && dwarf_whatform(attribute_, &form, error.out()) == DW_DLV_OK ? form : 0;
}

schema::Result<std::unique_ptr<DwarfSession>> DwarfSession::open(std::shared_ptr<const ElfFile> file) {
  std::unique_ptr<DwarfSession> session(new DwarfSession(std::move(file)));
  BACKSIGHT_TRY(check_debug_sections(*session->sections_));
  BACKSIGHT_TRY(session->init());
  session->load_units(true);
  if (!session->sections_->bytes(".debug_types").empty()) session->load_units(false);
  std::sort(session->units_.begin(), session->units_.end(),
            [](const Unit& a, const Unit& b) { return a.die < b.die; });
  return session;
}

std::unique_ptr<DwarfSession> DwarfSession::another() const {
  std::unique_ptr<DwarfSession> session(new DwarfSession(file_, sections_));
  if (!session->init()) return nullptr;
  session->units_ = units_;
  session->complete_ = complete_;
  return session;
}

schema::Result<void> DwarfSession::init() {
  Dwarf_Error error = nullptr;
  // Our owners free every handle; libdwarf's own list of them costs half the time.
  dwarf_set_de_alloc_flag(0);
  const int result =
      dwarf_object_init_b(sections_->access(), nullptr, nullptr, DW_GROUPNUMBER_BASE, &debug_, &error);
  if (result == DW_DLV_OK) return {};
  std::string reason = result == DW_DLV_ERROR ? dwarf_errmsg(error) : "no DWARF sections";
  if (error) dwarf_dealloc_error(nullptr, error);
  debug_ = nullptr;
  return schema::make_error(schema::ErrorCode::kCorrupt,
                            "cannot read the debug information in " + file_->path() + ": " + reason,
                            "rebuild it, or install its debug symbol package again");
}

std::uint64_t DwarfSession::identity() const {
  const FileIdentity& id = file_->identity();
  const std::uint64_t values[] = {id.size, id.inode, static_cast<std::uint64_t>(id.modified_ns)};
  const std::string_view bytes(reinterpret_cast<const char*>(values), sizeof(values));
  return index_checksum(file_->build_id(), index_checksum(bytes, kIndexVersion));
}

DwarfSession::~DwarfSession() {
  if (!debug_) return;
  Dwarf_Error error = nullptr;
  dwarf_object_finish(debug_, &error);
}

void DwarfSession::load_units(bool is_info) {
  const DieKey section = is_info ? 0 : kTypesSection;
  while (units_.size() < kMaxUnits) {
    ErrorSlot error(debug_);
    Dwarf_Unsigned next = 0;
    Dwarf_Half version = 0;
    const int result = dwarf_next_cu_header_d(debug_, is_info, nullptr, &version, nullptr, nullptr, nullptr,
                                              nullptr, nullptr, nullptr, &next, nullptr, error.out());
    if (result != DW_DLV_OK) {
      complete_ = complete_ && result == DW_DLV_NO_ENTRY;
      return;
    }
    Dwarf_Die top = nullptr;
    if (dwarf_siblingof_b(debug_, nullptr, is_info, &top, error.out()) != DW_DLV_OK) {
      complete_ = false;
      continue;
    }
    const Die die(debug_, top);
    Unit unit;
    unit.die = die.key();
    unit.end = section | next;
    unit.version = version;
    unit.language = static_cast<std::uint16_t>(die.unsigned_value(DW_AT_language).value_or(0));
    unit.base = die.address(DW_AT_low_pc).value_or(0);
    units_.push_back(unit);
  }
}

Die DwarfSession::die(DieKey key) const {
  Dwarf_Die found = nullptr;
  ErrorSlot error(debug_);
  if (key == 0) return {};
  const Dwarf_Bool is_info = (key & kTypesSection) == 0;
  return dwarf_offdie_b(debug_, key & ~kTypesSection, is_info, &found, error.out()) == DW_DLV_OK
             ? Die(debug_, found)
             : Die();
}

const Unit* DwarfSession::unit_of(DieKey key) const {
  auto it = std::upper_bound(units_.begin(), units_.end(), key,
                             [](DieKey value, const Unit& unit) { return value < unit.die; });
  if (it == units_.begin()) return nullptr;
  --it;
  return key < it->end ? &*it : nullptr;
}

std::vector<AddressRange> DwarfSession::ranges(const Die& die) const {
  const Unit* unit = unit_of(die.key());
  if (!unit) return {};
  if (die.has(DW_AT_ranges)) return listed_ranges(die, *unit);
  Dwarf_Addr low = 0;
  Dwarf_Addr high = 0;
  Dwarf_Half form = 0;
  Dwarf_Form_Class form_class = DW_FORM_CLASS_UNKNOWN;
  ErrorSlot error(debug_);
  ErrorSlot second(debug_);
  if (dwarf_lowpc(die.handle(), &low, error.out()) != DW_DLV_OK) return {};
  if (dwarf_highpc_b(die.handle(), &high, &form, &form_class, second.out()) != DW_DLV_OK) return {};
  if (form_class == DW_FORM_CLASS_CONSTANT) high += low;
  if (high <= low) return {};
  return {{low, high}};
}

std::vector<AddressRange> DwarfSession::listed_ranges(const Die& die, const Unit& unit) const {
  std::vector<AddressRange> result;
  const DieAttribute attribute(die, DW_AT_ranges);
  ErrorSlot error(debug_);
  Dwarf_Off offset = 0;
  const Dwarf_Half form = attribute.form();
  if (form == DW_FORM_rnglistx || form == DW_FORM_data4 || form == DW_FORM_data8) {
    Dwarf_Unsigned index = 0;
    if (dwarf_formudata(attribute.handle(), &index, error.out()) != DW_DLV_OK) return {};
    offset = index;
  } else if (dwarf_global_formref(attribute.handle(), &offset, error.out()) != DW_DLV_OK) {
    return {};
  }
  ErrorSlot second(debug_);
  if (unit.version >= 5) {
    Dwarf_Rnglists_Head head = nullptr;
    Dwarf_Unsigned count = 0;
    Dwarf_Unsigned global = 0;
    if (dwarf_rnglists_get_rle_head(attribute.handle(), form, offset, &head, &count, &global, second.out()) !=
        DW_DLV_OK) {
      return {};
    }
    for (Dwarf_Unsigned i = 0; i < count && i < kMaxRanges; ++i) {
      unsigned length = 0;
      unsigned kind = 0;
      Dwarf_Unsigned raw[2] = {};
      Dwarf_Unsigned cooked[2] = {};
      Dwarf_Bool unavailable = 0;
      ErrorSlot third(debug_);
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
  if (dwarf_get_ranges_b(debug_, offset, die.handle(), &real, &list, &count, &bytes, second.out()) !=
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
  dwarf_ranges_dealloc(debug_, list, count);
  return result;
}

std::string DwarfSession::source_file(DieKey key, std::uint64_t file) const {
  const Unit* unit = unit_of(key);
  if (!unit) return {};
  const Die top = die(unit->die);
  char** files = nullptr;
  Dwarf_Signed count = 0;
  ErrorSlot error(debug_);
  if (!top || dwarf_srcfiles(top.handle(), &files, &count, error.out()) != DW_DLV_OK) return {};
  // Numbered from 1 up to DWARF 4, from 0 in DWARF 5; 0 is "none" before that.
  const std::uint64_t index = unit->version >= 5 ? file : file - 1;
  std::string result;
  if (index < static_cast<std::uint64_t>(count)) result = files[index];
  for (Dwarf_Signed i = 0; i < count; ++i) dwarf_dealloc(debug_, files[i], DW_DLA_STRING);
  dwarf_dealloc(debug_, files, DW_DLA_LIST);
  return result;
}

}  // namespace backsight::probes
