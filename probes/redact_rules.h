// What `redact` says, as patterns over dotted paths and over names of types.
//
//   order.card.number   the member of that path; elements, pointers and containers
//                       on the way are looked through
//   *.password, *key?   '*' (any characters, '.' too) and '?' (one) over the path
//   type:shop::Secret   values of that type, wherever they are; a glob over names
//
// A path is matched while it is walked: a Context is where in which patterns a
// path so far has led, so that types of any depth need finitely many of them.
#pragma once

#include "schema/result.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace backsight::probes {

// One entry of `redact`, brought to one form: '.' for '->', without "[…]".
struct RedactPattern {
  std::string text;
  bool of_service = false;
  bool operator==(const RedactPattern&) const = default;

  bool is_type() const { return std::string_view(text).starts_with("type:"); }
  // A path without wildcards.
  bool is_exact() const { return !is_type() && text.find_first_of("*?") == std::string::npos; }
};

// Errors (kInvalid) say what is wrong with the text, and give a right one.
schema::Result<RedactPattern> parse_redact(const std::string& text);
// Its names: {"order", "card", "number"}.
std::vector<std::string> redact_steps(const RedactPattern& pattern);

class RedactRules {
 public:
  using Context = std::uint32_t;
  static constexpr Context kNowhere = 0;  // nothing below can match
  static constexpr Context kHidden = 1;   // matched: it and everything below

  explicit RedactRules(const std::vector<RedactPattern>& patterns);

  bool is_empty() const { return patterns_.empty() && types_.empty(); }
  // Some pattern may match where no path is known: a glob, or a type.
  bool is_wide() const { return is_wide_; }
  // A parameter, local, global, "this" or "ret".
  Context root(std::string_view name);
  Context member(Context of, std::string_view name);
  // What either of them may match.
  Context join(Context a, Context b);
  bool hides_type(std::string_view name) const;

 private:
  using Positions = std::vector<std::uint32_t>;  // pattern << 16 | characters matched; sorted

  Context enter(std::uint32_t from, std::string_view text);
  Context known(Positions positions);
  void add(Positions& to, std::uint32_t position) const;

  std::vector<std::string> patterns_;
  std::vector<std::string> types_;
  bool is_wide_ = false;
  std::vector<Positions> contexts_;
  std::map<Positions, Context> numbers_;
  std::map<std::pair<Context, std::string>, Context> steps_;
};

}  // namespace backsight::probes
