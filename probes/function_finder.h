// Which functions of a binary a probe's pattern means: by qualified name, glob,
// overload, mangled name, or any symbol of the same code.
#pragma once

#include "probes/debug_index.h"
#include "probes/function_pattern.h"
#include "probes/function_symbols.h"

#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

namespace backsight::probes {

class FunctionFinder {
 public:
  // All must outlive the finder. Not thread-safe.
  FunctionFinder(const DwarfSession& session, const DebugIndex& index, const FunctionSymbols& symbols)
      : session_(session), index_(index), symbols_(symbols) {}

  struct Found {
    std::vector<DieKey> concrete;                     // instances with code
    std::vector<DieKey> abstract;                     // of which there may be inlined copies
    std::unordered_map<DieKey, std::string> lambdas;  // names of those of `abstract` that are lambdas
    bool empty() const { return concrete.empty() && abstract.empty(); }
  };
  // The pattern names parts, "shop::ramp.resume": no call of the whole is meant.
  static bool names_part(const FunctionPattern& pattern);
  // By name only: parameters are not looked at.
  Found find(const FunctionPattern& pattern) const;
  // Whether a function, as it is shown, is what the pattern means.
  // Parts of functions are only what names them.
  bool is_meant(const FunctionPattern& pattern, const FunctionInfo& function) const;
  // Another function of the debug information whose code the linker merged with that of
  // `function`: "get(int)"; empty: none.
  std::string shares_code(const FunctionInfo& function) const;

 private:
  // Functions of classes inside of functions, which the index does not enter: lambdas.
  struct Local {
    std::uint64_t address = 0;
    std::string name;
  };
  const std::vector<Local>& locals() const;
  // All functions that `name` can mean; all there are where it is empty.
  void for_each_candidate(const std::string& name,
                          const std::function<void(const FunctionEntry&)>& visit) const;
  void add_symbols(const std::string& name, Found& found) const;
  Found mangled(const FunctionPattern& pattern) const;

  const DwarfSession& session_;
  const DebugIndex& index_;
  const FunctionSymbols& symbols_;
  mutable std::vector<Local> locals_;
  mutable bool has_locals_ = false;
};

}  // namespace backsight::probes
