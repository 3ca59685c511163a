// Compares recorded calls with a program's own account of them, value by value
// and path by path, and judges every unavailable one: is its reason allowed at
// this place?
#pragma once

#include <boost/json.hpp>

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace backsight::tests {

// What is allowed depends on how the program was built, and on the probe's limits.
struct Conditions {
  bool optimised = false;      // -O1 and above
  bool may_tail_call = false;  // -O2, -O3, -Os: a call may leave by a jump
  bool by_clang = false;
  bool link_time = false;  // exported functions, too, may lose results
  bool limited = false;    // classes may be described nowhere
  std::size_t depth = 3, elements = 32, string_bytes = 256, bytes = 8192;
};

struct Tally {
  std::size_t calls = 0;
  std::size_t compared = 0;  // values: leaves of the account
  std::size_t equal = 0;
  std::size_t returns_unseen = 0;                  // the call left by a jump: a tail call
  std::map<std::string, std::size_t> unavailable;  // by reason
  std::vector<std::string> wrong;                  // with function, path, expected and got
  std::map<std::string, std::size_t>
      unsupported;  // places (no indexes) that say unsupported_type and may not

  std::map<std::string, std::size_t> gaps;    // what is known not to be captured yet: see Comparison::gap()
  std::map<std::string, std::size_t> places;  // all unavailable values: "reason function: path", no indexes

  std::size_t unavailable_total() const;
  double available_share() const;  // of those that neither a limit nor a gap cut off
  void add(const Tally& other);
};

// How each parameter is passed, and the result ("return"): see program/oracle.h.
using Passing = std::map<std::string, std::string, std::less<>>;

class Comparison {
 public:
  Comparison(const Conditions& conditions, Tally& tally) : conditions_(conditions), tally_(tally) {}
  // One call of each; both rows as `calls` and the account have them.
  void call(const boost::json::object& expected, const boost::json::object& recorded, const Passing& passing);

 private:
  void value(const boost::json::value& expected, const boost::json::value& got);
  void unavailable_value(const boost::json::value& expected, const boost::json::value& got,
                         const std::string& reason);
  void object(const boost::json::object& expected, const boost::json::object& got);
  void array(const boost::json::array& expected, const boost::json::array& got);
  void shown_part(const boost::json::value& expected, const boost::json::value& got, bool is_marked);
  bool is_allowed(std::string_view reason, const boost::json::value& expected,
                  const boost::json::value& got) const;
  // A reason that is not allowed, but known: which gap it is. Empty: none.
  std::string gap(std::string_view reason) const;
  std::string_view passed_here() const;
  bool is_copied() const { return passed_here() == "indirect"; }
  // Of a map as it is shown where its keys are cut.
  boost::json::array elements_of(const boost::json::object& map, const boost::json::array& got) const;
  bool is_cut_there(const std::string& reason, std::size_t shown, std::size_t total) const;
  void unseen_return(const boost::json::object& expected, const boost::json::object& recorded);
  void wrong(const std::string& what, const boost::json::value& expected, const boost::json::value& got);
  const std::string* reason_here();
  bool has_reasons_below() const;
  std::string_view root() const;
  // Of a parameter, or of what was captured of it.
  bool is_root() const { return root().size() == path_.size() || passing_->contains(path_); }

  const Conditions& conditions_;
  Tally& tally_;
  std::string function_;
  std::string path_;
  const Passing* passing_ = nullptr;
  std::size_t row_size_ = 0;  // of the account's text
  std::map<std::string, std::string> unavailable_;
  std::set<std::string> met_;  // of those
};

// {"$truth": reason, "value": v} of an account; null: a plain value.
const boost::json::object* marked(const boost::json::value& expected);
// How many leaves a value has.
std::size_t leaves(const boost::json::value& value);
// Of a string as it is shown ("text", {"$bytes"}): its bytes. False: not a string.
bool bytes_of(const boost::json::value& value, std::string& bytes);

}  // namespace backsight::tests
