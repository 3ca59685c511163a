#include "schema/expression_lexer.h"

#include "schema/expression.h"

#include <array>
#include <charconv>
#include <optional>

namespace backsight::schema {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::optional<unsigned> hex_digit(char c) {
  if (is_digit(c)) return unsigned(c - '0');
  if (c >= 'a' && c <= 'f') return unsigned(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return unsigned(c - 'A' + 10);
  return std::nullopt;
}

// Longest first.
constexpr std::array<std::string_view, 32> kSymbols{
    "..", "->", "<<", ">>", "<=", ">=", "==", "!=", "=~", "&&", "||", ".", "<", ">",  "!", "-",
    "~",  "*",  "/",  "%",  "+",  "&",  "^",  "|",  "(",  ")",  "[",  "]", ",", "::", "?", "="};

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += char(code);
  } else if (code < 0x800) {
    out += {char(0xc0 | code >> 6), char(0x80 | (code & 0x3f))};
  } else if (code < 0x10000) {
    out += {char(0xe0 | code >> 12), char(0x80 | (code >> 6 & 0x3f)), char(0x80 | (code & 0x3f))};
  } else {
    out += {char(0xf0 | code >> 18), char(0x80 | (code >> 12 & 0x3f)), char(0x80 | (code >> 6 & 0x3f)),
            char(0x80 | (code & 0x3f))};
  }
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Result<std::vector<Token>> run() {
    while (true) {
      while (at_ < text_.size() && is_space(text_[at_])) ++at_;
      if (tokens_.size() >= kMaxExpressionTokens) return fail(at_, "the expression is too long");
      if (at_ == text_.size()) break;
      token_ = {};
      token_.begin = at_;
      BACKSIGHT_TRY(next());
      token_.end = at_;
      tokens_.push_back(std::move(token_));
    }
    token_ = {};
    token_.begin = token_.end = at_;
    tokens_.push_back(token_);
    return std::move(tokens_);
  }

 private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  Error fail(std::size_t begin, const std::string& message, std::string hint = {}) const {
    return expression_error(text_, begin, message, std::move(hint));
  }

  // Whether the token before is one after which '.' means a member.
  bool after_operand() const {
    if (tokens_.empty()) return false;
    const Token& last = tokens_.back();
    return last.kind != TokenKind::kSymbol || last.text == ")" || last.text == "]";
  }

  bool after_member_sign() const {
    return !tokens_.empty() && tokens_.back().kind == TokenKind::kSymbol &&
           (tokens_.back().text == "." || tokens_.back().text == "->");
  }

  Result<void> next() {
    const char c = peek();
    if (is_digit(c)) {
      if (after_member_sign()) return result_number();
      return number();
    }
    if (c == '.' && is_digit(peek(1)) && !after_operand()) return number();
    if (is_name_start(c) || (c == ':' && peek(1) == ':' && is_name_start(peek(2)))) return name();
    if (c == '"' || c == '\'') return quoted(c);
    if (c == '`') return raw();
    return symbol();
  }

  // "ret.0": a number that names a member.
  Result<void> result_number() {
    token_.kind = TokenKind::kName;
    while (is_digit(peek())) token_.text += text_[at_++];
    return {};
  }

  Result<void> name() {
    token_.kind = TokenKind::kName;
    do {
      if (peek() == ':') {
        token_.text += "::";
        at_ += 2;
      }
      while (at_ < text_.size() && is_name_part(text_[at_])) token_.text += text_[at_++];
    } while (peek() == ':' && peek(1) == ':' && is_name_start(peek(2)));
    return {};
  }

  Result<void> number() {
    int base = 10;
    if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X')) base = 16;
    if (peek() == '0' && (peek(1) == 'b' || peek(1) == 'B')) base = 2;
    if (base != 10) {
      at_ += 2;
      return integer(base);
    }
    std::size_t end = at_;
    while (end < text_.size() && is_digit(text_[end])) ++end;
    const auto at = [&](std::size_t i) { return i < text_.size() ? text_[i] : '\0'; };
    // "0..8" is a range of integers, "1." is no number here.
    const bool has_point = at(end) == '.' && is_digit(at(end + 1));
    const std::size_t sign = at(end + 1) == '+' || at(end + 1) == '-' ? 1 : 0;
    const bool has_exponent = (at(end) == 'e' || at(end) == 'E') && is_digit(at(end + 1 + sign));
    if (has_point || has_exponent) return floating();
    const bool is_octal = peek() == '0' && end - at_ > 1;
    return integer(is_octal ? 8 : 10);
  }

