// Our own stack, unwound as the C library does it; and stacks that are none.
#include "probes/unwinder.h"

#include "bpf/abi/event.h"
#include "probes/file_cache.h"
#include "probes/frame_expression.h"

#include <catch2/catch.hpp>

#include <execinfo.h>
#include <ucontext.h>

#include <array>
#include <cstring>
#include <fstream>
#include <map>
#include <random>
#include <sstream>

namespace backsight::probes {
namespace {

using schema::StackEnd;

std::vector<UnwindMapping> own_mappings() {
  std::vector<UnwindMapping> mappings;
  std::map<std::string, std::uint64_t> numbers;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream fields(line);
    std::string range, permissions, offset, device, inode, path;
    fields >> range >> permissions >> offset >> device >> inode >> path;
    if (path.empty() || path[0] != '/' || permissions[2] != 'x') continue;
    const auto dash = range.find('-');
    const auto number = numbers.emplace(path, numbers.size() + 1).first->second;
    mappings.push_back({std::stoull(range.substr(0, dash), nullptr, 16),
                        std::stoull(range.substr(dash + 1), nullptr, 16),
                        std::stoull(offset, nullptr, 16),
                        number,
                        {path, path, {}}});
  }
  return mappings;
}

struct Taken {
  std::vector<std::byte> copy;
  std::vector<std::uint64_t> expected;  // by the C library
};

std::vector<std::byte> copy_of(StackEnd end, const bs_stack_registers& registers, const void* stack,
                               std::size_t size) {
  std::vector<std::byte> copy(8 + sizeof registers + size);
  const auto number = static_cast<std::uint64_t>(end);
  std::memcpy(copy.data(), &number, 8);
  std::memcpy(copy.data() + 8, &registers, sizeof registers);
  if (size != 0) std::memcpy(copy.data() + 8 + sizeof registers, stack, size);
  return copy;
}

[[gnu::noinline]] Taken take_own(std::size_t bytes) {
  Taken taken;
  std::array<void*, 64> frames{};
  const int count = backtrace(frames.data(), frames.size());
  for (int i = 0; i < count; ++i) taken.expected.push_back(reinterpret_cast<std::uint64_t>(frames[i]));
  ucontext_t context;
  getcontext(&context);
  const auto* general = context.uc_mcontext.gregs;
  bs_stack_registers registers{};
  const auto set = [&](unsigned number, int reg) {
    registers.by_number[number] = static_cast<std::uint64_t>(general[reg]);
  };
  set(BS_RIP, REG_RIP);
  set(BS_RSP, REG_RSP);
  set(BS_RBP, REG_RBP);
  set(BS_RBX, REG_RBX);
  set(BS_R12, REG_R12);
  set(BS_R13, REG_R13);
  set(BS_R14, REG_R14);
  set(BS_R15, REG_R15);
  const auto rsp = registers.by_number[BS_RSP];
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the stack pointer is one
  taken.copy = copy_of(StackEnd::kByteLimit, registers, reinterpret_cast<const void*>(rsp), bytes);
  return taken;
}

[[gnu::noinline]] Taken deeper(int depth, std::size_t bytes) {
  if (depth == 0) return take_own(bytes);
  auto taken = deeper(depth - 1, bytes);
  taken.expected.reserve(taken.expected.size() + 1);  // not a tail call
  return taken;
}

Unwinder make_unwinder() {
  return Unwinder(std::make_shared<FileCache>(""));
}

}  // namespace

TEST_CASE("a stack is unwound as the C library unwinds it", "[probes][unwinder]") {
  auto unwinder = make_unwinder();
  unwinder.set_mappings(7, own_mappings());
  // What lies above main() is the beginning of the stack: not so much is there.
  const auto taken = deeper(20, 4096);
  const auto stack = unwinder.unwind(7, taken.copy);
  REQUIRE(stack.addresses.size() > 21);
  REQUIRE(taken.expected.size() >= stack.addresses.size());
  for (std::size_t i = 1; i < stack.addresses.size(); ++i) CHECK(stack.addresses[i] + 1 == taken.expected[i]);
  CHECK((stack.end == StackEnd::kByteLimit || stack.end == StackEnd::kOutermost));
}

