// Which places of a line are needed, on code made by hand: each letter of `code` is an
// instruction.
#include "probes/line_flow.h"

#include <catch2/catch.hpp>

#include <map>
#include <string>
#include <vector>

namespace backsight::probes {
namespace {

constexpr std::uint64_t kBase = 0x1000;

// '.' goes on, 'c' calls, 'r' returns; 'j' and 'b' jump and branch to what `targets` says.
FunctionCode make_code(const std::string& code, const std::map<std::size_t, std::size_t>& targets) {
  FunctionCode result;
  result.ranges = {{kBase, kBase + code.size()}};
  for (std::size_t i = 0; i < code.size(); ++i) {
    Instruction instruction;
    instruction.address = kBase + i;
    instruction.length = 1;
    if (code[i] == 'c') instruction.kind = InstructionKind::kCall;
    if (code[i] == 'r') instruction.kind = InstructionKind::kReturn;
    if (code[i] == 'j') instruction.kind = InstructionKind::kJump;
    if (code[i] == 'b') instruction.kind = InstructionKind::kConditionalJump;
    if (targets.contains(i)) instruction.target = kBase + targets.at(i);
    result.instructions.push_back(instruction);
  }
  return result;
}

// A digit is a place, 'o' where another line is executed, ' ' what belongs to what was before;
// several marks of one instruction stand in brackets.
LineCode make_line(const std::string& marks) {
  LineCode line;
  std::uint64_t address = kBase;
  bool inside = false;
  for (const char mark : marks) {
    if (mark == '[' || mark == ']') inside = mark == '[';
    if (mark == 'o') line.marks.push_back({address, {}});
    if (mark >= '0' && mark <= '9') {
      line.marks.push_back({address, static_cast<std::size_t>(mark - '0')});
      ++line.places;
    }
    if (!inside && mark != '[') ++address;
  }
  return line;
}

using Needed = std::vector<bool>;

Needed needed(const FunctionCode& code, const LineCode& line) {
  const FlowGraph graph(code);
  Needed result;
  for (const PlaceUse& use : choose_places(graph, line)) result.push_back(use.is_needed);
  return result;
}

Needed needed_statements(const FunctionCode& code, LineCode line) {
  line.marks_statements = true;
  return needed(code, line);
}

}  // namespace

TEST_CASE("the init of a loop and its step are arrivals, its condition is part of them") {
  //                              init, jmp cond, body, step, cond, branch to the body
  const FunctionCode code = make_code("..j.c..br", {{2, 6}, {7, 3}});
  CHECK(needed(code, make_line("o0 oo1  o")) == Needed{true, true});
  CHECK(needed(code, make_line("o0 oo12 o")) == Needed{true, true, false});
}

TEST_CASE("a lone jump to the condition is no execution of the line") {
  const FunctionCode code = make_code(".j..br", {{1, 3}, {4, 2}});
  CHECK(needed(code, make_line("o0o1 o")) == Needed{false, true});
  // Nor is one that stands behind what the line does.
  CHECK(needed(make_code("b..jr", {{0, 3}, {3, 4}}), make_line("o0o1o")) == Needed{true, false});
  // It is where the line has nothing else.
  CHECK(needed(code, make_line("o0oo o")) == Needed{true});
}

TEST_CASE("what always follows the line's beginning is a piece of it, unless it is a copy") {
  const FunctionCode code = make_code(".....r", {});
  LineCode line = make_line("o0o1oo");
  CHECK(needed(code, line) == Needed{true, false});
  line.origins = {{{1, false}, {2, false}}, {{3, false}}};
  CHECK(needed(code, line) == Needed{true, false});
  line.origins = {{{1, false}, {2, false}}, {{1, false}, {2, false}}};
  CHECK(needed(code, line) == Needed{true, true});
  // One operation of many may be done twice, a call may not.
  line.origins = {{{1, false}, {2, false}, {3, false}}, {{1, false}}};
  CHECK(needed(code, line) == Needed{true, false});
  line.origins = {{{1, true}, {2, false}, {3, false}}, {{1, true}}};
  CHECK(needed(code, line) == Needed{true, true});
}

TEST_CASE("a piece that some path reaches by itself is an arrival") {
  //                              branch around the beginning
  const FunctionCode code = make_code(".b...r", {{1, 3}});
  CHECK(needed(code, make_line("oo0o1o")) == Needed{true, true});
  // So is one that a loop comes back to.
  const FunctionCode loop = make_code("....br", {{4, 2}});
  CHECK(needed(loop, make_line("o0o1oo")) == Needed{true, true});
}

TEST_CASE("pieces that lie apart count together when a copy is looked for") {
  const FunctionCode code = make_code("..........r", {});
  LineCode line = make_line("o0o1o2o3o o");
  const Origin a{1, false};
  const Origin b{2, false};
  line.origins = {{a}, {b}, {a}, {b}};
  CHECK(needed(code, line) == Needed{true, false, false, true});
}

TEST_CASE("where beginnings of statements are marked, each that is arrived at counts") {
  const FunctionCode code = make_code(".....r", {});
  CHECK(needed_statements(code, make_line("o0o1oo")) == Needed{true, true});
  CHECK(needed_statements(code, make_line("o0 1oo")) == Needed{true, false});
}

TEST_CASE("a loop whose end leads back to the line's beginning is seen there") {
  //                              0 stands before the body, at the head; 1 is the step
  const FunctionCode code = make_code("....br", {{4, 1}});
  CHECK(needed_statements(code, make_line("o[0o] 1 o")) == Needed{true, false});
}

TEST_CASE("of two that one execution passes, the one in the loop stays") {
  //                              0: guard, jumps past the body of the first turn to the step 1
  const FunctionCode code = make_code(".bj...br", {{1, 5}, {2, 7}, {6, 4}});
  CHECK(needed_statements(code, make_line("o0  o1 o")) == Needed{false, true});
}

TEST_CASE("a loop within the line is told") {
  const FunctionCode code = make_code("...br", {{3, 1}});
  const LineCode line = make_line("o0  o");
  const FlowGraph graph(code);
  const auto uses = choose_places(graph, line);
  REQUIRE(uses.size() == 1);
  CHECK(uses[0].is_needed);
  CHECK(uses[0].is_repeated);
  const FunctionCode left = make_code("...br", {{3, 2}});
  CHECK_FALSE(choose_places(FlowGraph(left), line)[0].is_repeated);
}

TEST_CASE("destructors that an exception runs are not the line again, a handler is") {
  //                              nothing leads to what stands behind the first return
  const FunctionCode code = make_code("..c.rcr", {});
  CHECK(needed(code, make_line("o0 oo1o")) == Needed{true, false});
  const FunctionCode handler = make_code("..c.rcj", {{6, 3}});
  CHECK(needed(handler, make_line("o0 oo1o")) == Needed{true, true});
  CHECK(needed(code, make_line("oo ooo0")) == Needed{true});
}

TEST_CASE("jump tables lead to all of their targets, and what is not in the code is not judged") {
  FunctionCode code = make_code(".j.r.r", {});
  code.instructions[1].kind = InstructionKind::kIndirectJump;
  code.instructions[1].is_table_jump = true;
  code.table_targets = {kBase + 2, kBase + 4};
  CHECK(needed(code, make_line("o 0o1o")) == Needed{true, true});
  LineCode line = make_line("o 0o1o");
  line.marks[1].address += 100;
  CHECK(needed(code, line) == Needed{true, true});
  CHECK(needed(make_code("", {}), make_line("0")) == Needed{true});
}

}  // namespace backsight::probes