  Result<void> integer(int base) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value, base);
    if (error == std::errc::result_out_of_range) {
      return fail(token_.begin, "the number does not fit 64 bits");
    }
    if (error != std::errc{}) return fail(token_.begin, "a number without digits");
    at_ = static_cast<std::size_t>(end - text_.data());
    // Suffixes say nothing here: a comparison is by value.
    while (peek() == 'u' || peek() == 'U' || peek() == 'l' || peek() == 'L') ++at_;
    token_.kind = TokenKind::kInteger;
    token_.integer = static_cast<std::int64_t>(value);
    token_.is_unsigned = value > INT64_MAX;
    return end_of_number();
  }

  Result<void> floating() {
    const auto [end, error] =
        std::from_chars(text_.data() + at_, text_.data() + text_.size(), token_.floating);
    if (error != std::errc{}) return fail(token_.begin, "the number does not fit a double");
    at_ = static_cast<std::size_t>(end - text_.data());
    if (peek() == 'f' || peek() == 'F') ++at_;
    token_.kind = TokenKind::kFloat;
    return end_of_number();
  }

  Result<void> end_of_number() const {
    if (at_ < text_.size() && is_name_part(text_[at_])) {
      return fail(at_, std::string("unexpected '") + text_[at_] + "' in a number");
    }
    return {};
  }

  Result<void> quoted(char quote) {
    token_.kind = TokenKind::kString;
    ++at_;
    while (peek() != quote || at_ >= text_.size()) {
      if (at_ >= text_.size()) return fail(token_.begin, "a string without its closing quote");
      if (text_[at_] == '\\') {
        BACKSIGHT_TRY(escape());
      } else {
        token_.text += text_[at_++];
      }
    }
    ++at_;
    return {};
  }

  // `…`: nothing is an escape; for regular expressions.
  Result<void> raw() {
    token_.kind = TokenKind::kString;
    const std::size_t close = text_.find('`', at_ + 1);
    if (close == std::string_view::npos) return fail(token_.begin, "a string without its closing backquote");
    token_.text = text_.substr(at_ + 1, close - at_ - 1);
    at_ = close + 1;
    return {};
  }

  Result<void> escape() {
    const std::size_t begin = at_++;
    const char c = peek();
    constexpr std::string_view kLetters = "nrtabfve0\\\"'`";
    constexpr std::string_view kMeanings("\n\r\t\a\b\f\v\x1b\0\\\"'`", 13);
    if (c == 'x') return code_escape(begin, 2);
    if (c == 'u') return code_escape(begin, 4);
    if (c == 'U') return code_escape(begin, 8);
    const std::size_t i = at_ < text_.size() ? kLetters.find(c) : std::string_view::npos;
    if (i == std::string_view::npos) {
      return fail(begin, "unknown escape in a string",
                  "write \\\\ for a backslash, or the string in backquotes");
    }
    token_.text += kMeanings[i];
    ++at_;
    return {};
  }

  // \xHH is a byte, \uHHHH and \UHHHHHHHH are characters.
  Result<void> code_escape(std::size_t begin, int digits) {
    ++at_;
    std::uint32_t code = 0;
    for (int i = 0; i < digits; ++i, ++at_) {
      const auto digit = at_ < text_.size() ? hex_digit(text_[at_]) : std::nullopt;
      if (!digit)
        return fail(begin, "an escape of " + std::to_string(digits) + " hexadecimal digits is needed");
      code = code << 4 | *digit;
    }
    if (digits == 2) {
      token_.text += char(code);
      return {};
    }
    if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return fail(begin, "no such character");
    append_utf8(token_.text, code);
    return {};
  }

  Result<void> symbol() {
    for (const std::string_view symbol : kSymbols) {
      if (text_.substr(at_, symbol.size()) != symbol) continue;
      if (symbol == "=") return fail(at_, "'=' is no operator", "compare with '=='");
      if (symbol == "?") return fail(at_, "'?' is no operator");
      token_.kind = TokenKind::kSymbol;
      token_.text = symbol;
      at_ += symbol.size();
      return {};
    }
    const auto byte = static_cast<unsigned char>(text_[at_]);
    if (byte < 0x20 || byte == 0x7f) return fail(at_, "unexpected control character");
    return fail(at_, std::string("unexpected '") + text_[at_] + "'");
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Token token_;
  std::vector<Token> tokens_;
};

}  // namespace

bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool is_name_part(char c) {
  return is_name_start(c) || is_digit(c);
}

Result<std::vector<Token>> lex_expression(std::string_view text) {
  if (text.size() > kMaxExpressionBytes) {
    return make_error(ErrorCode::kInvalid,
                      "an expression of " + std::to_string(text.size()) + " bytes is too long",
                      "at most " + std::to_string(kMaxExpressionBytes) + " bytes");
  }
  return Lexer(text).run();
}

}  // namespace backsight::schema
