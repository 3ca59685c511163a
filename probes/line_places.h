// The places of a line that are probed: in each function that has code of it, and in
// each inlined copy, as many as show each execution of the line once.
#pragma once

#include "probes/instance_planner.h"
#include "probes/line_marks.h"
#include "probes/lines.h"
#include "probes/scopes.h"

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace backsight::probes {

// A place that is to be probed; valid while it is handed over.
struct FoundPlace {
  const FunctionInfo& shown;  // the function or inlined copy, with the variables visible there
  const FunctionInfo& enclosing;
  const FunctionCode& code;  // of `enclosing`
  const InnerSite& site;
};

class LinePlaces {
 public:
  // None: there is no code of it in the binary.
  using ReadFunction = std::function<std::optional<FunctionInfo>(DieKey)>;
  using Take = std::function<bool(const FoundPlace&)>;  // false: it is enough

  LinePlaces(const BinaryParts& parts, const LineTables& lines, ReadFunction read)
      : parts_(parts), lines_(lines), read_(std::move(read)) {}

  // Issues where there is none.
  std::vector<Issue> find(const LinePattern& pattern, const Take& take);

 private:
  struct Located {
    LinePlace place;
    std::vector<Scope> scopes;
    std::size_t innermost = 0;  // of `scopes`: what the line is in
    FunctionInfo shown;
  };
  struct Function {
    FunctionInfo info;
    std::string file;
    std::vector<LinePlace> places;
  };

  std::vector<Function> functions_with(const LinePattern& pattern, DieKey unit);
  Located locate(const LinePattern& pattern, const Function& function, const LinePlace& place) const;
  bool take_places(const LinePattern& pattern, const LineOfFiles& line, const RowsByAddress& rows,
                   const Function& function, const Take& take);
  static bool drop_parts_of_statements(bool has_statements, std::vector<Located>& located);
  static InnerSite site_of(const LinePattern& pattern, const FunctionInfo& enclosing, const Located& located);
  std::vector<Issue> nearest(const LinePattern& pattern, const std::vector<DieKey>& units) const;

  const BinaryParts& parts_;
  const LineTables& lines_;
  ReadFunction read_;
  std::set<std::uint64_t> seen_;  // addresses
  std::vector<Issue> issues_;
  bool found_ = false;
};

}  // namespace backsight::probes
