#include "probes/dwarf_handle.h"

#include "probes/debug_guard.h"

#include <cstring>

namespace backsight::probes {

namespace {

constexpr std::size_t kMaxUnits = 1u << 20;

}  // namespace

schema::Result<std::shared_ptr<const DwarfHandle>> DwarfHandle::open(
    std::shared_ptr<DwarfSections> sections) {
  BACKSIGHT_TRY(check_debug_sections(*sections));
  // Not yet const: the constructor is private to std::make_shared.
  std::shared_ptr<DwarfHandle> handle(new DwarfHandle(std::move(sections)));
  DwarfSections& files = *handle->sections_;
  Dwarf_Error error = nullptr;
  // Our owners free every handle; libdwarf's own list of them costs half the time.
  dwarf_set_de_alloc_flag(0);
  const int result =
      dwarf_object_init_b(files.access(), nullptr, nullptr, files.group(), &handle->debug_, &error);
  if (result == DW_DLV_OK) return std::shared_ptr<const DwarfHandle>(std::move(handle));
  std::string reason = result == DW_DLV_ERROR ? dwarf_errmsg(error) : "no DWARF sections";
  if (error) dwarf_dealloc_error(nullptr, error);
  handle->debug_ = nullptr;
  return schema::make_error(schema::ErrorCode::kCorrupt,
                            "cannot read the debug information in " + files.file().path() + ": " + reason,
                            "rebuild it, or install its debug symbol package again");
}

DwarfHandle::~DwarfHandle() {
  Dwarf_Error error = nullptr;
  if (debug_) dwarf_object_finish(debug_, &error);
}

bool for_each_unit(const DwarfHandle& handle, bool is_info, std::uint32_t file,
                   const std::function<void(const UnitHeader&, const Die& top)>& visit) {
  bool is_whole = true;
  for (std::size_t count = 0; count < kMaxUnits; ++count) {
    ErrorSlot error(handle.get());
    Dwarf_Unsigned next = 0;
    Dwarf_Half version = 0;
    Dwarf_Half kind = 0;
    Dwarf_Sig8 signature{};
    const int result =
        dwarf_next_cu_header_d(handle.get(), is_info, nullptr, &version, nullptr, nullptr, nullptr, nullptr,
                               &signature, nullptr, &next, &kind, error.out());
    if (result != DW_DLV_OK) return is_whole && result == DW_DLV_NO_ENTRY;
    Dwarf_Die top = nullptr;
    ErrorSlot second(handle.get());
    if (dwarf_siblingof_b(handle.get(), nullptr, is_info, &top, second.out()) != DW_DLV_OK) {
      is_whole = false;
      continue;
    }
    UnitHeader header;
    header.end = next;
    header.version = version;
    header.is_type_unit = !is_info || kind == DW_UT_type || kind == DW_UT_split_type;
    if (kind == DW_UT_skeleton || kind == DW_UT_split_compile) {
      std::memcpy(&header.id, signature.signature, sizeof(header.id));
    }
    visit(header, Die(handle.get(), top, file));
  }
  return false;
}

std::uint64_t dwo_id_of(const UnitHeader& header, const Die& top) {
  return header.id != 0 ? header.id : top.unsigned_value(DW_AT_GNU_dwo_id).value_or(0);
}

}  // namespace backsight::probes
