// Standard types of both libraries, by both compilers, in DWARF 4 and 5: their
// shapes, and their layout against what the target program says of itself.
#include "tests/probes/planner_support.h"

#include <map>

namespace backsight::probes {

namespace {

using schema::Container;
using schema::Member;
using schema::Type;
using schema::TypeKind;

const std::vector<std::string>& binaries() {
  static const std::vector<std::string> kBinaries = {"planner_types",        "planner_types_dwarf4",
                                                     "planner_types_units",  "planner_types_units_dwarf4",
                                                     "planner_types_clang",  "planner_types_clang_dwarf4",
                                                     "planner_types_libcxx", "planner_types_libcxx_dwarf4"};
  return kBinaries;
}
bool is_libcxx(const std::string& name) {
  return name.find("libcxx") != std::string::npos;
}

// The types of the plan that captures types::All whole.
class AllTypes {
 public:
  explicit AllTypes(const std::string& binary, std::uint32_t depth = 4) {
    ProbeConfig probe = probe_of("types::use");
    probe.limits.depth = depth;
    PlanResult result = open_target(target(binary))->plan(probe);
    REQUIRE(result.plans.size() == 1);
    plan_ = std::move(result.plans[0]);
  }

  const schema::TypeTable& types() const { return plan_.plan.types; }
  const CompiledPlan& plan() const { return plan_; }
  const Type& at(schema::TypeId id) const { return types().at(id.value); }
  const Type& named(const std::string& name) const {
    for (const Type& type : types()) {
      if (type.name == name && !type.members.empty()) return type;
    }
    FAIL("no type " << name);
    std::abort();
  }
  const Type& member(const std::string& name) const { return member_of(named("types::All"), name); }
  const Type& member_of(const Type& type, const std::string& name) const {
    for (const Member& member : type.members) {
      if (member.name == name) return at(member.type);
    }
    FAIL("no member " << name);
    std::abort();
  }

