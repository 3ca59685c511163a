// Where the entry of a function can be probed: its first instruction, and the
// instructions behind it at which an event is as good as one at entry. What is
// not proven is not offered; every offer carries its reason.
//
// A site behind the entry is offered only where all of this holds:
//   - straight-line code leads to it: it is passed once per call and in every call;
//   - nothing can jump between the entry and it, nor onto it: no branch or jump
//     table of the function, no split-off part, no symbol;
//   - what is skipped only computes in registers and stores to the function's own
//     frame, and cannot fault: a call that crashes at once is still seen;
//   - the frame's address is known there;
//   - the kernel emulates its instruction, and it is not a 5-byte NOP, which Linux
//     6.18 turns into a call through the red zone (but right behind endbr64).
// Whether the captured values are still there is for choose_entry_site().
#pragma once

#include "probes/disassembly.h"
#include "probes/landmarks.h"
#include "probes/planner.h"
#include "probes/prologue.h"
#include "probes/site_frame.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace backsight::probes {

struct EntryCandidate {
  Site site;
  SiteFrame frame;
  std::string reason;
  bool is_spare = false;  // only for values that are nowhere else: its cost does not count
};

struct EntrySites {
  std::vector<EntryCandidate> candidates;  // the cheapest first; among equals the earliest
  std::string refusal;                     // why there are none
  std::string obstacle;                    // why there are no more, if there are not
};

EntrySites find_entry_sites(const ElfFile& binary, const FunctionCode& code, const Prologue& prologue,
                            const CodeLandmarks& landmarks);

// A return probe's own instruction is hit as well: moves it to the entry probe's, or
// else to the cheapest one where RSP is what it was at the entry.
void move_return_probe(const EntrySites& sites, std::size_t chosen, std::vector<Site>& returns);

// What is to be told of the chosen one: its reason, and why not a cheaper one.
// `parameters`: how many of the function's are captured.
std::string site_reason(const EntrySites& sites, std::size_t chosen, std::size_t parameters);

// The plan compiled at the cheapest site that has every captured value that any
// other site has. `compile` is called at most once per candidate.
struct ChosenSite {
  std::size_t candidate = 0;
  CompiledPlan plan;
};
std::optional<ChosenSite> choose_entry_site(
    const EntrySites& sites, const std::function<CompiledPlan(const EntryCandidate&)>& compile);

}  // namespace backsight::probes
