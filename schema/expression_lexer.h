// Characters to tokens of the expression language (schema/expression.h).
// Private to schema/.
#pragma once

#include "schema/result.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace backsight::schema {

enum class TokenKind : std::uint8_t {
  kEnd,      // behind the last character
  kInteger,  // integer; is_unsigned when it does not fit 63 bits
  kFloat,    // floating
  kString,   // text, escapes resolved
  kName,     // text: "order", "shop::kLimit", and after '.' or '->' also digits ("0")
  kSymbol,   // text: an operator or a bracket
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;
  std::int64_t integer = 0;
  bool is_unsigned = false;
  double floating = 0;
  std::size_t begin = 0;  // offsets in the source text
  std::size_t end = 0;
};

// Limits against hostile input; far beyond what anybody writes.
inline constexpr std::size_t kMaxExpressionBytes = 8'192;
inline constexpr std::size_t kMaxExpressionTokens = 2'048;

// All tokens of `text` and a kEnd behind them.
Result<std::vector<Token>> lex_expression(std::string_view text);

// True if a name can begin with `c`: letters, '_', '$' and every byte of a
// multi-byte UTF-8 character.
bool is_name_start(char c);
bool is_name_part(char c);

}  // namespace backsight::schema
