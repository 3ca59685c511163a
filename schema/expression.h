// The one expression language (interface.md, 3): syntax tree and parser. The
// planner compiles a tree to capture operations, the query side evaluates it
// over values; neither parses by itself.
#pragma once

#include "schema/result.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace backsight::schema {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

enum class ExpressionKind : std::uint8_t {
  kInteger,  // integer (is_unsigned when it does not fit 63 bits)
  kFloat,
  kString,  // text
  kBool,
  kNull,    // nullptr, nil
  kName,    // text: parameter, local, global, this, ret, pid, tid, ... ("A::b" too)
  kMember,  // children[0] . text    ('.' and '->' alike)
  kIndex,   // children[0] [ children[1] ]
  kRange,   // children[0] [ children[1] .. children[2] ]   (half-open)
  kUnary,   // text: "!" "-" "~" "*"
  kBinary,  // text: "*" "/" "%" "+" "-" "<<" ">>" "<" "<=" ">" ">=" "==" "!=" "&" "^" "|" "&&" "||" "=~"
  kCast,    // (text) children[0]: type name as written, e.g. "shop::Order*"
  kCall,    // text(children...): len, contains, starts_with
};

struct Expression {
  ExpressionKind kind = ExpressionKind::kNull;
  std::string text;
  std::int64_t integer = 0;  // two's complement of the value where is_unsigned
  bool is_unsigned = false;  // kInteger: does not fit 63 bits
  double floating = 0;
  bool boolean = false;
  std::vector<ExpressionPtr> children;
  std::size_t begin = 0;  // character offsets in the source text
  std::size_t end = 0;
};

// Parses all of `text`. Errors are kInvalid; the message names the column and
// what was expected, and ends with the text and a caret line below it:
//   expected an operand after '>' at column 15
//     order.total >
//                  ^
// A cast is recognised where a parenthesised type name (words, ::, template
// arguments, '*', '&') is followed by an operand.
Result<ExpressionPtr> parse_expression(std::string_view text);

// Canonical text, fully parenthesised; for tests and messages.
std::string to_string(const Expression& expression);

// {"order","id"} for names and members only (a '->' counts as '.'); empty for anything else.
std::vector<std::string> plain_path(const Expression& expression);

// The error of `message` at [begin, end) of `text`, with the caret line.
Error expression_error(std::string_view text, std::size_t begin, const std::string& message,
                       std::string hint = {});

}  // namespace backsight::schema
