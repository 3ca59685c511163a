// How the caller's registers are found from a frame's, at one instruction: the rules of
// .eh_frame, read by libdwarf. One description is read, by the search table.
#pragma once

#include "bpf/abi/plan.h"
#include "probes/elf_file.h"
#include "probes/frame_search.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace backsight::probes {

inline constexpr std::size_t kFrameRegisters = BS_RIP + 1;  // by DWARF number; the last is the return address

struct FrameRule {
  enum class Kind : std::uint8_t {
    kSame,          // as it is
    kUndefined,     // lost; of the return address: nothing called this frame
    kAt,            // in memory at CFA + offset
    kIs,            // CFA + offset; of the CFA itself: register + offset
    kRegister,      // in another register
    kAtExpression,  // in memory where the expression says
    kIsExpression,  // what the expression says
  };
  Kind kind = Kind::kSame;
  std::uint8_t reg = 0;
  std::int64_t offset = 0;
  std::vector<std::uint8_t> expression;
};

struct FrameRules {
  FrameRule cfa;
  std::array<FrameRule, kFrameRegisters> registers;
  bool is_signal = false;  // its caller was interrupted: it made no call
};

// None: nothing describes the code at `address`, or not in a way that is known here.
std::optional<FrameRules> read_frame_rules(const std::shared_ptr<const ElfFile>& binary,
                                           const FrameSearch& search, std::uint64_t address);

}  // namespace backsight::probes
