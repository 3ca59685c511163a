#include "probes/cfa.h"

#include "probes/dwarf_sections.h"
#include "probes/dwarf_session.h"

namespace backsight::probes {

namespace {

// The descriptions of one section, freed by their owner.
class Descriptions {
 public:
  using Load = int (*)(Dwarf_Debug, Dwarf_Cie**, Dwarf_Signed*, Dwarf_Fde**, Dwarf_Signed*, Dwarf_Error*);

  Descriptions(Dwarf_Debug debug, Load load) : debug_(debug) {
    Dwarf_Error error = nullptr;
    if (!debug || load(debug, &cies_, &cie_count_, &fdes_, &fde_count_, &error) == DW_DLV_OK) return;
    if (error) dwarf_dealloc_error(debug, error);
    fdes_ = nullptr;
    cies_ = nullptr;
  }
  Descriptions(const Descriptions&) = delete;
  Descriptions& operator=(const Descriptions&) = delete;
  ~Descriptions() {
    if (fdes_) dwarf_fde_cie_list_dealloc(debug_, cies_, cie_count_, fdes_, fde_count_);
  }

  std::optional<Cfa> at(std::uint64_t address) const {
    if (!fdes_) return std::nullopt;
    Dwarf_Fde fde = nullptr;
    Dwarf_Addr low = 0;
    Dwarf_Addr high = 0;
    Dwarf_Error error = nullptr;
    if (dwarf_get_fde_at_pc(fdes_, address, &fde, &low, &high, &error) != DW_DLV_OK) return none(error);
    Dwarf_Small kind = 0;
    Dwarf_Signed has_offset = 0;
    Dwarf_Signed reg = 0;
    Dwarf_Signed offset = 0;
    Dwarf_Ptr block = nullptr;
    Dwarf_Addr row = 0;
    Dwarf_Bool has_more = 0;
    Dwarf_Addr next = 0;
    if (dwarf_get_fde_info_for_cfa_reg3_b(fde, address, &kind, &has_offset, &reg, &offset, &block, &row,
                                          &has_more, &next, &error) != DW_DLV_OK) {
      return none(error);
    }
    const bool is_plain = kind == DW_EXPR_OFFSET && (reg == BS_RSP || reg == BS_RBP);
    if (!is_plain) return std::nullopt;
    return Cfa{static_cast<std::uint8_t>(reg), static_cast<std::int64_t>(offset)};
  }

 private:
  std::optional<Cfa> none(Dwarf_Error error) const {
    if (error) dwarf_dealloc_error(debug_, error);
    return std::nullopt;
  }

  Dwarf_Debug debug_;
  Dwarf_Cie* cies_ = nullptr;
  Dwarf_Fde* fdes_ = nullptr;
  Dwarf_Signed cie_count_ = 0;
  Dwarf_Signed fde_count_ = 0;
};

// libdwarf's view of the binary itself, which may have no other debug information.
class FrameFile {
 public:
  explicit FrameFile(std::shared_ptr<const ElfFile> file)
      : sections_(std::move(file), DwarfSections::Kind::kMain) {
    Dwarf_Error error = nullptr;
    if (dwarf_object_init_b(sections_.access(), nullptr, nullptr, DW_GROUPNUMBER_BASE, &debug_, &error) ==
        DW_DLV_OK) {
      return;
    }
    if (error) dwarf_dealloc_error(nullptr, error);
    debug_ = nullptr;
  }
  FrameFile(const FrameFile&) = delete;
  FrameFile& operator=(const FrameFile&) = delete;
  ~FrameFile() {
    Dwarf_Error error = nullptr;
    if (debug_) dwarf_object_finish(debug_, &error);
  }
  Dwarf_Debug handle() const { return debug_; }

 private:
  DwarfSections sections_;
  Dwarf_Debug debug_ = nullptr;
};

}  // namespace

struct FrameTable::Tables {
  Tables(std::shared_ptr<const ElfFile> binary, const DwarfSession* debug)
      : file(std::move(binary)),
        unwinding(file.handle(), dwarf_get_fde_list_eh),
        debugging(debug ? debug->handle() : nullptr, dwarf_get_fde_list) {}
  FrameFile file;
  Descriptions unwinding;
  Descriptions debugging;
};

FrameTable::FrameTable(std::shared_ptr<const ElfFile> binary, const DwarfSession* debug)
    : binary_(std::move(binary)), debug_(debug) {}

FrameTable::~FrameTable() = default;

std::optional<Cfa> FrameTable::at(std::uint64_t address) const {
  if (!tables_) tables_ = std::make_unique<Tables>(binary_, debug_);
  if (auto cfa = tables_->unwinding.at(address)) return cfa;
  return tables_->debugging.at(address);
}

}  // namespace backsight::probes
