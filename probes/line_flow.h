// Which of the places where code of a source line begins are to be probed, so that
// each execution of the line is seen once.
//
// A line is executed when control arrives at it from another line, and until it goes
// on to another one; what it calls, inlined or not, is part of it. The parts of one
// line (the init, condition and step of a `for`; several statements) and the pieces
// into which the compiler cuts one statement are told from arrivals by following the
// control flow of the function. Pure: knows code and marks, no debug information.
#pragma once

#include "probes/flow_graph.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace backsight::probes {

// What the line table says at an instruction. An instruction without a mark belongs
// to what was executed before it.
struct LineMark {
  std::uint64_t address = 0;
  std::optional<std::size_t> place;  // none: another line is executed from here on
};

// An operation of the source, by what can be known of it. Only copies of code call twice.
struct Origin {
  std::uint64_t hash = 0;
  bool is_call = false;
  bool operator==(const Origin&) const = default;
};

struct LineCode {
  std::vector<LineMark> marks;  // by address; those of one address as they follow one another
  // Of each place: which operations of the source its code was made from. Places that
  // share most of them are copies of the same code, each an execution; empty: there are
  // no copies.
  std::vector<std::vector<Origin>> origins;
  std::size_t places = 0;
  // Only beginnings of statements are marked. Else every change of the line is, and a
  // statement may be in pieces.
  bool marks_statements = false;
};

struct PlaceUse {
  bool is_needed = true;
  bool is_repeated = false;  // a loop within the line comes by again
};

// Of each place of a line. `graph` is of a function without unclear jumps.
std::vector<PlaceUse> choose_places(const FlowGraph& graph, const LineCode& line);

}  // namespace backsight::probes
