#include "probes/symbol_table.h"

#include <cxxabi.h>
#include <elf.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace backsight::probes {
namespace {

constexpr std::size_t kMaxFunctions = 8'000'000;
// A symbol without a size (hand-written assembly) ends where the next one begins,
// at the latest after this much.
constexpr std::uint64_t kUnsizedBytes = 4096;
constexpr std::uint64_t kMaxFunctionBytes = 1ull << 32;
constexpr std::size_t kMaxNameBytes = 16 << 10;

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

FunctionNames::FunctionNames(const ElfFile& binary, const ElfFile* debug) {
  add(binary, binary);
  if (debug && debug != &binary) add(binary, *debug);
  std::stable_sort(functions_.begin(), functions_.end(),
                   [](const Function& a, const Function& b) { return a.begin < b.begin; });
  reaches_.reserve(functions_.size());
  for (Function& function : functions_) {
    if (function.end == function.begin) {
      const auto next =
          std::upper_bound(functions_.begin(), functions_.end(), function.begin,
                           [](std::uint64_t offset, const Function& other) { return offset < other.begin; });
      function.end += kUnsizedBytes;
      if (next != functions_.end()) function.end = std::min(function.end, next->begin);
    }
    reaches_.push_back(std::max(function.end, reaches_.empty() ? 0 : reaches_.back()));
  }
}

void FunctionNames::add(const ElfFile& binary, const ElfFile& symbols) {
  for_each_symbol(symbols, [&](const ElfSymbol& symbol) {
    const bool is_code = symbol.type == STT_FUNC || symbol.type == STT_GNU_IFUNC;
    if (!is_code || symbol.name.empty() || functions_.size() >= kMaxFunctions) return;
    if (symbol.size > kMaxFunctionBytes || !binary.is_code(symbol.address)) return;
    const std::uint64_t begin = *binary.file_offset(symbol.address);
    functions_.push_back({begin, begin + symbol.size, std::string(symbol.name)});
  });
}

std::string FunctionNames::at_offset(std::uint64_t file_offset) const {
  // From the nearest that begins at or before it backwards, as long as one may reach it.
  auto at =
      std::upper_bound(functions_.begin(), functions_.end(), file_offset,
                       [](std::uint64_t value, const Function& function) { return value < function.begin; });
  const Function* best = nullptr;
  while (at != functions_.begin()) {
    --at;
    if (reaches_[static_cast<std::size_t>(at - functions_.begin())] <= file_offset) break;
    if (best && at->begin < best->begin) break;
    if (at->end > file_offset) best = &*at;
  }
  return best ? best->name : std::string();
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
  const FunctionNames functions(binary, debug);
  std::vector<std::string> names;
  names.reserve(file_offsets.size());
  for (const std::uint64_t offset : file_offsets) names.push_back(demangled(functions.at_offset(offset)));
  return names;
}

}  // namespace backsight::probes
