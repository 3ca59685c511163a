#include "probes/shared_variables.h"

#include <elf.h>

#include <cstring>
#include <optional>
#include <vector>

namespace backsight::probes {

namespace {

template <class T>
std::optional<T> entry_at(const std::vector<std::uint8_t>& bytes, std::size_t index) {
  if (index >= bytes.size() / sizeof(T)) return std::nullopt;
  T entry;
  std::memcpy(&entry, bytes.data() + index * sizeof(T), sizeof entry);
  return entry;
}

std::string text_at(const std::vector<std::uint8_t>& bytes, std::uint64_t offset) {
  if (offset >= bytes.size()) return {};
  const auto* begin = reinterpret_cast<const char*>(bytes.data()) + offset;
  return {begin, strnlen(begin, bytes.size() - offset)};
}

std::vector<std::uint8_t> contents_of(const ElfFile& binary, const Section* section) {
  if (!section) return {};
  return binary.contents(*section).value_or(std::vector<std::uint8_t>());
}

}  // namespace

void SharedVariables::read_symbols() const {
  const ElfFile& binary = binary_;
  is_read_ = true;
  if (!binary.is_library()) return;
  const Section* table = binary.section(".dynsym");
  if (!table || table->link >= binary.sections().size()) return;
  const std::vector<std::uint8_t> symbols = contents_of(binary, table);
  const std::vector<std::uint8_t> texts = contents_of(binary, &binary.sections()[table->link]);
  for (std::size_t i = 0; const auto symbol = entry_at<Elf64_Sym>(symbols, i); ++i) {
    const bool is_local =
        ELF64_ST_BIND(symbol->st_info) == STB_LOCAL || ELF64_ST_VISIBILITY(symbol->st_other) != STV_DEFAULT;
    if (!is_local && ELF64_ST_TYPE(symbol->st_info) != STT_TLS)
      replaceable_.insert(text_at(texts, symbol->st_name));
  }
  const std::vector<std::uint8_t> relocations = contents_of(binary, binary.section(".rela.dyn"));
  for (std::size_t i = 0; const auto relocation = entry_at<Elf64_Rela>(relocations, i); ++i) {
    const auto type = ELF64_R_TYPE(relocation->r_info);
    // Not R_X86_64_64: a pointer in its data the program itself may change.
    if (type != R_X86_64_GLOB_DAT) continue;
    if (const auto symbol = entry_at<Elf64_Sym>(symbols, ELF64_R_SYM(relocation->r_info)))
      slots_.emplace(text_at(texts, symbol->st_name), relocation->r_offset);
  }
}

SharedVariables::Place SharedVariables::find(const std::string& symbol) const {
  if (!is_read_) read_symbols();
  Place place;
  place.is_own = !replaceable_.contains(symbol);
  const auto slot = slots_.find(symbol);
  if (!place.is_own && slot != slots_.end()) place.slot = slot->second;
  return place;
}

}  // namespace backsight::probes
