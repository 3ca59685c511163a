// What plans read of values that are secret in part: tests/runtime/targets/secrets.cc.
#include "tests/probes/planner_support.h"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace backsight;
using namespace backsight::probes;

namespace {

ProbeConfig redacting(ProbeConfig probe, const std::vector<std::string>& patterns, bool of_service = false) {
  for (const std::string& text : patterns) {
    auto pattern = parse_redact(text);
    REQUIRE(pattern.has_value());
    pattern->of_service = of_service;
    probe.redact.push_back(*pattern);
  }
  return probe;
}

PlanResult plan(const ProbeConfig& probe) {
  static const auto binary = open_target(target("secrets"));
  return binary->plan(probe);
}

CompiledPlan only_plan(const ProbeConfig& probe) {
  auto result = plan(probe);
  INFO((result.issues.empty() ? "" : result.issues[0].message + " / " + result.issues[0].hint));
  REQUIRE(result.plans.size() == 1);
  return std::move(result.plans[0]);
}

// "[0,8) [12,16)" of the first type of that name.
std::string blanks(const CompiledPlan& plan, const std::string& name) {
  for (std::size_t id = 0; id < plan.plan.types.size(); ++id) {
    if (plan.plan.types[id].name != name || plan.types[id].blanks == 0) continue;
    std::string text;
    for (std::uint32_t pc = plan.types[id].blank_pc; pc < plan.types[id].blank_pc + plan.types[id].blanks;
         ++pc) {
      const bs_op& op = plan.ops.at(pc);
      text += (text.empty() ? "[" : " [") + std::to_string(op.b) + "," + std::to_string(op.b + op.d) + ")";
    }
    return text;
  }
  return "none";
}

bool has_kind(const CompiledPlan& plan, const std::string& name, schema::TypeKind kind) {
  return std::any_of(plan.plan.types.begin(), plan.plan.types.end(),
                     [&](const schema::Type& type) { return type.name == name && type.kind == kind; });
}

schema::Unavailable reason(const CompiledPlan& plan, const std::string& expression) {
  for (const auto& capture : plan.plan.captures)
    if (capture.expression == expression) return capture.unavailable;
  FAIL(expression);
  return schema::Unavailable::kNone;
}

// One explicit capture of vault::place.
schema::Unavailable refusal(const std::vector<std::string>& patterns, const std::string& expression) {
  INFO(expression);
  const auto compiled = only_plan(redacting(probe_of("vault::place", {expression}), patterns, true));
  const auto why = reason(compiled, expression);
  CHECK(compiled.issues.empty() == (why == schema::Unavailable::kNone));
  return why;
}

constexpr auto kRedacted = schema::Unavailable::kRedacted;
constexpr auto kNone = schema::Unavailable::kNone;

}  // namespace

TEST_CASE("redaction: a member of a parameter, by its path", "[probes][redact]") {
  const auto compiled = only_plan(redacting(probe_of("vault::place"), {"order.card.number"}));
  CHECK(blanks(compiled, "vault::Order") == "[4,24)");
  CHECK(blanks(compiled, "vault::Card") == "[0,20)");
  CHECK(has_kind(compiled, "char[20]", schema::TypeKind::kRedacted));
  CHECK(reason(compiled, "order") == kNone);
}

TEST_CASE("redaction: plans without patterns are what they were", "[probes][redact]") {
  const auto before = only_plan(probe_of("vault::place"));
  const auto missed = only_plan(redacting(probe_of("vault::place"), {"*.nothing_is_called_so"}, true));
  CHECK(std::all_of(before.types.begin(), before.types.end(),
                    [](const bs_type& type) { return type.blanks == 0; }));
  CHECK(blanks(missed, "vault::Order") == "[1144,1160)");  // std::any: nobody knows what it holds
}

