// DWARF expressions as .eh_frame has them: of signal frames, realigned stacks and PLT entries.
#pragma once

#include "probes/frame_rules.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>

namespace backsight::probes {

// What an expression may look at; none: not known.
struct FrameState {
  std::function<std::optional<std::uint64_t>(std::size_t number)> reg;
  std::function<std::optional<std::uint64_t>(std::uint64_t address)> word;
};

// `first`: what stands on the stack before; none: nothing. None: an operation that frames do not use,
// or a value that is not known.
std::optional<std::uint64_t> evaluate_frame_expression(std::span<const std::uint8_t> code,
                                                       std::optional<std::uint64_t> first,
                                                       const FrameState& state);

}  // namespace backsight::probes
