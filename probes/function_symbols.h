// The symbol table as a source of names: what the code at an address is called
// by linkers and people, which parts and copies of functions compilers made.
#pragma once

#include "probes/elf_file.h"
#include "probes/function_info.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace backsight::probes {

// A symbol's name, taken apart: "_ZL3seti.constprop.0" is "set", "(int)",
// {"constprop.0"}.
struct SymbolName {
  std::string qualified;            // without parameters, return type and clone suffixes
  std::string parameters;           // "(int) const"; empty where the symbol has none
  std::vector<std::string> clones;  // suffixes that compilers give to parts and copies
};
SymbolName parse_symbol(const std::string& symbol);
// "int shop::twice<int>(int) const" is "shop::twice<int>".
std::string without_parameters(const std::string& demangled);

class FunctionSymbols {
 public:
  FunctionSymbols() = default;
  explicit FunctionSymbols(std::vector<FunctionSymbol> sorted) : symbols_(std::move(sorted)) {}

  const std::vector<FunctionSymbol>& all() const { return symbols_; }
  std::vector<std::uint64_t> addresses() const;
  std::vector<std::string> at(std::uint64_t address) const;
  // The one that the debug information means, if it stands there, else the first. Empty: none.
  std::string at(std::uint64_t address, const FunctionInfo& function) const;
  // Whether all symbols there are local ones, or there is none.
  bool is_local(std::uint64_t address) const;
  // Addresses of symbols of exactly that name, mangled or as people write it.
  std::vector<std::uint64_t> named(const std::string& name) const;

  // Puts the range with the entry first.
  void order_ranges(FunctionInfo& function) const;
  // Corrects what only symbols tell: names of local classes, parts and copies.
  void complete(FunctionInfo& function) const;

 private:
  std::vector<FunctionSymbol> symbols_;
};

}  // namespace backsight::probes
