#include "probes/symbol_table.h"

#include <cxxabi.h>
#include <elf.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>

namespace backsight::probes {
namespace {

// A symbol without a size (hand-written assembly) ends where the next one begins,
// at the latest after this much.
constexpr std::uint64_t kUnsizedBytes = 4096;
constexpr std::uint64_t kMaxFunctionBytes = 1ull << 32;
constexpr std::size_t kMaxNameBytes = 16 << 10;

// The function that begins nearest before a place. Of several that begin there,
// the first that is not of a file alone.
struct Nearest {
  std::uint64_t begin = 0;
  bool is_local = true;
  std::string name;

  void offer(std::uint64_t at, const ElfSymbol& symbol) {
    if (!name.empty() && (at < begin || (at == begin && is_local <= symbol.is_local))) return;
    begin = at;
    is_local = symbol.is_local;
    name = symbol.name;
  }
};

std::string_view text_at(const std::vector<std::uint8_t>& bytes, std::uint64_t offset) {
  if (offset >= bytes.size()) return {};
  const auto* begin = reinterpret_cast<const char*>(bytes.data()) + offset;
  return {begin, strnlen(begin, bytes.size() - offset)};
}

}  // namespace

void for_each_symbol(const ElfFile& file, const std::function<void(const ElfSymbol&)>& visit) {
  for (const char* name : {".symtab", ".dynsym"}) {
    if (!file.has_contents(name)) continue;
    const Section* table = file.section(name);
    if (table->link >= file.sections().size()) continue;
    const auto bytes = file.contents(*table);
    const auto texts = file.contents(file.sections()[table->link]);
    if (!bytes || !texts) continue;
    for (std::uint64_t at = 0; at + sizeof(Elf64_Sym) <= bytes->size(); at += sizeof(Elf64_Sym)) {
      Elf64_Sym symbol;
      std::memcpy(&symbol, bytes->data() + at, sizeof symbol);
      if (symbol.st_shndx == SHN_UNDEF || symbol.st_shndx == SHN_ABS || symbol.st_value == 0) continue;
      visit({text_at(*texts, symbol.st_name), symbol.st_value, symbol.st_size,
             static_cast<std::uint8_t>(ELF64_ST_TYPE(symbol.st_info)),
             ELF64_ST_BIND(symbol.st_info) == STB_LOCAL});
    }
  }
}

std::string demangled(const std::string& name) {
  if (name.size() > kMaxNameBytes || name.rfind("_Z", 0) != 0) return name;
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), &std::free);
  return status == 0 && text ? std::string(text.get()) : name;
}

std::vector<std::string> names_at(const ElfFile& binary, const ElfFile* debug,
                                  std::span<const std::uint64_t> file_offsets) {
  std::map<std::uint64_t, Nearest> wanted;
  for (const std::uint64_t offset : file_offsets) wanted[offset];
  const auto visit = [&](const ElfSymbol& symbol) {
    const bool is_code = symbol.type == STT_FUNC || symbol.type == STT_GNU_IFUNC;
    if (!is_code || symbol.name.empty() || symbol.size > kMaxFunctionBytes) return;
    if (!binary.is_code(symbol.address)) return;
    const std::uint64_t begin = *binary.file_offset(symbol.address);
    const std::uint64_t end = begin + (symbol.size == 0 ? kUnsizedBytes : symbol.size);
    for (auto it = wanted.lower_bound(begin); it != wanted.end() && it->first < end; ++it) {
      it->second.offer(begin, symbol);
    }
  };
  for_each_symbol(binary, visit);
  if (debug && debug != &binary) for_each_symbol(*debug, visit);
  std::vector<std::string> names;
  names.reserve(file_offsets.size());
  for (const std::uint64_t offset : file_offsets) names.push_back(demangled(wanted[offset].name));
  return names;
}

}  // namespace backsight::probes
