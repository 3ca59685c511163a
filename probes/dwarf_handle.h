// A handle of libdwarf with the sections it reads, and the units in them.
#pragma once

#include "probes/dwarf_die.h"
#include "probes/dwarf_sections.h"
#include "schema/result.h"

#include <cstdint>
#include <functional>
#include <memory>

namespace backsight::probes {

class DwarfHandle {
 public:
  // kCorrupt: damaged, or compressed in a way that cannot be read.
  static schema::Result<std::shared_ptr<const DwarfHandle>> open(std::shared_ptr<DwarfSections> sections);
  DwarfHandle(const DwarfHandle&) = delete;
  DwarfHandle& operator=(const DwarfHandle&) = delete;
  ~DwarfHandle();
  Dwarf_Debug get() const { return debug_; }
  const std::shared_ptr<DwarfSections>& sections() const { return sections_; }

 private:
  explicit DwarfHandle(std::shared_ptr<DwarfSections> sections) : sections_(std::move(sections)) {}
  std::shared_ptr<DwarfSections> sections_;
  Dwarf_Debug debug_ = nullptr;
};

struct UnitHeader {
  std::uint64_t end = 0;  // offset after the unit
  std::uint16_t version = 0;
  bool is_type_unit = false;
  std::uint64_t id = 0;  // dwo_id of the header (DWARF 5), else 0
};

// Visits each unit of .debug_info or .debug_types with its top entry, whose file
// is `file`. False: the section is damaged.
bool for_each_unit(const DwarfHandle& handle, bool is_info, std::uint32_t file,
                   const std::function<void(const UnitHeader&, const Die& top)>& visit);

// DW_AT_dwo_id of a header, or DW_AT_GNU_dwo_id of the top entry.
std::uint64_t dwo_id_of(const UnitHeader& header, const Die& top);

}  // namespace backsight::probes
