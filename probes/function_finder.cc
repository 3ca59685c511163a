#include "probes/function_finder.h"

#include "probes/lambda_finder.h"
#include "probes/scopes.h"

#include <algorithm>

namespace backsight::probes {

namespace {

constexpr std::size_t kMaxFound = 1'000'000;

template <class Keys>
void append(std::vector<DieKey>& to, const Keys& keys) {
  if (to.size() < kMaxFound) to.insert(to.end(), keys.begin(), keys.end());
}

// "shop::ramp.resume" → "shop::ramp": parts are named after the whole.
std::string whole_name(const std::string& name) {
  for (const char* part : {".actor", ".destroy", ".resume", ".cleanup", ".part."}) {
    const std::size_t at = name.rfind(part);
    if (at != std::string::npos && at > 0) return name.substr(0, at);
  }
  return {};
}

}  // namespace

const std::vector<FunctionFinder::Local>& FunctionFinder::locals() const {
  if (has_locals_) return locals_;
  has_locals_ = true;
  for (const FunctionSymbol& symbol : symbols_.all()) {
    if (symbol.name.rfind("_ZZ", 0) != 0) continue;
    if (!locals_.empty() && locals_.back().address == symbol.address) continue;
    locals_.push_back({symbol.address, parse_symbol(symbol.name).qualified});
  }
  return locals_;
}

bool FunctionFinder::names_part(const FunctionPattern& pattern) {
  return !pattern.is_mangled() && !whole_name(pattern.name()).empty();
}

bool FunctionFinder::is_meant(const FunctionPattern& pattern, const FunctionInfo& function) const {
  if (pattern.is_mangled()) return true;
  if (!function.is_part) return !names_part(pattern);
  return pattern.matches_name(function.name) || pattern.matches_loosely(function.name) ||
         pattern.names_parts_of(function.name);
}

void FunctionFinder::for_each_candidate(const std::string& name,
                                        const std::function<void(const FunctionEntry&)>& visit) const {
  if (name.empty()) {
    for (const FunctionEntry& entry : index_.functions()) visit(entry);
  } else {
    for (const FunctionEntry* entry : index_.functions_named(name)) visit(*entry);
  }
}

FunctionFinder::Found FunctionFinder::find(const FunctionPattern& pattern) const {
  if (pattern.is_mangled()) return mangled(pattern);
  Found exact;
  Found loose;
  const std::string whole = whole_name(pattern.name());
  const FunctionPattern of_whole(whole.empty() ? pattern.name() : whole);
  for_each_candidate(pattern.is_glob() ? std::string() : of_whole.name(), [&](const FunctionEntry& entry) {
    const std::string name = index_.qualified(entry);
    const bool is_exact = pattern.matches_name(name) || (!whole.empty() && of_whole.matches_name(name));
    const bool is_loose =
        !is_exact && (pattern.matches_loosely(name) || (!whole.empty() && of_whole.matches_loosely(name)));
    if (!is_exact && !is_loose) return;
    append((is_exact ? exact : loose).concrete, entry.concrete);
    append((is_exact ? exact : loose).abstract, entry.inlined_only);
  });
  const bool with_locals = exact.empty() || pattern.is_glob();
  for (std::size_t i = 0; with_locals && i < locals().size(); ++i) {
    const Local& local = locals_[i];
    const bool is_exact = pattern.matches_name(local.name);
    if (!is_exact && !pattern.matches_loosely(local.name)) continue;
    if (const DieKey key = find_function_at(session_, local.address))
      (is_exact ? exact : loose).concrete.push_back(key);
  }
  if (with_locals) {
    for (InlinedLambda& lambda : find_inlined_lambdas(session_, index_, pattern)) {
      Found& found = pattern.matches_loosely(lambda.name) ? loose : exact;
      found.abstract.push_back(lambda.abstract);
      found.lambdas.emplace(lambda.abstract, std::move(lambda.name));
    }
  }
  if (!exact.empty()) return exact;
  if (loose.empty() && !pattern.is_glob()) add_symbols(pattern.name(), loose);
  return loose;
}

std::string FunctionFinder::shares_code(const FunctionInfo& function) const {
  const std::uint64_t address = function.ranges.front().begin;
  const std::vector<std::string> symbols = symbols_.at(address);
  if (symbols.size() < 2) return {};
  const auto symbol_of = [&](DieKey key) {
    const std::string mangled = mangled_name(session_, key);
    const char* name = mangled.empty() ? session_.die(key).name() : nullptr;
    return name ? std::string(name) : mangled;
  };
  const std::string own_symbol = symbol_of(function.die);
  const SymbolName own = parse_symbol(own_symbol);
  std::string found;
  for (const std::string& symbol : symbols) {
    const SymbolName name = parse_symbol(symbol);
    // Constructors of complete and of base objects are one function to people.
    if (symbol == own_symbol || (name.qualified == own.qualified && name.parameters == own.parameters))
      continue;
    for_each_candidate(name.qualified, [&](const FunctionEntry& entry) {
      for (const DieKey key : entry.concrete) {
        const bool is_other = key != function.die && symbol_of(key) == symbol;
        if (is_other && session_.die(key).address(DW_AT_low_pc) == address)
          found = name.qualified + name.parameters;
      }
    });
  }
  return found;
}

// The functions whose code has a symbol of that name.
void FunctionFinder::add_symbols(const std::string& name, Found& found) const {
  for (const std::uint64_t address : symbols_.named(name)) {
    if (const DieKey key = find_function_at(session_, address)) found.concrete.push_back(key);
  }
}

FunctionFinder::Found FunctionFinder::mangled(const FunctionPattern& pattern) const {
  Found found;
  for (const FunctionSymbol& symbol : symbols_.all()) {
    if (symbol.name != pattern.name()) continue;
    if (const DieKey key = find_function_at(session_, symbol.address)) found.concrete.push_back(key);
  }
  // Copies without a symbol of their own, by the names in the debug information.
  const SymbolName name = parse_symbol(pattern.name());
  for_each_candidate(name.qualified, [&](const FunctionEntry& entry) {
    for (const DieKey key : entry.concrete) {
      if (mangled_name(session_, key) == pattern.name()) found.concrete.push_back(key);
    }
    for (const DieKey key : entry.inlined_only) {
      if (mangled_name(session_, key) == pattern.name()) found.abstract.push_back(key);
    }
  });
  return found;
}

}  // namespace backsight::probes
