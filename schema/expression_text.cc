// Expressions as text: canonical form, plain paths, and messages with a caret.
#include "schema/expression.h"

#include <algorithm>
#include <charconv>

namespace backsight::schema {
namespace {

std::string quote(const std::string& text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7f) {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    } else {
      out += c;
    }
  }
  return out + '"';
}

// Always read back as a float.
std::string float_text(double value) {
  char buffer[64];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  std::string text(buffer, end);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return !is_continuation(c); }));
}

}  // namespace

std::string to_string(const Expression& expression) {
  const auto child = [&](std::size_t i) { return to_string(*expression.children[i]); };
  switch (expression.kind) {
    case ExpressionKind::kInteger:
      return expression.is_unsigned ? std::to_string(static_cast<std::uint64_t>(expression.integer))
                                    : std::to_string(expression.integer);
    case ExpressionKind::kFloat:
      return float_text(expression.floating);
    case ExpressionKind::kString:
      return quote(expression.text);
    case ExpressionKind::kBool:
      return expression.boolean ? "true" : "false";
    case ExpressionKind::kNull:
      return "nullptr";
    case ExpressionKind::kName:
      return expression.text;
    case ExpressionKind::kMember:
      return child(0) + "." + expression.text;
    case ExpressionKind::kIndex:
      return child(0) + "[" + child(1) + "]";
    case ExpressionKind::kRange:
      return child(0) + "[" + child(1) + ".." + child(2) + "]";
    case ExpressionKind::kUnary:
      return "(" + expression.text + child(0) + ")";
    case ExpressionKind::kBinary:
      return "(" + child(0) + " " + expression.text + " " + child(1) + ")";
    case ExpressionKind::kCast:
      return "((" + expression.text + ")" + child(0) + ")";
    case ExpressionKind::kCall:
      break;
  }
  std::string text = expression.text + "(";
  for (std::size_t i = 0; i < expression.children.size(); ++i) text += (i == 0 ? "" : ", ") + child(i);
  return text + ")";
}

std::vector<std::string> plain_path(const Expression& expression) {
  std::vector<std::string> path;
  const Expression* at = &expression;
  for (; at->kind == ExpressionKind::kMember; at = at->children[0].get()) path.push_back(at->text);
  if (at->kind != ExpressionKind::kName) return {};
  path.push_back(at->text);
  std::reverse(path.begin(), path.end());
  return path;
}

Error expression_error(std::string_view text, std::size_t begin, const std::string& message,
                       std::string hint) {
  constexpr std::size_t kContext = 60;  // bytes shown on either side
  begin = std::min(begin, text.size());
  std::size_t from = begin > kContext ? begin - kContext : 0;
  std::size_t to = std::min(text.size(), begin + kContext);
  while (from > 0 && is_continuation(text[from])) --from;
  while (to < text.size() && is_continuation(text[to])) ++to;
  std::string line = from > 0 ? "..." : "";
  line += text.substr(from, to - from);
  if (to < text.size()) line += "...";
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  const std::size_t before = (from > 0 ? 3 : 0) + characters(text.substr(from, begin - from));
  return make_error(ErrorCode::kInvalid,
                    message + " at column " + std::to_string(characters(text.substr(0, begin)) + 1) + "\n  " +
                        line + "\n  " + std::string(before, ' ') + "^",
                    std::move(hint));
}

}  // namespace backsight::schema
