#include "probes/redact_rules.h"

#include <catch2/catch.hpp>

using namespace backsight::probes;

namespace {

RedactPattern pattern(const std::string& text) {
  auto parsed = parse_redact(text);
  INFO(text);
  REQUIRE(parsed.has_value());
  return *parsed;
}

bool hides(const std::vector<std::string>& patterns, const std::string& path) {
  std::vector<RedactPattern> parsed;
  for (const std::string& text : patterns) parsed.push_back(pattern(text));
  RedactRules rules(parsed);
  RedactRules::Context at = RedactRules::kNowhere;
  bool is_first = true;
  for (const std::string& step : redact_steps({path})) {
    at = is_first ? rules.root(step) : rules.member(at, step);
    is_first = false;
  }
  return at == RedactRules::kHidden;
}

}  // namespace

TEST_CASE("redact: an exact path and what lies below it", "[probes][redact]") {
  const std::vector<std::string> rules = {"order.card.number"};
  CHECK(hides(rules, "order.card.number"));
  CHECK(hides(rules, "order.card.number.digits"));
  CHECK_FALSE(hides(rules, "order.card"));
  CHECK_FALSE(hides(rules, "order.card.numbers"));
  CHECK_FALSE(hides(rules, "order.card.num"));
  CHECK_FALSE(hides(rules, "card.number"));
  CHECK_FALSE(hides(rules, "other.order.card.number"));
  CHECK(hides({"order->card -> number"}, "order.card.number"));
  CHECK(hides({"order.items[*].secret"}, "order.items.secret"));
  CHECK(hides({"order.items[0..8].secret"}, "order.items.secret"));
}

TEST_CASE("redact: globs match over the whole path", "[probes][redact]") {
  for (const char* path : {"a.password", "a.b.c.password", "password", "password.size"}) {
    INFO(path);
    CHECK(hides({"*.password"}, path));
  }
  CHECK_FALSE(hides({"*.password"}, "a.passwords"));
  CHECK_FALSE(hides({"*.password"}, "a.old_password"));
  CHECK(hides({"*password"}, "a.old_password"));
  CHECK(hides({"*.card*"}, "order.card_number"));
  CHECK(hides({"order.*.pin"}, "order.a.b.pin"));
  CHECK_FALSE(hides({"order.*.pin"}, "order.pin"));
  CHECK_FALSE(hides({"order.*.pin"}, "other.a.pin"));
  CHECK(hides({"order.ke?"}, "order.key"));
  CHECK_FALSE(hides({"order.ke?"}, "order.ke"));
  CHECK(hides({"*"}, "anything"));
  CHECK(hides({"x", "*.a.*.b"}, "q.a.z.b"));
}

TEST_CASE("redact: types by name and glob", "[probes][redact]") {
  const RedactRules rules(
      {pattern("type:shop::Secret"), pattern("type:*Password*"), pattern("type:char[16]")});
  CHECK(rules.hides_type("shop::Secret"));
  CHECK(rules.hides_type("std::vector<Password>"));
  CHECK(rules.hides_type("char[16]"));
  CHECK_FALSE(rules.hides_type("shop::Secrets"));
  CHECK(rules.is_wide());
  CHECK_FALSE(RedactRules({pattern("a.b")}).is_wide());
}

TEST_CASE("redact: what a rule cannot be", "[probes][redact]") {
  for (const char* text :
       {"order.", ".a", "a..b", "a[1", "a]b", "type:", "type: ", "a,b", "(a).b", "*p->x!", "[]", ""}) {
    INFO(text);
    CHECK_FALSE(parse_redact(text).has_value());
  }
  const auto error = parse_redact("order.card+1").error();
  CHECK(error.message.find("'+'") != std::string::npos);
  CHECK(error.hint.find("type:shop::Secret") != std::string::npos);
}

TEST_CASE("redact: contexts are few, however deep a path is", "[probes][redact]") {
  RedactRules rules({pattern("*.password"), pattern("order.next.next.pin")});
  auto at = rules.root("order");
  for (int i = 0; i < 4; ++i) at = rules.member(at, "next");
  const auto deep = at;
  for (int i = 0; i < 1000; ++i) at = rules.member(at, "next");
  CHECK(at == deep);
  CHECK(rules.member(at, "password") == RedactRules::kHidden);
  CHECK(rules.join(at, RedactRules::kHidden) == RedactRules::kHidden);
  CHECK(rules.join(at, RedactRules::kNowhere) == at);
}
