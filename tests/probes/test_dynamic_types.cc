// Dynamic types in plans, against what the target programs themselves report.
#include "tests/probes/planner_support.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <map>

namespace backsight::probes {
namespace {

using schema::kNoType;
using schema::Type;
using schema::TypeId;
using schema::TypeKind;

struct Truth {
  std::map<std::string, std::uint64_t> classes;  // address point, link-time
  std::map<std::string, std::uint64_t> members;  // offset in the complete object
};

Truth parse_truth(std::FILE* in) {
  Truth truth;
  char kind[16], name[64];
  unsigned long value = 0;
  while (std::fscanf(in, "%15s %63s %lx", kind, name, &value) == 3) {
    (kind == std::string("class") ? truth.classes : truth.members)[name] = value;
  }
  REQUIRE(truth.classes.size() == 17);
  return truth;
}

Truth truth_of_program(const std::string& path) {
  std::FILE* out = popen(path.c_str(), "r");
  REQUIRE(out != nullptr);
  auto truth = parse_truth(out);
  pclose(out);
  return truth;
}

Truth truth_of_library(const std::string& path) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  REQUIRE(library != nullptr);
  auto* report = reinterpret_cast<int (*)(std::FILE*)>(dlsym(library, "report"));
  std::FILE* file = std::tmpfile();
  REQUIRE(report != nullptr);
  report(file);
  std::rewind(file);
  auto truth = parse_truth(file);
  std::fclose(file);
  return truth;
}

CompiledPlan plan_one(const Binary& binary, const std::string& function) {
  ProbeConfig probe = probe_of(function);
  probe.on_return = false;
  auto result = binary.plan(probe);
  for (const auto& issue : result.issues) UNSCOPED_INFO(issue.message);
  REQUIRE(result.plans.size() == 1);
  return std::move(result.plans[0]);
}

// What its first parameter leads to.
const Type& pointee(const CompiledPlan& plan) {
  REQUIRE(!plan.plan.captures.empty());
  const Type& pointer = plan.plan.types.at(plan.plan.captures[0].type.value);
  return plan.plan.types.at(pointer.target.value);
}

std::map<std::uint64_t, const Type*> classes_of(const CompiledPlan& plan) {
  std::map<std::uint64_t, const Type*> classes;
  for (const Vtable& vtable : plan.vtables) {
    classes[vtable.address] = &plan.plan.types.at(vtable.type.value);
  }
  REQUIRE(classes.size() == plan.vtables.size());
  return classes;
}

void collect_offsets(const schema::TypeTable& types, const Type& type, std::uint64_t base,
                     std::multimap<std::string, std::uint64_t>& out) {
  for (const auto& member : type.members) {
    const Type& inner = types.at(member.type.value);
    if (member.is_base) {
      collect_offsets(types, inner, base + member.offset_bytes, out);
    } else {
      out.emplace(member.name, base + member.offset_bytes);
    }
  }
}

void check_member(const CompiledPlan& plan, const Truth& truth, const std::string& name) {
  INFO(name);
  const auto dot = name.find('.');
  const Type& type = *classes_of(plan).at(truth.classes.at(name.substr(0, dot)));
  std::multimap<std::string, std::uint64_t> offsets;
  collect_offsets(plan.plan.types, type, 0, offsets);
  const auto member = name.substr(dot + 1);
  REQUIRE(offsets.count(member) == 1);  // a virtual base is there once
  CHECK(offsets.find(member)->second == truth.members.at(name));
}

void check_shapes(const CompiledPlan& plan, const Truth& truth) {
  const Type& shape = pointee(plan);
  CHECK(shape.name == "Shape");
  CHECK(shape.is_polymorphic);
  REQUIRE(shape.dynamic != kNoType);
  const Type& link = plan.plan.types.at(shape.dynamic.value);
  CHECK(link.kind == TypeKind::kDynamicLink);
  CHECK(link.size_bytes == 16);
  CHECK(&plan.plan.types.at(link.target.value) == &shape);
  const auto classes = classes_of(plan);
  for (const char* name : {"Circle", "Square", "Cube", "Label", "Polygon<5>"}) {
    INFO(name);
    REQUIRE(classes.contains(truth.classes.at(name)));
    CHECK(classes.at(truth.classes.at(name))->name.find(std::string(name).substr(0, 4)) == 0);
  }
  // Two classes of one name, of different files: each with its own members.
  const Type& hidden = *classes.at(truth.classes.at("Hidden"));
  const Type& other = *classes.at(truth.classes.at("OtherHidden"));
  REQUIRE(hidden.members.size() == 2);
  REQUIRE(other.members.size() == 2);
  CHECK(hidden.members[1].name == "secret");
  CHECK(other.members[1].name == "other");
  const Type& painted = *classes.at(truth.classes.at("Painted"));
  CHECK(painted.name.find("Painted<") == 0);
  REQUIRE(painted.members.size() == 2);
  CHECK(painted.members[1].name == "units");
  const Type& local = *classes.at(truth.classes.at("Local"));
  CHECK(local.name == "make_local(int)::Local");
  REQUIRE(local.members.size() == 2);
  CHECK(local.members[1].name == "local");
  // Two of one name: which is which, the names of their functions do not tell.
  for (const char* twin : {"Twin1", "Twin2"}) CHECK_FALSE(classes.contains(truth.classes.at(twin)));
  // Its own table is there where the compiler keeps it: for the time of construction.
  const auto is_shape = [](const auto& entry) { return entry.second->name == "Shape"; };
  CHECK(classes.size() ==
        9 + static_cast<std::size_t>(std::count_if(classes.begin(), classes.end(), is_shape)));
  CHECK(plan.ops.end() != std::find_if(plan.ops.begin(), plan.ops.end(),
                                       [](const bs_op& op) { return op.code == BS_OP_CHASE_DYNAMIC; }));
}

void check_nodes(const CompiledPlan& plan, const Truth& truth) {
  const auto classes = classes_of(plan);
  for (const char* name : {"Node", "Left", "Right", "Diamond", "Jewel"}) {
    INFO(name);
    REQUIRE(classes.contains(truth.classes.at(name)));
    CHECK(classes.at(truth.classes.at(name))->name == name);
  }
  CHECK(classes.size() == 5);
  for (const auto& [name, offset] : truth.members) check_member(plan, truth, name);
}

void check_all(const std::string& path, const Truth& truth) {
  INFO(path);
  const auto binary = open_target(path);
  check_shapes(plan_one(*binary, "use_shape"), truth);
  check_nodes(plan_one(*binary, "use_node"), truth);
  const auto named = plan_one(*binary, "use_named");
  const auto classes = classes_of(named);
  for (const char* name : {"Named", "Label", "Jewel"}) CHECK(classes.contains(truth.classes.at(name)));
}

}  // namespace

