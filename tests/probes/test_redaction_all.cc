// For every name of a member, and every type, of programs full of types: what is
// redacted is hidden and zeroed wherever it is, and nothing that is still shown
// has a zeroed byte. Judged by walking the plan with and the plan without redaction
// side by side, which knows nothing of how the first was made.
#include "tests/probes/planner_support.h"

#include "probes/glob.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <set>

using namespace backsight;
using namespace backsight::probes;
using schema::Container;
using schema::Type;
using schema::TypeId;
using schema::TypeKind;

namespace {

using Bytes = std::vector<bool>;

struct Judge {
  const CompiledPlan& plain;
  const CompiledPlan& redacted;
  std::string pattern;  // "*.name" or "type:name"
  std::set<std::pair<std::uint32_t, std::uint32_t>> seen = {};
  std::vector<std::pair<TypeId, TypeId>> work = {};
  std::size_t found = 0;

  bool is_member(const Type& of, const schema::Member& member) const {
    return of.container == Container::kNone && !member.is_base && pattern == "*." + member.name;
  }
  bool is_type(const Type& type) const {
    const std::string name = pattern.substr(0, 5) == "type:" ? pattern.substr(5) : "";
    return !name.empty() && type.name.substr(0, 8) != "node of " &&
           (type.name == name || glob_match(name, type.name));
  }

  Bytes blanks(TypeId id) const {
    Bytes bytes(redacted.types[id.value].size);
    const bs_type& type = redacted.types[id.value];
    for (std::uint32_t pc = type.blank_pc; pc < type.blank_pc + type.blanks; ++pc) {
      const bs_op& op = redacted.ops.at(pc);
      REQUIRE(op.b + op.d <= bytes.size());
      std::fill_n(bytes.begin() + op.b, op.d, true);
    }
    return bytes;
  }

  void check_none(const Bytes& zeroed, std::uint64_t begin, std::uint64_t end, const std::string& what) {
    for (std::uint64_t at = begin; at < std::min<std::uint64_t>(end, zeroed.size()); ++at) {
      if (zeroed[at]) FAIL(pattern << ": a byte of " << what << " is shown and zeroed");
    }
  }
  void check_all(const Bytes& zeroed, std::uint64_t begin, std::uint64_t end, const std::string& what) {
    for (std::uint64_t at = begin; at < std::min<std::uint64_t>(end, zeroed.size()); ++at) {
      if (!zeroed[at]) FAIL(pattern << ": a byte of " << what << " is not zeroed");
    }
  }

  // Values of both types at `offset` of what `zeroed` is of. `bits`: of a bit-field.
  void compare(TypeId old_id, TypeId new_id, std::uint64_t offset, const Bytes& zeroed, bool is_wanted,
               const schema::Member* bits) {
    const Type &old = plain.plan.types[old_id.value], &made = redacted.plan.types[new_id.value];
    const std::uint64_t begin = offset + (bits && bits->bit_size ? bits->bit_offset / 8 : 0);
    const std::uint64_t end = bits && bits->bit_size ? offset + (bits->bit_offset + bits->bit_size + 7) / 8
                                                     : offset + old.size_bytes;
    REQUIRE(made.size_bytes == old.size_bytes);
    if (is_wanted || is_type(old)) {
      ++found;
      if (made.kind != TypeKind::kRedacted) FAIL(pattern << ": " << old.name << " is not hidden");
      const bool is_empty = old.members.empty() && old.size_bytes <= 1 && old.kind == TypeKind::kStruct;
      if (!is_empty) check_all(zeroed, begin, end, old.name);
    }
    if (made.kind == TypeKind::kRedacted) {
      if (!made.members.empty() || !made.enumerators.empty() || made.target != schema::kNoType)
        FAIL(pattern << ": " << old.name << " has content");
      return;
    }
    REQUIRE(made.kind == old.kind);
    REQUIRE(made.members.size() == old.members.size());
    if (made.target != schema::kNoType && made.kind != TypeKind::kArray)
      work.emplace_back(old.target, made.target);
    if (made.kind == TypeKind::kArray) {
      for (std::uint64_t i = 0; i < std::min<std::uint64_t>(made.count, 70); ++i) {
        const std::uint64_t size = plain.plan.types[old.target.value].size_bytes;
        compare(old.target, made.target, offset + i * size, zeroed, false, nullptr);
      }
    }
    for (std::size_t i = 0; i < made.members.size(); ++i) {
      const auto& member = old.members[i];
      compare(member.type, made.members[i].type, offset + member.offset_bytes, zeroed, is_member(old, member),
              &member);
    }
    check_own_bytes(made, offset, begin, end, zeroed);
  }

