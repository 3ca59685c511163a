#include "probes/function_symbols.h"

#include "probes/symbol_table.h"

#include <algorithm>

namespace backsight::probes {

namespace {

constexpr std::string_view kClone = " [clone .";

bool is_open(char c) {
  return c == '(' || c == '<' || c == '{' || c == '[';
}
bool is_close(char c) {
  return c == ')' || c == '>' || c == '}' || c == ']';
}

// Where the last parenthesis that closes the parameters was opened; npos: none.
std::size_t parameters_begin(const std::string& text) {
  const std::size_t close = text.rfind(')');
  if (close == std::string::npos) return close;
  // Behind it may stand " const", " volatile", "&", " noexcept": nothing that nests.
  int nesting = 0;
  for (std::size_t i = close + 1; i-- > 0;) {
    if (text[i] == ')') ++nesting;
    if (text[i] == '(' && --nesting == 0) return i;
  }
  return std::string::npos;
}

// Templates have their result in front: "int twice<int>(int)". Operators have
// spaces and angles of their own.
std::string without_result(std::string text) {
  std::size_t stop = text.size();
  const std::size_t oper = text.rfind("operator");
  if (oper != std::string::npos && (oper == 0 || text[oper - 1] == ':' || text[oper - 1] == ' ')) stop = oper;
  int nesting = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < stop; ++i) {
    if (is_open(text[i])) ++nesting;
    if (is_close(text[i])) --nesting;
    if (nesting != 0 || text[i] != ' ') continue;
    // "Base::get(int) const::Local::deep": qualifiers of the function around it.
    if (text.compare(i, 7, " const:") != 0 && text.compare(i, 7, " const&") != 0 && text[i + 1] != '&')
      begin = i + 1;
  }
  return text.substr(begin);
}

// Functions of a coroutine, and what is left of a function that was inlined in
// part, are not calls of the function that they are named after.
bool is_part(const std::string& clone) {
  return clone == "actor" || clone == "destroy" || clone == "resume" || clone == "cleanup" ||
         clone.rfind("part.", 0) == 0;
}

bool ends_with_name(const std::string& qualified, const std::string& name) {
  return qualified.size() > name.size() + 2 &&
         qualified.compare(qualified.size() - name.size() - 2, 2, "::") == 0 &&
         qualified.compare(qualified.size() - name.size(), name.size(), name) == 0;
}

}  // namespace

SymbolName parse_symbol(const std::string& symbol) {
  SymbolName name;
  std::string text = demangled(symbol);
  const bool is_mangled = text != symbol;
  for (std::size_t at = text.rfind(kClone); at != std::string::npos && text.back() == ']';
       at = text.rfind(kClone)) {
    const std::size_t begin = at + kClone.size();
    name.clones.insert(name.clones.begin(), text.substr(begin, text.size() - 1 - begin));
    text.resize(at);
    if (text.empty()) break;
  }
  if (!is_mangled) {
    const std::size_t dot = text.find('.', 1);
    if (dot != std::string::npos) name.clones.push_back(text.substr(dot + 1));
    name.qualified = text.substr(0, dot);
    return name;
  }
  const std::size_t open = parameters_begin(text);
  const bool is_call = open != std::string::npos && open >= 8 && text.compare(open - 8, 8, "operator") == 0;
  if (open != std::string::npos && open > 0 && !is_call) {
    name.parameters = text.substr(open);
    text.resize(open);
  }
  name.qualified = without_result(std::move(text));
  return name;
}

std::string without_parameters(const std::string& demangled) {
  const std::size_t open = parameters_begin(demangled);
  if (open == std::string::npos || open == 0) return demangled;
  if (open >= 8 && demangled.compare(open - 8, 8, "operator") == 0) return demangled;
  return without_result(demangled.substr(0, open));
}

std::vector<std::uint64_t> FunctionSymbols::addresses() const {
  std::vector<std::uint64_t> result;
  result.reserve(symbols_.size());
  for (const FunctionSymbol& symbol : symbols_) result.push_back(symbol.address);
  return result;
}

std::vector<std::string> FunctionSymbols::at(std::uint64_t address) const {
  std::vector<std::string> names;
  auto it = std::lower_bound(symbols_.begin(), symbols_.end(), address,
                             [](const FunctionSymbol& a, std::uint64_t value) { return a.address < value; });
  for (; it != symbols_.end() && it->address == address; ++it) names.push_back(it->name);
  return names;
}

