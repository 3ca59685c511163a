#include "probes/symbol_table.h"

#include <cxxabi.h>
#include <elf.h>

#include <algorithm>
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

constexpr std::size_t kMaxAliases = 16;

// The function that begins nearest before a place, by all its names: those that
// are not of a file alone stand first.
struct Nearest {
  std::uint64_t begin = 0;
  std::vector<std::string> names;

  void offer(std::uint64_t at, const ElfSymbol& symbol) {
    if (at < begin && !names.empty()) return;
    if (at > begin) {
      names.clear();
      globals = 0;
    }
    begin = at;
    const std::string name(symbol.name);
    if (names.size() >= kMaxAliases || std::find(names.begin(), names.end(), name) != names.end()) return;
    names.insert(symbol.is_local ? names.end() : names.begin() + globals, name);
    globals += symbol.is_local ? 0 : 1;
  }

  std::ptrdiff_t globals = 0;
};

std::string_view text_at(std::span<const std::uint8_t> bytes, std::uint64_t offset) {
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
    const auto entries = file.section_bytes(*table);
    const auto texts = file.section_bytes(file.sections()[table->link]);
    if (!entries || !texts) continue;
    const auto bytes = entries->bytes;
    for (std::uint64_t at = 0; at + sizeof(Elf64_Sym) <= bytes.size(); at += sizeof(Elf64_Sym)) {
      Elf64_Sym symbol;
      std::memcpy(&symbol, bytes.data() + at, sizeof symbol);
      if (symbol.st_shndx == SHN_UNDEF || symbol.st_shndx == SHN_ABS || symbol.st_value == 0) continue;
      visit({text_at(texts->bytes, symbol.st_name), symbol.st_value, symbol.st_size,
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

namespace {

bool is_vtable(std::string_view mangled) {
  return mangled.rfind("_ZTV", 0) == 0;
}

// Behind the offset to the top and the typeinfo of the primary table.
constexpr std::uint64_t kAddressPoint = 16;

// What the library's own functions are called is a type: which of two it is
// cannot be told where the linker or the compiler has merged them.
bool names_type(const std::string& name) {
  for (const char* part : {"::_M_invoke(", "::_M_manager(", "::_S_manage("}) {
    if (name.find(part) != std::string::npos) return true;
  }
  return false;
}

// Merged functions of C++ by all their names; of other symbols the first is as good
// as any.
std::string shown_name(const std::vector<std::string>& mangled) {
  std::vector<std::string> shown;
  for (const std::string& name : mangled) {
    std::string text = demangled(name);
    if (text.find("localalias") != std::string::npos) continue;
    if (std::find(shown.begin(), shown.end(), text) == shown.end()) shown.push_back(std::move(text));
  }
  if (shown.size() < 2) return shown.empty() ? std::string() : shown[0];
  if (is_vtable(mangled[0])) return {};
  if (std::any_of(shown.begin(), shown.end(), names_type)) return {};
  if (mangled[0].rfind("_Z", 0) != 0) return shown[0];
  std::string all;
  for (const std::string& text : shown) all += (all.empty() ? "" : " = ") + text;
  return all;
}

}  // namespace

std::vector<std::string> names_at(const ElfFile& binary, const ElfFile* debug,
                                  std::span<const std::uint64_t> file_offsets) {
  std::map<std::uint64_t, Nearest> wanted;
  for (const std::uint64_t offset : file_offsets) wanted[offset];
  const auto visit = [&](ElfSymbol symbol) {
    if (is_vtable(symbol.name)) {
      const auto offset = binary.file_offset(symbol.address);
      if (!offset || binary.is_code(symbol.address)) return;
      const auto it = wanted.find(*offset + kAddressPoint);
      // Link-time optimisation makes names its own: "_ZTV5Shape.lto_priv.0".
      symbol.name = symbol.name.substr(0, symbol.name.find('.'));
      if (it != wanted.end() && symbol.size > kAddressPoint)
        it->second.offer(*offset + kAddressPoint, symbol);
      return;
    }
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
  for (const std::uint64_t offset : file_offsets) names.push_back(shown_name(wanted[offset].names));
  return names;
}

}  // namespace backsight::probes