TEST_CASE("a stack ends where its copy ends, and says so", "[probes][unwinder]") {
  auto unwinder = make_unwinder();
  unwinder.set_mappings(7, own_mappings());
  const auto none = take_own(0);
  auto stack = unwinder.unwind(7, none.copy);
  CHECK(stack.addresses.size() == 1);
  CHECK(stack.end == StackEnd::kByteLimit);
  auto cut = take_own(0);
  cut.copy[0] = std::byte{static_cast<unsigned char>(StackEnd::kNotResident)};
  CHECK(unwinder.unwind(7, cut.copy).end == StackEnd::kNotResident);
  CHECK(unwinder.unwind(8, none.copy).end == StackEnd::kUndefined);
  CHECK(unwinder.unwind(7, std::span(none.copy).first(20)).addresses.empty());
}

TEST_CASE("garbage is not a stack", "[probes][unwinder]") {
  auto unwinder = make_unwinder();
  const auto mappings = own_mappings();
  unwinder.set_mappings(7, mappings);
  std::mt19937_64 random(11);
  for (int i = 0; i < 3000; ++i) {
    const auto& code = mappings[random() % mappings.size()];
    const auto somewhere = [&] { return code.begin + random() % (code.end - code.begin); };
    bs_stack_registers registers{};
    for (auto& value : registers.by_number) value = random() % 3 == 0 ? random() : somewhere();
    registers.by_number[BS_RIP] = somewhere();
    registers.by_number[BS_RSP] =
        random() % 2 == 0 ? 0x7ffc00000000 + random() % 64 : ~std::uint64_t{0} - random() % 9000;
    registers.by_number[BS_RBP] = registers.by_number[BS_RSP] + random() % 4096;
    std::vector<std::uint64_t> words(random() % 1024);
    for (auto& word : words) {
      word = random() % 2 == 0 ? somewhere() : registers.by_number[BS_RSP] + random() % 8192;
    }
    const auto copy = copy_of(StackEnd::kBadAddress, registers, words.data(), words.size() * 8);
    const auto stack = unwinder.unwind(7, copy);
    CHECK(!stack.addresses.empty());
    CHECK(stack.addresses.size() <= schema::kMaxStackFrames);
  }
}

TEST_CASE("frame expressions: those that compilers write, and no others", "[probes][unwinder]") {
  const FrameState state{[](std::size_t number) -> std::optional<std::uint64_t> {
                           if (number == BS_RSP) return 0x1000;
                           if (number == BS_RIP) return 0x40100f;
                           return std::nullopt;
                         },
                         [](std::uint64_t address) -> std::optional<std::uint64_t> {
                           return address == 0x10a0 ? std::optional<std::uint64_t>(0x7777) : std::nullopt;
                         }};
  const auto value = [&](std::vector<std::uint8_t> code, std::optional<std::uint64_t> first = {}) {
    return evaluate_frame_expression(code, first, state);
  };
  CHECK(value({0x77, 0xa0, 0x01, 0x06}) == 0x7777);  // a signal frame: [rsp + 160]
  CHECK(value({0x77, 0xa0, 0x01}) == 0x10a0);
  // A PLT entry: rsp + 8 + (((rip & 15) >= 11) << 3)
  CHECK(value({0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22}) == 0x1010);
  CHECK(value({0x23, 0x10}, 0x20) == 0x30);
  CHECK_FALSE(value({}));
  CHECK_FALSE(value({0x77}));              // cut off
  CHECK_FALSE(value({0x73, 0}));           // a register that is not known
  CHECK_FALSE(value({0x30, 0x06}));        // memory that is not known
  CHECK_FALSE(value({0x03, 0, 0, 0, 0}));  // DW_OP_addr
  CHECK_FALSE(value({0x22}));
  CHECK_FALSE(value(std::vector<std::uint8_t>(40, 0x30)));  // too deep
}

}  // namespace backsight::probes