bool FunctionSymbols::is_local(std::uint64_t address) const {
  auto it = std::lower_bound(symbols_.begin(), symbols_.end(), address,
                             [](const FunctionSymbol& a, std::uint64_t value) { return a.address < value; });
  for (; it != symbols_.end() && it->address == address; ++it) {
    if (!it->is_local) return false;
  }
  return true;
}

std::string FunctionSymbols::at(std::uint64_t address, const FunctionInfo& function) const {
  const std::vector<std::string> names = at(address);
  const std::string& wanted = function.linkage_name.empty() ? function.name : function.linkage_name;
  for (const std::string& name : names) {
    if (name == wanted) return name;
  }
  for (const std::string& name : names) {
    if (name.rfind(wanted + ".", 0) == 0) return name;
  }
  return names.empty() ? std::string() : names.front();
}

std::vector<std::uint64_t> FunctionSymbols::named(const std::string& name) const {
  std::vector<std::uint64_t> result;
  // What every spelling of the name has in it: its last part, without template arguments.
  std::string bare = name.substr(0, name.find('<'));
  if (const auto colon = bare.rfind("::"); colon != std::string::npos) bare = bare.substr(colon + 2);
  bare = bare.substr(0, bare.find_first_of(" .({~"));
  for (const FunctionSymbol& symbol : symbols_) {
    const bool is_it = symbol.name == name ||
                       (!bare.empty() && symbol.name.find(bare) != std::string::npos &&
                        symbol.name.rfind("_Z", 0) == 0 && parse_symbol(symbol.name).qualified == name);
    if (is_it) result.push_back(symbol.address);
  }
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

void FunctionSymbols::order_ranges(FunctionInfo& function) const {
  for (std::size_t i = 0; i < function.ranges.size(); ++i) {
    const std::string symbol = at(function.ranges[i].begin, function);
    if (symbol.empty() || symbol.find(".cold") != std::string::npos) continue;
    std::swap(function.ranges[0], function.ranges[i]);
    return;
  }
  // No symbols: compilers put the part with the entry first.
}

void FunctionSymbols::complete(FunctionInfo& function) const {
  if (function.ranges.empty()) return;
  const std::uint64_t address = function.ranges.front().begin;
  const std::string symbol = at(address, function);
  const SymbolName named = parse_symbol(symbol);
  if (function.name.empty()) function.name = named.qualified;  // a thunk
  // The debug information has local classes and lambdas without their scope.
  const std::string short_name = function.name;
  if (function.name.find("::") == std::string::npos && ends_with_name(named.qualified, function.name)) {
    function.name = named.qualified;
    if (function.signature.rfind(short_name, 0) == 0)
      function.signature.replace(0, short_name.size(), function.name);
  }
  std::string label;
  bool is_reduced = false;
  for (const std::string& clone : named.clones) {
    if (is_part(clone)) {
      if (function.signature.rfind(function.name, 0) == 0)
        function.signature.insert(function.name.size(), "." + clone);
      function.name += "." + clone;
      function.is_part = true;
      if (clone.rfind("part.", 0) != 0) function.return_type.reset();  // of a coroutine: returns nothing
      continue;
    }
    is_reduced |= clone.find("isra") != std::string::npos;
    label += " [clone ." + clone + "]";
  }
  if (symbol.rfind("_Z", 0) == 0 && symbol.find("D0Ev") != std::string::npos) label += " [deleting]";
  function.signature += label;
  for (const std::string& other : at(address)) {
    if (other != symbol && parse_symbol(other).qualified != named.qualified)
      function.other_names.push_back(parse_symbol(other).qualified);
  }
  if (!function.return_is_dropped.empty()) return;
  if (is_reduced) {
    function.return_is_dropped =
        "this is a reduced copy of the function (" + symbol + "), which may return nothing";
  } else if (symbol.empty() && function.is_clone && !function.is_external) {
    function.return_is_dropped =
        "without symbols, it may be a reduced copy of the function, which returns nothing";
  } else if (function.by_clang && (!function.is_external || is_local(address))) {
    // Link-time optimisation makes functions local that were not.
    function.return_is_dropped = "clang drops unused results of functions that are local to a file";
  }
}

}  // namespace backsight::probes