TEST_CASE("redaction: unions and bit-fields are hidden with what they share bytes with", "[probes][redact]") {
  const auto compiled =
      only_plan(redacting(probe_of("vault::place", {"order.either", "order.flags", "order.flags.apart"}),
                          {"order.either.halves.low", "order.flags.pin"}));
  CHECK(blanks(compiled, "vault::Either") == "[0,4)");
  CHECK(has_kind(compiled, "unsigned long", schema::TypeKind::kRedacted));
  CHECK(blanks(compiled, "vault::Flags") == "[0,1)");
  CHECK(refusal({"order.either.halves.low"}, "order.either.whole") == kRedacted);
  CHECK(refusal({"order.either.halves.low"}, "order.either.halves.high") == kNone);
  CHECK(refusal({"order.flags.pin"}, "order.flags.open") == kRedacted);
  CHECK(refusal({"order.flags.pin"}, "order.flags.next") == kNone);
  // Its storage begins with the byte that is hidden.
  CHECK(refusal({"order.flags.pin"}, "order.flags.shared") == kRedacted);
}

TEST_CASE("redaction: expressions that read what is redacted are refused", "[probes][redact]") {
  const std::vector<std::string> rules = {"*.password", "*.pin", "type:vault::Secret", "order.card.number"};
  for (const char* expression :
       {"order.card.number", "order.card.number[0]", "order.items[0].pin", "order.items[0..2].pin",
        "order.base.password", "order.owner->password", "*order.pointed", "order.pointed->low",
        "order.password", "order.couple.second.password", "order.secrets[0]", "order.secrets[0].low",
        "order.plain[1].pin", "order.nodes->next->next->pin", "order.nodes->next->pin",
        "order.fixed[0].password", "order.fixed[0..2].password"})
    CHECK(refusal(rules, expression) == kRedacted);
  for (const char* expression :
       {"order.card.holder", "order.items[0].sku", "order.items[0..2].quantity", "order.items[0..2].sku",
        "order.base.base_id", "order.owner->id", "order.nodes->next->value", "order.card", "order"})
    CHECK(refusal(rules, expression) == kNone);
}

TEST_CASE("redaction: no other view of the same bytes", "[probes][redact]") {
  const std::vector<std::string> rules = {"*.password", "*.pin"};
  for (const char* expression :
       {"((char*)order.base)[0..64]", "(vault::Card*)order.base", "(void*)order.nodes",
        "(unsigned long)order.nodes", "*(vault::Secret*)order.base", "(vault::Node*)order.base"})
    CHECK(refusal(rules, expression) == kRedacted);
  CHECK(refusal(rules, "(vault::Derived*)order.base") == kNone);
  CHECK(refusal(rules, "((vault::Derived*)order.base)->own") == kNone);
  CHECK(refusal(rules, "((vault::Derived*)order.base)->pin") == kRedacted);
  CHECK(refusal({"order.card.number"}, "(char*)order.base") == kNone);
}

TEST_CASE("redaction: parameters, members of this and results", "[probes][redact]") {
  const auto login = only_plan(redacting(probe_of("vault::login"), {"*.password", "pin"}, true));
  CHECK(reason(login, "user") == kNone);
  CHECK(reason(login, "password") == kRedacted);
  CHECK(reason(login, "pin") == kRedacted);
  CHECK(std::none_of(login.ops.begin(), login.ops.end(), [](const bs_op& op) {
    return op.code == BS_OP_PUSH_REG && (op.a == BS_RSI || op.a == BS_RDX);
  }));
  const auto check =
      only_plan(redacting(probe_of("vault::Safe::check", {"this", "pin_", "doors_", "this->password_"}),
                          {"this.pin_", "password_"}));
  CHECK(reason(check, "pin_") == kRedacted);
  CHECK(reason(check, "doors_") == kNone);
  CHECK(blanks(check, "vault::Safe") == "[0,8)");  // "password_" is no member of this by that path
  const auto open = only_plan(redacting(probe_of("vault::open_account"), {"ret.password"}));
  CHECK(blanks(open, "vault::Account") == "[8,40)");
  const auto small = only_plan(redacting(probe_of("vault::swap_in_registers"), {"small.pin", "ret.shown"}));
  CHECK(small.plan.captures.size() == 2);
}

