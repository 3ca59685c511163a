// Tokens to syntax tree by precedence climbing, with C's precedences.
#include "schema/expression.h"
#include "schema/expression_lexer.h"

#include <algorithm>
#include <array>
#include <optional>

namespace backsight::schema {
namespace {

constexpr int kMaxDepth = 200;  // two for each parenthesis

struct Operator {
  std::string_view text;
  int precedence;
};
constexpr std::array<Operator, 19> kBinary{{{"*", 10},
                                            {"/", 10},
                                            {"%", 10},
                                            {"+", 9},
                                            {"-", 9},
                                            {"<<", 8},
                                            {">>", 8},
                                            {"<", 7},
                                            {"<=", 7},
                                            {">", 7},
                                            {">=", 7},
                                            {"==", 6},
                                            {"!=", 6},
                                            {"=~", 6},
                                            {"&", 5},
                                            {"^", 4},
                                            {"|", 3},
                                            {"&&", 2},
                                            {"||", 1}}};

struct Function {
  std::string_view name;
  std::size_t arguments;
};
constexpr std::array<Function, 3> kFunctions{{{"len", 1}, {"contains", 2}, {"starts_with", 2}}};

// Words that make a parenthesised name a type whatever follows it.
constexpr std::array<std::string_view, 16> kTypeWords{
    "bool",   "char", "short", "int",      "long",   "signed", "unsigned", "float",
    "double", "void", "const", "volatile", "struct", "class",  "union",    "enum"};

template <class Range, class Value>
bool has(const Range& range, const Value& value) {
  return std::find(range.begin(), range.end(), value) != range.end();
}

class Parser {
 public:
  Parser(std::string_view text, std::vector<Token> tokens) : text_(text), tokens_(std::move(tokens)) {}

  Result<ExpressionPtr> run() {
    if (current().kind == TokenKind::kEnd) return fail(current(), "an empty expression");
    auto expression = binary(1);
    if (!expression) return expression;
    if (current().kind != TokenKind::kEnd) return fail(current(), "unexpected " + shown(current()));
    return expression;
  }

 private:
  using Parsed = Result<ExpressionPtr>;

  // Counts the nesting of everything that recurses.
  class Deeper {
   public:
    explicit Deeper(int& depth) : depth_(depth) { ++depth_; }
    ~Deeper() { --depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;

   private:
    int& depth_;
  };

  const Token& peek(std::size_t ahead) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  const Token& current() const { return peek(0); }
  bool is(std::string_view symbol, std::size_t ahead = 0) const {
    return peek(ahead).kind == TokenKind::kSymbol && peek(ahead).text == symbol;
  }
  bool accept(std::string_view symbol) {
    if (!is(symbol)) return false;
    ++at_;
    return true;
  }

  std::string shown(const Token& token) const {
    if (token.kind == TokenKind::kEnd) return "end of the expression";
    return "'" + std::string(text_.substr(token.begin, token.end - token.begin)) + "'";
  }
  Error fail(const Token& token, const std::string& message, std::string hint = {}) const {
    return expression_error(text_, token.begin, message, std::move(hint));
  }
  Error expected(const std::string& what) const {
    const std::string where = at_ == 0 ? "" : " after " + shown(tokens_[at_ - 1]);
    return fail(current(), "expected " + what + where);
  }

  static ExpressionPtr make(ExpressionKind kind, std::size_t begin, std::string text = {}) {
    auto out = std::make_unique<Expression>();
    out->kind = kind;
    out->begin = begin;
    out->text = std::move(text);
    return out;
  }
  // Ends `expression` behind the token that was taken last.
  ExpressionPtr finished(ExpressionPtr expression) const {
    expression->end = tokens_[at_ - 1].end;
    return expression;
  }

  Parsed binary(int minimum) {
    const Deeper deeper(depth_);
    if (depth_ > kMaxDepth) return fail(current(), "the expression is nested too deeply");
    auto left = unary();
    if (!left) return left;
    while (true) {
      const Operator* found = binary_operator();
      if (found == nullptr || found->precedence < minimum) return left;
      ++at_;
      auto right = binary(found->precedence + 1);
      if (!right) return right;
      if (found->text == "=~" && (*right)->kind != ExpressionKind::kString) {
        return expression_error(text_, (*right)->begin,
                                "expected a string, the regular expression, after '=~'");
      }
      auto node = make(ExpressionKind::kBinary, (*left)->begin, std::string(found->text));
      node->children.push_back(*std::move(left));
      node->children.push_back(*std::move(right));
      left = finished(std::move(node));
    }
  }

