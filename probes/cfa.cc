#include "probes/cfa.h"

#include "probes/disassembly.h"

#include "probes/dwarf_sections.h"
#include "probes/dwarf_session.h"

namespace backsight::probes {

namespace {

// Looking for one costs a fixed part of reading all.
constexpr std::size_t kMaxSearches = 1000;

}  // namespace

// The descriptions of one section, freed by their owner.
class FrameTable::Descriptions {
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

  // The code of the description that covers `address`.
  std::optional<AddressRange> around(std::uint64_t address) const {
    Dwarf_Fde fde = nullptr;
    AddressRange range;
    return find(address, fde, range) ? std::optional(range) : std::nullopt;
  }

  std::optional<Cfa> at(std::uint64_t address) const {
    Dwarf_Fde fde = nullptr;
    AddressRange range;
    if (!find(address, fde, range)) return std::nullopt;
    Dwarf_Error error = nullptr;
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
  bool find(std::uint64_t address, Dwarf_Fde& fde, AddressRange& range) const {
    Dwarf_Addr low = 0;
    Dwarf_Addr high = 0;  // the last one
    Dwarf_Error error = nullptr;
    if (!fdes_ || dwarf_get_fde_at_pc(fdes_, address, &fde, &low, &high, &error) != DW_DLV_OK) {
      none(error);
      return false;
    }
    range = {low, high + 1};
    return true;
  }
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

namespace {

// libdwarf's view of sections, which may have no debug information.
class FrameFile {
 public:
  explicit FrameFile(std::unique_ptr<DwarfSections> sections) : sections_(std::move(sections)) {
    Dwarf_Error error = nullptr;
    if (dwarf_object_init_b(sections_->access(), nullptr, nullptr, DW_GROUPNUMBER_BASE, &debug_, &error) ==
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
  std::unique_ptr<DwarfSections> sections_;
  Dwarf_Debug debug_ = nullptr;
};

}  // namespace

struct FrameTable::One {
  One(const std::shared_ptr<const ElfFile>& binary, FrameSlice found)
      : slice(std::move(found)),
        file(DwarfSections::of_frames(binary, slice.bytes, slice.address)),
        description(file.handle(), dwarf_get_fde_list_eh) {
    range = description.around(slice.code);
  }
  FrameSlice slice;
  FrameFile file;
  Descriptions description;
  std::optional<AddressRange> range;
};

struct FrameTable::Whole {
  explicit Whole(std::shared_ptr<const ElfFile> binary)
      : file(std::make_unique<DwarfSections>(std::move(binary), DwarfSections::Kind::kMain)),
        descriptions(file.handle(), dwarf_get_fde_list_eh) {}
  FrameFile file;
  Descriptions descriptions;
};

FrameTable::FrameTable(std::shared_ptr<const ElfFile> binary, const DwarfSession* debug)
    : binary_(std::move(binary)), debug_(debug), search_(*binary_) {}

FrameTable::~FrameTable() = default;

const FrameTable::One* FrameTable::find_one(std::uint64_t address) const {
  const auto fits = [&] { return one_ && one_->range && one_->range->contains(address); };
  if (fits()) return one_.get();
  if (whole_ || ++searches_ > kMaxSearches) return nullptr;
  auto slice = search_.find(address);
  if (!slice) return nullptr;
  one_ = std::make_unique<One>(binary_, std::move(*slice));
  return fits() && one_->range->begin == one_->slice.code ? one_.get() : nullptr;
}

std::optional<Cfa> FrameTable::at(std::uint64_t address) const {
  if (const One* one = find_one(address)) {
    if (auto cfa = one->description.at(address)) return cfa;
  } else {
    if (!whole_) whole_ = std::make_unique<Whole>(binary_);
    if (auto cfa = whole_->descriptions.at(address)) return cfa;
  }
  if (!debug_) return std::nullopt;
  if (!debugging_) debugging_ = std::make_unique<Descriptions>(debug_->handle(), dwarf_get_fde_list);
  return debugging_->at(address);
}

std::optional<std::int64_t> bottom_below_pushes(const FrameTable& frames, const FunctionCode& code) {
  std::optional<std::int64_t> least;
  bool differs = false;
  for (const Instruction& instruction : code.instructions) {
    if (instruction.kind != InstructionKind::kCall) continue;
    const auto cfa = frames.at(instruction.address);
    if (!cfa || cfa->reg != BS_RSP) continue;
    differs |= least && *least != cfa->offset;
    least = std::min(least.value_or(cfa->offset), cfa->offset);
  }
  return differs ? std::optional(-*least) : std::nullopt;
}

}  // namespace backsight::probes