TEST_CASE("redaction: classes that objects turn out to be of", "[probes][redact]") {
  const auto compiled = only_plan(redacting(probe_of("vault::inspect"), {"person.pin"}));
  CHECK(blanks(compiled, "vault::Agent") == "[24,32)");
  REQUIRE_FALSE(compiled.vtables.empty());
  for (const Vtable& vtable : compiled.vtables)
    CHECK(compiled.plan.types.at(vtable.type.value).members.size() != 0);
  const auto hidden = only_plan(redacting(probe_of("vault::inspect"), {"type:vault::Agent"}));
  CHECK(has_kind(hidden, "vault::Agent", schema::TypeKind::kRedacted));
  CHECK(blanks(hidden, "vault::Agent") == "[0,40)");
}

TEST_CASE("redaction: a slip in a probe's own path refuses the probe", "[probes][redact]") {
  const auto why = [](const std::string& function, const std::string& path) {
    const auto result = plan(redacting(probe_of(function), {path}));
    CHECK(result.plans.empty());
    REQUIRE(result.issues.size() == 1);
    return result.issues[0].message + " " + result.issues[0].hint;
  };
  CHECK(why("vault::place", "order.crad.number").find("card") != std::string::npos);
  CHECK(why("vault::place", "order.card.numbr").find("number") != std::string::npos);
  CHECK(why("vault::place", "oder.card.number").find("order") != std::string::npos);
  for (const char* path :
       {"order.items.pin", "order.accounts.password", "order.owner.password", "order.base.own",
        "order.maybe.old_password", "order.choice.note", "order.nodes.next.next.pin", "order.both.low",
        "order.couple.second.note", "order.queue.sku"}) {
    INFO(path);
    const auto result = plan(redacting(probe_of("vault::place"), {path}));
    // Base has no virtual functions: what it is at run time nobody knows.
    CHECK(result.plans.size() == (path == std::string("order.base.own") ? 0 : 1));
  }
  CHECK(plan(redacting(probe_of("vault::place"), {"order.crad.number"}, true)).plans.size() == 1);
  CHECK(plan(redacting(probe_of("vault::*"), {"order.card.number"})).plans.size() > 3);
}

TEST_CASE("redaction: names of types, of typedefs, of what a lambda has caught", "[probes][redact]") {
  const auto hidden = [](const std::string& pattern, const std::string& expression) {
    const auto compiled = only_plan(redacting(probe_of("vault::odd", {expression}), {pattern}, true));
    return reason(compiled, expression) == kRedacted;
  };
  CHECK(hidden("type:std::string", "value.phrase"));
  CHECK(hidden("type:vault::Passphrase", "value.phrase"));
  CHECK(hidden("type:vault::C?ll", "value.few[0]"));
  CHECK_FALSE(hidden("type:vault::Passphrases", "value.phrase"));
  CHECK(hidden("value.pin", "value.halves"));
  CHECK(hidden("value.pin", "value.halves[1]"));
  const auto result = plan(redacting(probe_of("vault::call*"), {"*.pin"}, true));
  int seen = 0;
  for (const auto& compiled : result.plans) {
    for (const auto& type : compiled.plan.types) {
      for (const auto& member : type.members) {
        if (member.name != "__pin") continue;
        ++seen;
        CHECK(compiled.plan.types[member.type.value].kind == schema::TypeKind::kRedacted);
      }
    }
  }
  CHECK(seen > 0);
}

TEST_CASE("redaction: arrays of what has secrets, few and many", "[probes][redact]") {
  const auto compiled = only_plan(redacting(probe_of("vault::odd"), {"*.pin"}, true));
  CHECK(has_kind(compiled, "vault::Cell[3]", schema::TypeKind::kArray));
  // More ranges than can be zeroed in time: nothing of it is read.
  CHECK(has_kind(compiled, "vault::Cell[100]", schema::TypeKind::kRedacted));
  CHECK(blanks(compiled, "vault::Odd") == "[0,8) [48,56) [64,72) [80,1688)");
}