 private:
  CompiledPlan plan_;
};

struct Truth {
  long a = -1;
  long b = -1;
  long value = -1;
};
std::map<std::string, Truth> truth_of(const std::string& binary) {
  std::map<std::string, Truth> result;
  FILE* pipe = popen(target(binary).c_str(), "r");
  REQUIRE(pipe != nullptr);
  char name[64];
  Truth truth;
  while (std::fscanf(pipe, "%63s %ld %ld %ld", name, &truth.a, &truth.b, &truth.value) == 4)
    result[name] = truth;
  REQUIRE(pclose(pipe) == 0);
  return result;
}

const std::map<std::string, Container>& shapes() {
  static const std::map<std::string, Container> kShapes = {
      {"text", Container::kString},
      {"wide_text", Container::kString},
      {"text16", Container::kString},
      {"text32", Container::kString},
      {"text8", Container::kString},
      {"view", Container::kString},
      {"numbers", Container::kVector},
      {"wides", Container::kVector},
      {"bits", Container::kBitVector},
      {"array", Container::kTransparent},
      {"no_array", Container::kTuple},
      {"span", Container::kCounted},
      {"fixed_span", Container::kSmartPointer},
      {"initializer", Container::kCounted},
      {"deque", Container::kDeque},
      {"wide_deque", Container::kDeque},
      {"list", Container::kList},
      {"aligned_list", Container::kList},
      {"forward_list", Container::kList},
      {"char_set", Container::kTree},
      {"set", Container::kTree},
      {"multiset", Container::kTree},
      {"map", Container::kTree},
      {"char_map", Container::kTree},
      {"multimap", Container::kTree},
      {"hash_set", Container::kList},
      {"hash_multiset", Container::kList},
      {"hash_map", Container::kList},
      {"hash_multimap", Container::kList},
      {"stack", Container::kTransparent},
      {"queue", Container::kTransparent},
      {"priority_queue", Container::kTransparent},
      {"pair", Container::kNone},
      {"no_tuple", Container::kTuple},
      {"tuple", Container::kTuple},
      {"optional", Container::kOptional},
      {"optional_text", Container::kOptional},
      {"variant", Container::kVariant},
      {"small_variant", Container::kVariant},
      {"any", Container::kAny},
      {"unique", Container::kSmartPointer},
      {"unique_array", Container::kSmartPointer},
      {"unique_deleter", Container::kSmartPointer},
      {"shared", Container::kSmartPointer},
      {"weak", Container::kWeakPointer},
      {"function", Container::kCallable},
      {"reference", Container::kTransparent},
      {"atomic", Container::kTransparent},
      {"atomic_bool", Container::kTransparent},
      {"atomic_double", Container::kTransparent},
      {"atomic_pointer", Container::kTransparent},
      {"flag", Container::kTransparent},
      {"duration", Container::kDuration},
      {"seconds", Container::kDuration},
      {"time_point", Container::kTimePoint},
      {"steady", Container::kTimePoint},
      {"complex", Container::kNone},
      {"bitset", Container::kBits},
      {"wide_bitset", Container::kBits},
      {"path", Container::kTransparent},
      {"thread_id", Container::kTransparent},
      {"mutex", Container::kMutex},
      {"error", Container::kNone},
      {"exception", Container::kTransparent},
  };
  return kShapes;
}

bool is_text_of(const std::string& name) {
  return name.find("text") == 0 || name == "wide_text";
}

}  // namespace

TEST_CASE("every standard type has its shape, in both libraries") {
  for (const std::string& binary : binaries()) {
    INFO(binary);
    const AllTypes all(binary);
    for (const auto& [name, shape] : shapes()) {
      INFO(name);
      const Type& type = all.member(name);
      if (name == "exception" && type.kind == TypeKind::kUndefined) continue;  // clang only declares it
      const bool is_flagged = is_libcxx(binary) && is_text_of(name);
      CHECK(type.container == (is_flagged ? Container::kFlaggedString : shape));
      CHECK(type.kind != TypeKind::kUnsupported);
    }
  }
}

TEST_CASE("the parts of standard types are where the program has them") {
  for (const std::string& binary : binaries()) {
    INFO(binary);
    const AllTypes all(binary);
    std::map<std::string, Truth> truths = truth_of(binary);
    CHECK(truths.size() >= 40);
    for (const auto& [name, truth] : truths) {
      INFO(name);
      const auto dot = name.find('.');
      const Type& type = all.member(name.substr(0, dot));
      if (truth.a >= 0) CHECK(type.offset_a == static_cast<std::uint64_t>(truth.a));
      if (truth.b >= 0) CHECK(type.offset_b == static_cast<std::uint64_t>(truth.b));
      if (truth.value < 0) continue;
      const bool has_nodes = type.container == Container::kList || type.container == Container::kTree;
      const Type& holder = has_nodes ? all.at(type.target) : type;
      const std::string part = dot == std::string::npos ? std::string() : name.substr(dot + 1);
      const auto found =
          std::find_if(holder.members.begin(), holder.members.end(),
                       [&](const Member& member) { return part.empty() || member.name == part; });
      REQUIRE(found != holder.members.end());
      CHECK(found->offset_bytes == static_cast<std::uint64_t>(truth.value));
      CHECK(holder.size_bytes >= found->offset_bytes + all.at(found->type).size_bytes);
    }
  }
}

TEST_CASE("what a shape cannot say by its offsets") {
  for (const std::string& binary : binaries()) {
    INFO(binary);
    const bool libcxx = is_libcxx(binary);
    const AllTypes all(binary);
    using List = std::vector<std::uint64_t>;
    CHECK(all.member("text").name == "std::string");
    CHECK(all.at(all.member("text").target).kind == TypeKind::kChar);
    CHECK(all.at(all.member("wide_text").target).size_bytes == 4);
    CHECK(all.at(all.member("text16").target).size_bytes == 2);
    if (libcxx) CHECK(all.member("text").layout == List{0, 1, 1, 0, 1, 0x7f, 1});
    if (libcxx) CHECK(all.member("text32").layout == List{0, 1, 1, 0, 1, 0x7f, 4});
    CHECK(all.member("wide_deque").layout == (libcxx ? List{0, 256} : List{1, 32}));
    CHECK(all.member("list").layout == (libcxx ? List{8, 0} : List{0, 0}));
    CHECK(all.member("forward_list").layout == List{0, schema::layout::kNoOffset});
    CHECK(all.member("hash_map").layout == List{0, schema::layout::kNoOffset});
    CHECK(all.member("map").layout == (libcxx ? List{16, 0, 8} : List{8, 16, 24}));
    CHECK(all.member("map").is_map);
    CHECK(all.member("hash_multimap").is_map);
    CHECK_FALSE(all.member("set").is_map);
    CHECK(all.member("bits").layout == (libcxx ? List{0, 0} : List{1, 24}));
    CHECK(all.member("duration").layout == List{1, 1000});
    CHECK(all.member("seconds").layout == List{1, 1});
    CHECK(all.member("time_point").layout == List{1});
    CHECK(all.member("steady").layout == List{0});
    CHECK(all.member("weak").layout == List{libcxx ? ~0ull : 0ull});
    CHECK(all.member("bitset").count == 7);
    CHECK(all.member("wide_bitset").count == 100);
    CHECK(all.member("complex").kind == TypeKind::kComplex);
    CHECK(all.member("complex").size_bytes == 16);
    CHECK(all.at(all.member("fixed_span").target).count == 3);
    CHECK(all.at(all.member("unique_array").target).kind == TypeKind::kVoid);
    CHECK(all.at(all.member("shared").target).name == "types::Wide");
    CHECK(all.member("tuple").members.size() == 5);
    const Type& variant = all.member("variant");
    REQUIRE(variant.members.size() == 3);
    CHECK(variant.members[1].name == "std::string");
    CHECK(variant.offset_b == (libcxx ? 4 : 1));
    const Type& pair = all.at(all.at(all.member("map").target).members[0].type);
    REQUIRE(pair.members.size() == 2);
    CHECK(pair.members[0].name == "first");
    CHECK(pair.members[1].name == "second");
    CHECK(pair.members[1].offset_bytes == 8);
    CHECK(all.member("mutex").offset_b == 8);
  }
}

TEST_CASE("values in nodes that have no entry are where that can be proven, or not shown") {
  struct Case {
    const char* name;
    std::uint64_t offset;  // 0: not shown
  };
  for (const char* binary : {"planner_nodes_libcxx", "planner_nodes_libcxx_dwarf4"}) {
    INFO(binary);
    const PlanResult result = open_target(target(binary))->plan(probe_of("nodes::use"));
    REQUIRE(result.plans.size() == 1);
    const auto& types = result.plans[0].plan.types;
    const auto all = std::find_if(types.begin(), types.end(), [](const Type& type) {
      return type.name == "nodes::All" && !type.members.empty();
    });
    REQUIRE(all != types.end());
    // The colour of a node ends at byte 25.
    for (const Case& one :
         {Case{"ints", 28}, Case{"longs", 32}, Case{"even", 0}, Case{"odd", 0}, Case{"padded", 28},
          Case{"tailed", 32}, Case{"aligned", 32}, Case{"map", 28}, Case{"odd_map", 0}}) {
      INFO(one.name);
      const auto member = std::find_if(all->members.begin(), all->members.end(),
                                       [&](const Member& m) { return m.name == one.name; });
      REQUIRE(member != all->members.end());
      const Type& type = types.at(member->type.value);
      CHECK(type.kind == (one.offset == 0 ? TypeKind::kUnsupported : TypeKind::kStruct));
      if (type.container != Container::kTree) continue;
      CHECK(types.at(type.target.value).members.at(0).offset_bytes == one.offset);
    }
  }
}

TEST_CASE("one element, what a pointer leads to, a bit-field: in captures") {
  const auto binary = open_target(target("planner_types"));
  const auto text = [&](const std::string& expression) {
    const PlanResult result = binary->plan(probe_of("types::use", {expression}));
    REQUIRE(result.plans.size() == 1);
    return dump_plan(result.plans[0]);
  };
  using Catch::Contains;
  const std::string element = "element of 4 bytes\n    copy #0 int, 4 bytes\n";
  CHECK_THAT(text("all.numbers[1]"), Contains(element) && !Contains(" range"));
  CHECK_THAT(text("all.numbers[all.atomic]"), Contains(element));
  CHECK_THAT(text("all.array[all.atomic]"), Contains(element));
  CHECK_THAT(text("all.span[2]"), Contains(element));
  CHECK_THAT(text("all.wides[0].b"), Contains("element of 16 bytes\n    add 8\n    copy #0 int, 4 bytes\n"));
  const std::string child = "element of 80 bytes\n    ";
  CHECK_THAT(text("all.recursive.children[0].children[all.atomic].id"),
             Contains(child + "add 8\n") && Contains(child + "add 16\n") && Contains(child + "copy #0 int"));
  CHECK_THAT(text("all.recursive.children[1].children[0..2]"),
             Contains(child + "add 8\n    load 8\n    push 2\n    copy_range"));
  CHECK_THAT(text("all.array[2]"), Contains("push rdi+272\n    copy #0 int, 4 bytes"));
  CHECK_THAT(text("all.fixed_span[1]"), Contains("load 8\n    add 4\n    copy #0 int"));
  CHECK_THAT(text("all.shared->a"), Contains("load 8\n    copy #0 long, 8 bytes"));
  CHECK_THAT(text("*all.unique"), Contains("copy #0 types::Wide, 16 bytes"));
  CHECK_THAT(text("all.reference.b"), Contains("load 8\n    add 8\n    copy #0 int"));
  CHECK_THAT(text("all.initializer[0..9]"),
             Contains("push 9\n    copy_range #0 int, 4 bytes each, bounded\n"));
  for (const char* unknown : {"*all.optional", "all.optional_text.x", "all.weak->a", "all.deque[0]",
                              "all.map.first", "all.optional.value", "all.wides[0].b[0]"}) {
    INFO(unknown);
    CHECK_THAT(text(unknown), Contains("issue:") && !Contains("copy"));
  }
  const auto follow = [&](const std::string& expression) {
    const PlanResult result = binary->plan(probe_of("types::follow", {expression}));
    REQUIRE(result.plans.size() == 1);
    return dump_plan(result.plans[0]);
  };
  const std::string followed = "element of 8 bytes\n    load 8\n    ";
  CHECK_THAT(follow("links.pointers[1]->b"), Contains(followed + "add 8\n    copy #0 int, 4 bytes"));
  CHECK_THAT(follow("links.owners[1]->b"), Contains(followed + "add 8\n    copy #0 int, 4 bytes"));
  CHECK_THAT(follow("links.span[1]->b"), Contains(followed + "add 8\n    copy #0 int, 4 bytes"));
  CHECK_THAT(follow("*links.pointers[1]"), Contains(followed + "copy #0 types::Wide, 16 bytes"));
  CHECK_THAT(follow("links.pointers[1]"), Contains("element of 8 bytes\n    copy #"));
  CHECK_THAT(follow("links.begin[1]->b"),
             Contains("load 8\n    add 8\n    load 8\n    add 8\n    copy #0 int"));
  CHECK_THAT(follow("links.raw[1]->b"),
             Contains("load 8\n    add 8\n    copy #0 int") && !Contains("element of"));
  CHECK_THAT(follow("links.list[0]->b"),
             Contains("issue:") && Contains("capture it whole") && !Contains("copy"));
  const PlanResult bits = open_target(target("planner_shop"))
                              ->plan(probe_of("Checkout::reserve(shop::Order const&, *)", {"order.flags"}));
  REQUIRE(bits.plans.size() == 1);
  const schema::Plan& plan = bits.plans[0].plan;
  const Type& storage = plan.types.at(plan.captures[0].type.value);
  CHECK(storage.container == Container::kTransparent);
  CHECK(storage.members.at(0).bit_size == 3);
}

TEST_CASE("types that hold themselves end, and tables stay small") {
  for (const std::string& binary : binaries()) {
    INFO(binary);
    const AllTypes all(binary, 8);
    CHECK(all.types().size() < 400);
    CHECK(all.named("types::Recursive").members.size() == 3);
    CHECK(AllTypes(binary, 0).types().size() < 300);
  }
}

}  // namespace backsight::probes
