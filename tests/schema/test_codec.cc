// Facts survive their encoding, and damaged bytes are refused or read as
// something else that is valid: never a crash, never a broken reference.
#include "schema/codec.h"

#include "tests/support/result.h"

#include <catch2/catch.hpp>

#include <functional>
#include <random>

namespace backsight::schema {
namespace {

Plan plan() {
  Plan out;
  out.probe = "shop::Checkout::*";
  out.function = "shop::Checkout::reserve";
  out.signature = "shop::Checkout::reserve(shop::Order const&, int)";
  out.source = {"/src/checkout.cc", 120};
  out.module_path = "/opt/checkout";
  out.build_id = "00ff";
  out.address = 0x401000;
  out.site = 0x401004;
  out.site_class = SiteClass::kEmulated;
  out.site_reason = "push rbp";
  out.return_via = ReturnVia::kRetSites;
  out.return_reason = "2 returns";
  out.on_return = false;
  out.inlined = true;
  out.limits = {1, 2, 3, 4};

  Type order;
  order.kind = TypeKind::kStruct;
  order.name = "shop::Order";
  order.size_bytes = 48;
  order.members = {{"Base", {3}, 0, 0, 0, true}, {"id", {1}, 8, 0, 0, false}, {"flag", {1}, 16, 3, 5, false}};
  Type integer;
  integer.kind = TypeKind::kInteger;
  integer.name = "int";
  integer.size_bytes = 4;
  integer.is_signed = true;
  Type state;
  state.kind = TypeKind::kEnum;
  state.enumerators = {{"kNew", 0}, {"kOld", -5}};
  Type vector;
  vector.kind = TypeKind::kStruct;
  vector.container = Container::kVector;
  vector.target = {0};  // of Order: through a pointer, so no containment
  vector.offset_b = 8;
  Type array;
  array.kind = TypeKind::kArray;
  array.target = {2};
  array.count = 7;
  out.types = {order, integer, state, vector, array};

  Capture capture;
  capture.name = "skus";
  capture.expression = "order.items[0..8].sku";
  capture.path = {"order", "id"};
  capture.type = {0};
  capture.is_range = true;
  capture.projection = {"sku"};
  Capture missing;
  missing.name = "ret";
  missing.at_return = true;
  missing.unavailable = Unavailable::kOptimizedOut;
  out.captures = {capture, missing};
  return out;
}

Process process() {
  return {{77}, 41, 1, "/opt/checkout", {"checkout", "--port", ""}, "00ff", "h1", "boot", {5}, BootTime{9}};
}
Thread thread() {
  return {{77}, 43, "worker-2", {-3}};
}
CodeSymbol symbol() {
  return {{77}, 0x7f00'0000'1234, {-5}, "shop::on_sale(int)"};
}
Stack stack() {
  return {{77}, StackEnd::kByteLimit, {0x401000, 0x7f00'0000'1234}};
}
Gap gap() {
  return {{1}, {2}, LossReason::kThrottled, 312, "p", 0u};
}
ProbeStatus status() {
  return {"p", "f", "/m", ProbeState::kFailed, "why", {8}, 1, 2, 9, {0, 5, 0}, 600, 77, 1ull << 63, {12}, 3};
}
Moment moment() {
  return {MomentKind::kMark, "deploy", {1'000}, "text", "checkout", "{}", WallTime{2'000}};
}
Pin pin() {
  return {"deploy", {-1}, {1}};
}
ClockSample clock() {
  return {{1}, {2}};
}

// One fact of each kind: its bytes, and whether given bytes decode.
struct Case {
  const char* name;
  std::vector<std::byte> bytes;
  std::function<Result<void>(std::span<const std::byte>)> decode;
};

template <class T>
std::function<Result<void>(std::span<const std::byte>)> decoder(
    Result<T> (*decode)(std::span<const std::byte>)) {
  return [decode](std::span<const std::byte> bytes) -> Result<void> {
    auto value = decode(bytes);
    if (!value) return std::move(value).error();
    return {};
  };
}

std::vector<Case> cases() {
  return {{"plan", encode(plan()), decoder(decode_plan)},
          {"process", encode(process()), decoder(decode_process)},
          {"thread", encode(thread()), decoder(decode_thread)},
          {"code symbol", encode(symbol()), decoder(decode_code_symbol)},
          {"stack", encode(stack()), decoder(decode_stack)},
          {"gap", encode(gap()), decoder(decode_gap)},
          {"probe status", encode(status()), decoder(decode_probe_status)},
          {"moment", encode(moment()), decoder(decode_moment)},
          {"pin", encode(pin()), decoder(decode_pin)},
          {"clock sample", encode(clock()), decoder(decode_clock_sample)}};
}

TEST_CASE("facts read back as they were written") {
  CHECK(decode_plan(encode(plan())).value() == plan());
  CHECK(decode_process(encode(process())).value() == process());
  CHECK(decode_thread(encode(thread())).value() == thread());
  CHECK(decode_code_symbol(encode(symbol())).value() == symbol());
  CHECK(decode_stack(encode(stack())).value() == stack());
  CHECK(decode_gap(encode(gap())).value() == gap());
  CHECK(decode_probe_status(encode(status())).value() == status());
  CHECK(decode_moment(encode(moment())).value() == moment());
  CHECK(decode_pin(encode(pin())).value() == pin());
  CHECK(decode_clock_sample(encode(clock())).value() == clock());
}

TEST_CASE("facts with nothing in them read back too") {
  CHECK(decode_plan(encode(Plan{})).value() == Plan{});
  CHECK(decode_process(encode(Process{})).value() == Process{});
  CHECK(decode_thread(encode(Thread{})).value() == Thread{});
  CHECK(decode_code_symbol(encode(CodeSymbol{})).value() == CodeSymbol{});
  CHECK(decode_stack(encode(Stack{})).value() == Stack{});
  CHECK(decode_gap(encode(Gap{})).value() == Gap{});
  CHECK(decode_probe_status(encode(ProbeStatus{})).value() == ProbeStatus{});
  CHECK(decode_moment(encode(Moment{})).value() == Moment{});
  CHECK(decode_pin(encode(Pin{})).value() == Pin{});
  CHECK(decode_clock_sample(encode(ClockSample{})).value() == ClockSample{});
}

TEST_CASE("a stack of too many frames, or with an unknown end, is refused") {
  Stack deep;
  deep.addresses.assign(kMaxStackFrames, 1);
  CHECK(decode_stack(encode(deep)).has_value());
  deep.addresses.push_back(1);
  CHECK_FALSE(decode_stack(encode(deep)).has_value());
  Stack odd;
  odd.end = static_cast<StackEnd>(static_cast<int>(StackEnd::kLast) + 1);
  CHECK_FALSE(decode_stack(encode(odd)).has_value());
  Stack other = stack();
  other.end = StackEnd::kOutermost;
  CHECK(stack_id(encode(other)) != stack_id(encode(stack())));
}

TEST_CASE("bytes that are no UTF-8, and embedded NULs, are kept") {
  Thread odd = thread();
  odd.name = std::string("\xff\0\xc3x", 4);
  CHECK(decode_thread(encode(odd)).value() == odd);
}

TEST_CASE("bytes need not be aligned") {
  const auto aligned = encode(plan());
  for (std::size_t shift = 0; shift < 8; ++shift) {
    std::vector<std::byte> shifted(shift);
    shifted.insert(shifted.end(), aligned.begin(), aligned.end());
    CHECK(decode_plan(std::span<const std::byte>(shifted).subspan(shift)).value() == plan());
  }
}

TEST_CASE("every truncated message is refused") {
  for (const Case& one : cases()) {
    for (std::size_t size = 0; size < one.bytes.size(); ++size) {
      INFO(one.name << ", " << size << " of " << one.bytes.size());
      const auto result = one.decode(std::span<const std::byte>(one.bytes).first(size));
      REQUIRE_FALSE(result);
      CHECK(result.error().code == ErrorCode::kCorrupt);
    }
  }
}

TEST_CASE("flipped bits never crash") {
  std::mt19937 random(11);
  for (const Case& one : cases()) {
    for (std::size_t bit = 0; bit < one.bytes.size() * 8; ++bit) {
      auto damaged = one.bytes;
      damaged[bit / 8] ^= std::byte(1u << bit % 8);
      (void)one.decode(damaged);
    }
    for (int i = 0; i < 3'000; ++i) {
      auto damaged = one.bytes;
      for (unsigned flips = 2 + random() % 6; flips > 0; --flips) {
        damaged[random() % damaged.size()] ^= std::byte(1u << random() % 8);
      }
      (void)one.decode(damaged);
    }
  }
}

TEST_CASE("random bytes never crash") {
  std::mt19937 random(12);
  for (int i = 0; i < 3'000; ++i) {
    std::vector<std::byte> bytes(8 * (random() % 40));
    for (std::byte& byte : bytes) byte = random() % 3 == 0 ? std::byte(random()) : std::byte{0};
    for (const auto& decode : {decoder(decode_plan), decoder(decode_process), decoder(decode_moment)}) {
      (void)decode(bytes);
    }
  }
}

void check_refused(const Plan& bad, const std::string& why) {
  const auto decoded = decode_plan(encode(bad));
  REQUIRE_FALSE(decoded);
  CHECK(decoded.error().code == ErrorCode::kCorrupt);
  CHECK(decoded.error().message.find(why) != std::string::npos);
}

TEST_CASE("a capture without a type keeps its name and its reason") {
  Plan with_refused = plan();
  with_refused.captures[0].type = kNoType;
  with_refused.captures[0].unavailable = Unavailable::kUnsupportedType;
  const auto decoded = decode_plan(encode(with_refused));
  REQUIRE(decoded);
  CHECK(*decoded == with_refused);
}

TEST_CASE("a plan whose parts contradict each other is refused") {
  Plan bad = plan();
  SECTION("capture of a type that is not there") {
    bad.captures[0].type = {5};
    check_refused(bad, "capture of type 5");
  }
  SECTION("target that is not there") {
    bad.types[3].target = {99};
    check_refused(bad, "target type 99");
  }
  SECTION("member of a type that is not there") {
    bad.types[0].members[0].type = kNoType;
    check_refused(bad, "member of type");
  }
  SECTION("bit-field wider than any integer") {
    bad.types[0].members[2].bit_size = 65;
    check_refused(bad, "bit-field");
  }
  SECTION("unknown kinds") {
    bad.types[0].kind = static_cast<TypeKind>(200);
    check_refused(bad, "type kind 200");
  }
  SECTION("unknown container") {
    bad.types[0].container = static_cast<Container>(200);
    check_refused(bad, "container 200");
  }
  SECTION("unknown site class") {
    bad.site_class = static_cast<SiteClass>(200);
    check_refused(bad, "site class 200");
  }
  SECTION("unknown reason") {
    bad.captures[0].unavailable = static_cast<Unavailable>(200);
    check_refused(bad, "reason 200");
  }
  SECTION("a type that contains itself") {
    bad.types[0].members[1].type = {0};
    check_refused(bad, "contains itself");
  }
  SECTION("types that contain each other through an array") {
    bad.types[4].target = {0};
    bad.types[0].members[1].type = {4};
    check_refused(bad, "contains itself");
  }
}

TEST_CASE("a list of pointers to itself is no containment") {
  Plan list = plan();
  Type pointer;
  pointer.kind = TypeKind::kPointer;
  pointer.size_bytes = 8;
  pointer.target = {0};
  list.types.push_back(pointer);
  list.types[0].members.push_back({"next", {5}, 40, 0, 0, false});
  CHECK(decode_plan(encode(list)).value() == list);
}

TEST_CASE("values nested too deeply are refused, long tables are not") {
  Plan deep;
  deep.types.resize(3'000);
  for (std::uint32_t i = 0; i + 1 < deep.types.size(); ++i) {
    deep.types[i].kind = TypeKind::kStruct;
    deep.types[i].members = {{"m", {i + 1}, 0, 0, 0, false}};
  }
  check_refused(deep, "too deeply");
  Plan wide;
  wide.types.resize(65'535);
  CHECK(decode_plan(encode(wide)).has_value());
  wide.types.emplace_back();
  check_refused(wide, "65536 types");
}

TEST_CASE("unknown values of other facts are refused") {
  Gap bad_gap = gap();
  bad_gap.reason = static_cast<LossReason>(kLossReasonCount);
  CHECK_FALSE(decode_gap(encode(bad_gap)));
  ProbeStatus bad_status = status();
  bad_status.state = static_cast<ProbeState>(4);
  CHECK_FALSE(decode_probe_status(encode(bad_status)));
  bad_status = status();
  bad_status.lost.resize(257);
  CHECK_FALSE(decode_probe_status(encode(bad_status)));
  Moment bad_moment = moment();
  bad_moment.kind = static_cast<MomentKind>(2);
  CHECK_FALSE(decode_moment(encode(bad_moment)));
}

TEST_CASE("a plan's id is its content") {
  const PlanId id = plan_id(plan());
  CHECK(id == plan_id(plan()));
  CHECK(id == plan_id(encode(plan())));
  CHECK(id == plan_id(decode_plan(encode(plan())).value()));
  CHECK(id.value != 0);
  CHECK(plan_id(Plan{}).value != 0);
  Plan other = plan();
  other.types[0].members[1].offset_bytes = 12;
  CHECK(plan_id(other) != id);
  other = plan();
  other.captures[0].projection = {"name"};
  CHECK(plan_id(other) != id);
}

TEST_CASE("ids are the same in every build") {
  // Stored recordings are named by these: a change here is a change of format.
  CHECK(plan_id(plan()).value == 0x38ebb06b2034ad50);
  CHECK(process_id("boot", 41, 5).value == 0x8746faf578624e9e);
}

TEST_CASE("a process's id is its boot, pid and start") {
  const ProcessId id = process_id("boot", 41, 5);
  CHECK(id == process_id("boot", 41, 5));
  CHECK(id != process_id("boot2", 41, 5));
  CHECK(id != process_id("boot", 42, 5));
  CHECK(id != process_id("boot", 41, 6));
  CHECK(process_id("", 0, 0).value != 0);
}

}  // namespace
}  // namespace backsight::schema
