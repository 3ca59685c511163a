// What is known of a function's frame and registers at one probe site: the
// ground on which locations are read.
#pragma once

#include "bpf/abi/plan.h"

#include <cstdint>
#include <optional>

namespace backsight::probes {

// Canonical frame address: what RSP was before the call. The return address
// stands at CFA - 8.
struct Cfa {
  std::uint8_t reg = BS_RSP;  // DWARF number
  std::int64_t offset = 8;
  bool operator==(const Cfa&) const = default;
};

struct SiteFrame {
  std::uint64_t site = 0;          // link-time, like all addresses here
  std::uint64_t entry = 0;         // the function's first instruction
  std::optional<Cfa> cfa = Cfa{};  // at the site; none: not known
  // Only straight-line code leads from the entry to the site: parameters are
  // taken as they were passed. Otherwise variables are as the debug information
  // says for exactly the site's address.
  bool at_entry = true;
  // Places that the debug information names without a range hold their values
  // already. Never so at an entry.
  bool is_set_up = false;
  // Statements of other lines that come later begin there, too: what the debug information
  // says from there on may be what they do.
  bool is_shared = false;
  // Bit n: general register n is written between entry and site.
  std::uint32_t written = 0;
};

}  // namespace backsight::probes