  // What a value is read of besides its members.
  void check_own_bytes(const Type& type, std::uint64_t offset, std::uint64_t begin, std::uint64_t end,
                       const Bytes& zeroed) {
    switch (type.container) {
      case Container::kNone:
        if (type.kind != TypeKind::kStruct && type.kind != TypeKind::kUnion &&
            type.kind != TypeKind::kArray && type.kind != TypeKind::kUnsupported &&
            type.kind != TypeKind::kUndefined)
          check_none(zeroed, begin, end, type.name);
        return;
      case Container::kTuple:
      case Container::kTransparent:
        return;
      case Container::kOptional:
        return check_none(zeroed, offset + type.offset_a, offset + type.offset_a + 1, type.name);
      case Container::kVariant:
        return check_none(zeroed, offset + type.offset_a, offset + type.offset_a + type.offset_b, type.name);
      case Container::kSmartPointer:
        return check_none(zeroed, offset + type.offset_a, offset + type.offset_a + 8, type.name);
      default:
        return check_none(zeroed, begin, end, type.name);
    }
  }

  void run() {
    REQUIRE(plain.plan.captures.size() == redacted.plan.captures.size());
    for (std::size_t i = 0; i < plain.plan.captures.size(); ++i) {
      const auto &old = plain.plan.captures[i], &made = redacted.plan.captures[i];
      if (made.unavailable != schema::Unavailable::kNone || old.type == schema::kNoType) continue;
      work.emplace_back(old.type, made.type);
    }
    for (const Vtable& old : plain.vtables) {
      for (const Vtable& made : redacted.vtables)
        if (made.address == old.address) work.emplace_back(old.type, made.type);
    }
    while (!work.empty()) {
      const auto [old, made] = work.back();
      work.pop_back();
      if (old == schema::kNoType || !seen.emplace(old.value, made.value).second) continue;
      compare(old, made, 0, blanks(made), false, nullptr);
    }
  }
};

CompiledPlan plan_of(const Binary& binary, const std::string& function, const std::string& pattern) {
  ProbeConfig probe = probe_of(function);
  probe.limits.depth = 4;
  if (!pattern.empty()) probe.redact = {{pattern, true}};
  auto result = binary.plan(probe);
  REQUIRE(result.plans.size() == 1);
  return std::move(result.plans[0]);
}

void check_all(const std::string& path, const std::string& function) {
  const auto binary = open_target(path);
  const CompiledPlan plain = plan_of(*binary, function, "");
  std::set<std::string> patterns;
  for (const Type& type : plain.plan.types) {
    if (!type.name.empty()) patterns.insert("type:" + type.name);
    if (type.container != Container::kNone) continue;
    for (const auto& member : type.members) {
      if (!member.name.empty() && !member.is_base && type.name.substr(0, 8) != "node of ")
        patterns.insert("*." + member.name);
    }
  }
  CHECK(patterns.size() > 15);
  std::size_t found = 0;
  for (const std::string& pattern : patterns) {
    const CompiledPlan redacted = plan_of(*binary, function, pattern);
    Judge judge{plain, redacted, pattern};
    judge.run();
    found += judge.found != 0;
  }
  CHECK(found > patterns.size() / 2);
}

}  // namespace

TEST_CASE("redaction: any member and type of a program with secrets", "[probes][redact]") {
  check_all(target("secrets"), "vault::place");
}

TEST_CASE("redaction: any member and type of programs with all kinds of types", "[probes][redact]") {
  const auto* const function = GENERATE("use", "follow");
  check_all(std::string(BACKSIGHT_PLANNER_TARGETS "/") + "planner_types", function);
}

TEST_CASE("redaction: any member and type of objects with virtual bases", "[probes][redact]") {
  check_all(target("shapes"), "shop::measure");
}
