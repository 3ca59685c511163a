#include "probes/vtables.h"

#include "probes/symbol_table.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

namespace backsight::probes {
namespace {

constexpr std::size_t kMaxGroups = 1u << 20;
constexpr std::uint64_t kMaxGroupBytes = 64u << 10;
constexpr std::uint64_t kWord = 8;
constexpr std::size_t kMaxOffsets = 4096;  // words before the typeinfo of a primary table

constexpr std::string_view kAnonymous = "12_GLOBAL__N_1";

template <class T>
T at(const std::vector<std::uint8_t>& bytes, std::uint64_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

}  // namespace

VtableSet::VtableSet(const ElfFile& binary, const ElfFile* symbols) {
  struct Found {
    std::uint64_t size = 0;
    std::set<std::string> names;
  };
  std::map<std::uint64_t, Found> found;
  const auto collect = [&](ElfSymbol symbol) {
    // Link-time optimisation makes names its own: "_ZTV5Shape.lto_priv.0".
    if (symbol.name.rfind("_ZT", 0) == 0) symbol.name = symbol.name.substr(0, symbol.name.find(".lto_priv."));
    if (symbol.name.rfind("_ZTI", 0) == 0) {
      auto& places = typeinfos_[std::string(symbol.name.substr(4))];
      if (std::find(places.begin(), places.end(), symbol.address) == places.end())
        places.push_back(symbol.address);
    }
    if (symbol.type == STT_FUNC && symbol.name.find(kAnonymous) != std::string_view::npos)
      anonymous_functions_.emplace(symbol.address, symbol.name);
    if (symbol.name.rfind("_ZTV", 0) != 0 || symbol.size < 2 * kWord || symbol.size > kMaxGroupBytes) return;
    if (symbol.address % kWord != 0 || symbol.size % kWord != 0 || found.size() >= kMaxGroups) return;
    auto& group = found[symbol.address];
    group.size = std::max(group.size, symbol.size);
    group.names.insert(std::string(symbol.name.substr(4)));
  };
  for_each_symbol(binary, collect);
  if (symbols && symbols != &binary) for_each_symbol(*symbols, collect);
  for (const auto& [address, group] : found) {
    if (group.names.size() != 1) continue;  // folded by the linker: which class it is cannot be told
    groups_.push_back({*group.names.begin(), address, std::vector<VtableWord>(group.size / kWord)});
  }
  read_words(binary);
  read_relocations(binary);
  for (VtableGroup& group : groups_) {
    for (VtableWord& word : group.words) word.is_code = word.import_id != 0 || binary.is_code(word.value);
  }
}

void VtableSet::read_words(const ElfFile& binary) {
  std::erase_if(groups_, [&](VtableGroup& group) {
    const auto offset = binary.file_offset(group.address);
    if (!offset) return true;  // a copy of another module's, made at load time
    const auto bytes = binary.read(*offset, group.words.size() * kWord);
    if (bytes.empty()) return true;
    for (std::size_t i = 0; i < group.words.size(); ++i) {
      group.words[i].value = at<std::uint64_t>(bytes, i * kWord);
    }
    return false;
  });
}

void VtableSet::read_relocations(const ElfFile& binary) {
  const Section* table = binary.section(".rela.dyn");
  if (!table || !binary.has_contents(".rela.dyn") || groups_.empty()) return;
  const auto relocations = binary.contents(*table);
  const Section* names = binary.section(".dynsym");
  std::vector<std::uint8_t> symbols, texts;
  if (names && names->link < binary.sections().size()) {
    symbols = binary.contents(*names).value_or(std::vector<std::uint8_t>());
    texts = binary.contents(binary.sections()[names->link]).value_or(std::vector<std::uint8_t>());
  }
  std::unordered_map<std::string, std::uint32_t> known;
  for (std::uint64_t i = 0; relocations && i + sizeof(Elf64_Rela) <= relocations->size();
       i += sizeof(Elf64_Rela)) {
    const auto entry = at<Elf64_Rela>(*relocations, i);
    auto group =
        std::upper_bound(groups_.begin(), groups_.end(), entry.r_offset,
                         [](std::uint64_t address, const VtableGroup& g) { return address < g.address; });
    if (group == groups_.begin()) continue;
    --group;
    const std::uint64_t place = entry.r_offset - group->address;
    if (place % kWord != 0 || place / kWord >= group->words.size()) continue;
    VtableWord& word = group->words[place / kWord];
    word.is_address = true;
    word.value = 0;
    if (ELF64_R_TYPE(entry.r_info) == R_X86_64_RELATIVE) {
      word.value = static_cast<std::uint64_t>(entry.r_addend);
      continue;
    }
    const std::uint64_t index = ELF64_R_SYM(entry.r_info);
    if (ELF64_R_TYPE(entry.r_info) != R_X86_64_64 || index >= symbols.size() / sizeof(Elf64_Sym)) continue;
    const auto symbol = at<Elf64_Sym>(symbols, index * sizeof(Elf64_Sym));
    if (symbol.st_shndx != SHN_UNDEF) {
      word.value = symbol.st_value + static_cast<std::uint64_t>(entry.r_addend);
    } else if (entry.r_addend == 0 && symbol.st_name < texts.size()) {
      const auto* text = reinterpret_cast<const char*>(texts.data()) + symbol.st_name;
      const std::string name(text, strnlen(text, texts.size() - symbol.st_name));
      const auto [it, is_new] = known.try_emplace(name, static_cast<std::uint32_t>(imports_.size()));
      if (is_new) imports_.push_back(name);
      word.import_id = it->second;
    }
  }
}

bool VtableSet::is_typeinfo(const VtableWord& word, const VtableGroup& group) const {
  if (word.import_id != 0) return imports_[word.import_id] == "_ZTI" + group.mangled;
  const auto known = typeinfos_.find(group.mangled);
  return word.value != 0 && known != typeinfos_.end() &&
         std::find(known->second.begin(), known->second.end(), word.value) != known->second.end();
}

bool VtableSet::is_own_function(const VtableWord& word, const VtableGroup& group) const {
  const auto known = anonymous_functions_.find(word.value);
  if (word.import_id != 0 || known == anonymous_functions_.end()) return false;
  // N…E: the functions have the same nested name before their own.
  if (group.mangled.size() < 3 || group.mangled.front() != 'N' || group.mangled.back() != 'E') return false;
  return known->second.find(group.mangled.substr(1, group.mangled.size() - 2)) != std::string::npos;
}

std::vector<AddressPoint> VtableSet::address_points(const VtableGroup& group) const {
  // Built without typeinfo its slot is null, and the first function tells.
  const bool has_typeinfo = typeinfos_.contains(group.mangled);
  const auto& words = group.words;
  std::vector<AddressPoint> points;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const bool is_null = words[i].value == 0 && !words[i].is_address;
    const bool is_slot =
        has_typeinfo ? is_typeinfo(words[i], group) : is_null && i + 1 < words.size() && words[i + 1].is_code;
    const VtableWord& before = words[i - 1];
    if (!is_slot || before.is_address || before.is_code) continue;
    const auto offset = static_cast<std::int64_t>(before.value);
    if (points.empty() ? offset != 0 || i > kMaxOffsets : offset >= 0) {
      if (points.empty()) return {};  // the primary one is first
      continue;
    }
    points.push_back({i + 1, offset});
  }
  return points;
}

}  // namespace backsight::probes