  const Operator* binary_operator() const {
    if (current().kind != TokenKind::kSymbol) return nullptr;
    const auto found = std::find_if(kBinary.begin(), kBinary.end(),
                                    [&](const Operator& op) { return op.text == current().text; });
    return found == kBinary.end() ? nullptr : &*found;
  }

  Parsed unary() {
    const Deeper deeper(depth_);
    if (depth_ > kMaxDepth) return fail(current(), "the expression is nested too deeply");
    const Token& token = current();
    for (const std::string_view symbol : {"!", "-", "~", "*"}) {
      if (!accept(symbol)) continue;
      auto operand = unary();
      if (!operand) return operand;
      auto node = make(ExpressionKind::kUnary, token.begin, std::string(symbol));
      node->children.push_back(*std::move(operand));
      return finished(std::move(node));
    }
    if (const auto type_end = cast_end()) return cast(*type_end);
    return postfix();
  }

  Parsed cast(std::size_t close) {
    const std::size_t begin = tokens_[at_].begin;
    const std::size_t from = tokens_[at_ + 1].begin;
    const std::size_t to = tokens_[close - 1].end;
    at_ = close + 1;
    auto operand = unary();
    if (!operand) return operand;
    auto node = make(ExpressionKind::kCast, begin, std::string(text_.substr(from, to - from)));
    node->children.push_back(*std::move(operand));
    return finished(std::move(node));
  }

  // The index of the ')' of "(type)" at the current token if an operand follows
  // that makes it a cast: anything that could not follow an operand, and after
  // an unmistakable type also "-x" and "*x".
  std::optional<std::size_t> cast_end() const {
    if (!is("(")) return std::nullopt;
    std::size_t i = at_ + 1;
    bool is_certain = false;
    if (!skip_type_name(i, is_certain)) return std::nullopt;
    while (symbol_at(i, "*") || symbol_at(i, "&") || symbol_at(i, "&&") || word_at(i, "const")) {
      is_certain = true;
      ++i;
    }
    if (!symbol_at(i, ")")) return std::nullopt;
    const Token& next = tokens_[std::min(i + 1, tokens_.size() - 1)];
    if (next.kind == TokenKind::kEnd) return std::nullopt;
    if (next.kind != TokenKind::kSymbol) return i;
    if (next.text == "(" || next.text == "!" || next.text == "~") return i;
    if (is_certain && (next.text == "-" || next.text == "*")) return i;
    return std::nullopt;
  }

  bool symbol_at(std::size_t i, std::string_view symbol) const {
    return i < tokens_.size() && tokens_[i].kind == TokenKind::kSymbol && tokens_[i].text == symbol;
  }
  bool word_at(std::size_t i, std::string_view word) const {
    return i < tokens_.size() && tokens_[i].kind == TokenKind::kName && tokens_[i].text == word;
  }

  // "unsigned long", "std::vector<shop::Item*>::iterator", "main.Order".
  bool skip_type_name(std::size_t& i, bool& is_certain) const {
    const std::size_t begin = i;
    while (i < tokens_.size()) {
      if (tokens_[i].kind == TokenKind::kName && !is_keyword(tokens_[i].text)) {
        is_certain = is_certain || has(kTypeWords, tokens_[i].text);
        ++i;
      } else if (i > begin && symbol_at(i, "<")) {
        if (!skip_template_arguments(i)) return false;
      } else if (i > begin && symbol_at(i, ".") && i + 1 < tokens_.size() &&
                 tokens_[i + 1].kind == TokenKind::kName) {
        i += 2;
      } else {
        break;
      }
    }
    return i > begin;
  }

  bool skip_template_arguments(std::size_t& i) const {
    int open = 0;
    int parentheses = 0;
    for (; i < tokens_.size(); ++i) {
      const Token& token = tokens_[i];
      if (token.kind == TokenKind::kName || token.kind == TokenKind::kInteger) continue;
      if (token.kind != TokenKind::kSymbol) return false;
      if (token.text == "<") ++open;
      if (token.text == ">") open -= 1;
      if (token.text == ">>") open -= 2;
      if (token.text == "(") ++parentheses;
      if (token.text == ")") --parentheses;
      if (open < 0 || parentheses < 0) return false;
      if (open == 0) {
        ++i;
        return parentheses == 0;
      }
      static constexpr std::array<std::string_view, 9> kAllowed{"<", ">", ">>", ",", "*",
                                                                "&", "(", ")",  "::"};
      if (!has(kAllowed, token.text)) return false;
    }
    return false;
  }

