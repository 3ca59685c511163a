#include "probes/landmarks.h"

#include "probes/symbol_table.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string_view>
#include <unordered_map>

namespace backsight::probes {

namespace {

constexpr std::uint64_t kMaxPartBytes = 1 << 20;

// GNU_PROPERTY_X86_FEATURE_1_AND with the bit for shadow stacks, in
// .note.gnu.property (x86-64 psABI, "Linux Extension").
bool is_marked_for_shadow_stack(const ElfFile& binary) {
  constexpr std::uint32_t kFeatureAnd = 0xc0000002;
  constexpr std::uint32_t kShadowStack = 2;
  const Section* note = binary.section(".note.gnu.property");
  if (!note || note->size > 4096) return false;
  const auto bytes = binary.read(note->offset, note->size);
  const auto word = [&](std::size_t at) {
    std::uint32_t value = 0;
    std::memcpy(&value, &bytes[at], 4);
    return value;
  };
  // Words are 4-aligned; properties are few: looking at each is enough.
  for (std::size_t at = 0; at + 12 <= bytes.size(); at += 4) {
    if (word(at) == kFeatureAnd && word(at + 4) == 4) return (word(at + 8) & kShadowStack) != 0;
  }
  return false;
}

// A library may be loaded into any program. A program that neither imports nor
// contains the C++ runtime's means to throw is taken at its word.
bool knows_exceptions(const ElfFile& binary) {
  if (binary.is_library()) return true;
  for (const char* table : {".dynstr", ".strtab"}) {
    const Section* section = binary.section(table);
    if (!section || !binary.has_contents(table)) continue;
    const auto bytes = binary.contents(*section);
    if (!bytes) return true;
    const std::string_view names(reinterpret_cast<const char*>(bytes->data()), bytes->size());
    for (const char* name :
         {"__gxx_personality", "__cxa_throw", "_Unwind_RaiseException", "_Unwind_Resume"}) {
      if (names.find(name) != std::string_view::npos) return true;
    }
  }
  return false;
}

}  // namespace

Landmarks::Landmarks(const ElfFile& binary, const ElfFile* debug)
    : may_throw_(knows_exceptions(binary)), may_have_shadow_stack_(is_marked_for_shadow_stack(binary)) {
  add(binary, binary);
  if (debug && debug != &binary) add(binary, *debug);
  std::sort(labels_.begin(), labels_.end());
  labels_.erase(std::unique(labels_.begin(), labels_.end()), labels_.end());
}

void Landmarks::add(const ElfFile& binary, const ElfFile& symbols) {
  // Names by their hash: there are hundreds of thousands, and one too many part only
  // makes a function look larger.
  const std::hash<std::string_view> hash;
  std::unordered_multimap<std::size_t, AddressRange> parts;  // by the name "f" of "f.cold"
  std::vector<std::pair<std::size_t, std::uint64_t>> names;
  for_each_symbol(symbols, [&](const ElfSymbol& symbol) {
    if (!binary.is_code(symbol.address)) return;
    labels_.push_back(symbol.address);
    names.emplace_back(hash(symbol.name), symbol.address);
    if (symbol.name == "__x86_return_thunk") return_thunks_.push_back(symbol.address);
    if (symbol.name.rfind("__x86_indirect_thunk", 0) == 0) indirect_thunks_.push_back(symbol.address);
    const std::size_t cold = symbol.name.find(".cold");
    if (cold == std::string_view::npos || symbol.size == 0 || symbol.size > kMaxPartBytes) return;
    parts.emplace(hash(symbol.name.substr(0, cold)),
                  AddressRange{symbol.address, symbol.address + symbol.size});
  });
  if (parts.empty()) return;
  // Static functions of several files may have the same name: a part belongs to each of them.
  for (const auto& [name, address] : names) {
    const auto [begin, end] = parts.equal_range(name);
    for (auto it = begin; it != end; ++it) split_parts_.emplace(address, it->second);
  }
}

CodeLandmarks Landmarks::of_function(const std::vector<AddressRange>& ranges) const {
  CodeLandmarks result;
  result.labels = labels_;
  result.return_thunks = return_thunks_;
  result.indirect_thunks = indirect_thunks_;
  result.may_throw = may_throw_;
  result.may_have_shadow_stack = may_have_shadow_stack_;
  if (ranges.empty()) return result;
  const auto [begin, end] = split_parts_.equal_range(ranges.front().begin);
  for (auto it = begin; it != end; ++it) {
    const bool is_known = std::any_of(ranges.begin(), ranges.end(), [&](const AddressRange& range) {
      return range.contains(it->second.begin);
    });
    if (!is_known) result.split_parts.push_back(it->second);
  }
  return result;
}

}  // namespace backsight::probes