TEST_CASE("Objects are known by the virtual tables of the classes that derive from what is declared") {
  for (const char* name :
       {"planner_dynamic", "planner_dynamic_fixed", "planner_dynamic_plain", "planner_dynamic_clang"}) {
    check_all(target(name), truth_of_program(target(name)));
  }
}

TEST_CASE("A library's classes are known as a program's are") {
  check_all(target("planner_dynamic.so"), truth_of_library(target("planner_dynamic.so")));
}

TEST_CASE("Symbols of a separate debug file will do") {
  const ScratchDirectory scratch;
  const std::string program = target("planner_dynamic");
  run("cp " + program + " " + (scratch / "p"));
  run("cd " + (scratch / "") +
      " && objcopy --only-keep-debug p p.debug && strip --strip-all p && "
      "objcopy --add-gnu-debuglink=p.debug p");
  check_all(scratch / "p", truth_of_program(program));
}

TEST_CASE("What a derived class points to is followed as deep as the limit goes") {
  const auto binary = open_target(target("planner_dynamic"));
  const auto truth = truth_of_program(target("planner_dynamic"));
  ProbeConfig probe = probe_of("use_shape");
  for (const unsigned depth : {1u, 2u}) {
    probe.limits.depth = depth;
    const auto result = binary->plan(probe);
    REQUIRE(result.plans.size() == 1);
    const auto& plan = result.plans[0];
    const Type& cube = *classes_of(plan).at(truth.classes.at("Cube"));
    REQUIRE(cube.members.size() == 2);
    const Type& inner = plan.plan.types.at(cube.members[1].type.value);
    CHECK(plan.plan.types.at(inner.target.value).name == "Shape");
  }
  probe.limits.depth = 0;
  const auto none = binary->plan(probe);
  REQUIRE(none.plans.size() == 1);
  CHECK(none.plans[0].vtables.empty());
}

TEST_CASE("A constructor's object is shown as its own class") {
  const auto binary = open_target(target("planner_dynamic_fixed"));
  const auto plan = plan_one(*binary, "Circle::Circle");
  const Type& circle = pointee(plan);
  CHECK(circle.name == "Circle");
  CHECK(circle.dynamic == kNoType);
  CHECK_FALSE(circle.is_polymorphic);
  CHECK(plan.vtables.empty());
  const auto touch = plan_one(*binary, "Circle::touch");
  CHECK(pointee(touch).dynamic != kNoType);
}

}  // namespace backsight::probes