  static bool is_keyword(std::string_view name) {
    static constexpr std::array<std::string_view, 5> kKeywords{"true", "false", "nullptr", "nil", "this"};
    return has(kKeywords, name);
  }

  Parsed postfix() {
    auto expression = primary();
    while (expression) {
      const bool has_member_sign = is(".") || is("->");
      if ((has_member_sign || is("[")) && is_literal(**expression)) {
        return fail(current(), "a literal has no members and no elements");
      }
      if (has_member_sign) {
        expression = member(*std::move(expression));
      } else if (is("[")) {
        expression = index(*std::move(expression));
      } else {
        break;
      }
    }
    return expression;
  }

  static bool is_literal(const Expression& expression) { return expression.kind <= ExpressionKind::kNull; }

  Parsed member(ExpressionPtr object) {
    ++at_;
    if (current().kind != TokenKind::kName) return expected("the name of a member");
    auto node = make(ExpressionKind::kMember, object->begin, current().text);
    ++at_;
    node->children.push_back(std::move(object));
    return finished(std::move(node));
  }

  Parsed index(ExpressionPtr object) {
    ++at_;
    auto node = make(ExpressionKind::kIndex, object->begin);
    node->children.push_back(std::move(object));
    auto first = binary(1);
    if (!first) return first;
    node->children.push_back(*std::move(first));
    if (accept("..")) {
      node->kind = ExpressionKind::kRange;
      auto last = binary(1);
      if (!last) return last;
      node->children.push_back(*std::move(last));
    }
    if (!accept("]")) return expected(node->kind == ExpressionKind::kRange ? "']'" : "']' or '..'");
    return finished(std::move(node));
  }

  Parsed primary() {
    const Token& token = current();
    switch (token.kind) {
      case TokenKind::kInteger:
      case TokenKind::kFloat:
      case TokenKind::kString:
        return literal();
      case TokenKind::kName:
        return name();
      case TokenKind::kEnd:
      case TokenKind::kSymbol:
        break;
    }
    if (!accept("(")) return expected("an operand");
    auto inner = binary(1);
    if (!inner) return inner;
    if (!accept(")")) return expected("')'");
    (*inner)->begin = token.begin;
    return finished(*std::move(inner));
  }

  Parsed literal() {
    const Token& token = current();
    auto node = make(ExpressionKind::kString, token.begin, token.text);
    if (token.kind == TokenKind::kInteger) {
      node->kind = ExpressionKind::kInteger;
      node->integer = token.integer;
      node->is_unsigned = token.is_unsigned;
    } else if (token.kind == TokenKind::kFloat) {
      node->kind = ExpressionKind::kFloat;
      node->floating = token.floating;
    }
    ++at_;
    return finished(std::move(node));
  }

  Parsed name() {
    const Token& token = current();
    ++at_;
    if (token.text == "true" || token.text == "false") {
      auto node = make(ExpressionKind::kBool, token.begin);
      node->boolean = token.text == "true";
      return finished(std::move(node));
    }
    if (token.text == "nullptr" || token.text == "nil") {
      return finished(make(ExpressionKind::kNull, token.begin));
    }
    if (is("(")) return call(token);
    return finished(make(ExpressionKind::kName, token.begin, token.text));
  }

  Parsed call(const Token& name) {
    const auto function = std::find_if(kFunctions.begin(), kFunctions.end(),
                                       [&](const Function& f) { return f.name == name.text; });
    if (function == kFunctions.end()) {
      return fail(name, "no function '" + name.text + "'",
                  "there are len(x), contains(x, y) and starts_with(x, y); functions of the program cannot "
                  "be called");
    }
    accept("(");
    auto node = make(ExpressionKind::kCall, name.begin, name.text);
    while (!is(")") || !node->children.empty()) {
      auto argument = binary(1);
      if (!argument) return argument;
      node->children.push_back(*std::move(argument));
      if (is(")")) break;
      if (!accept(",")) return expected("',' or ')'");
    }
    accept(")");
    if (node->children.size() != function->arguments) {
      return fail(name, name.text + " takes " + std::to_string(function->arguments) +
                            (function->arguments == 1 ? " argument" : " arguments") + ", not " +
                            std::to_string(node->children.size()));
    }
    return finished(std::move(node));
  }

  std::string_view text_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

Result<ExpressionPtr> parse_expression(std::string_view text) {
  auto tokens = lex_expression(text);
  if (!tokens) return std::move(tokens).error();
  return Parser(text, *std::move(tokens)).run();
}

}  // namespace backsight::schema
