// What the code of one function does to its own frame, followed backwards from a site:
// whether a slot is stored to, and which addresses in the frame registers hold.
#pragma once

#include "probes/cfa.h"
#include "probes/disassembly.h"
#include "probes/elf_file.h"
#include "probes/flow_graph.h"
#include "probes/frame_access.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

namespace backsight::probes {

struct SlotQuestion {
  std::int64_t offset = 0;  // relative to CFA
  std::uint64_t size = 0;
  std::uint32_t used = ~0u;  // bit n is set where byte n is not padding
  std::uint64_t site = 0;    // it is asked for right before the instruction there
  bool is_object = false;    // stores that reach beyond it, or fill parts of its words, are of it, too
  // It was made for the site: calls fill it that are given its address, before anything of
  // it is stored.
  bool is_fresh = false;
  // Whether it may be what is in the slot there; null: everywhere.
  std::function<bool(std::uint64_t address)> may_own = nullptr;
  // Whether something is destroyed there, which is not what is asked for if it was in the
  // slot; null: nothing is.
  std::function<bool(std::uint64_t address)> destroys = nullptr;
  // Whether a call there may have filled it; null: none.
  std::function<bool(std::uint64_t address)> may_fill = nullptr;
};

// Where an address leads.
struct FrameAddress {
  enum class Kind { kElsewhere, kFrame, kUnclear } kind = Kind::kElsewhere;
  std::int64_t offset = 0;  // kFrame: relative to CFA
};

class FrameStores {
 public:
  // All must outlive it. `code` is all of the function's.
  FrameStores(const ElfFile& binary, const FrameTable& frames, const FunctionCode& code)
      : binary_(binary), frames_(frames), code_(code) {}
  FrameStores(const FrameStores&) = delete;
  FrameStores& operator=(const FrameStores&) = delete;

  // Whether an instruction makes an address in there, or one that is not known.
  bool is_address_taken(std::int64_t offset, std::uint64_t size) const;
  bool has_store(std::int64_t offset, std::uint64_t size) const;
  // Whether every way to the site stores to all used bytes; where the address is taken,
  // with no call behind that.
  bool is_stored(const SlotQuestion& question) const;
  // Whether the code goes on to use what is there at the site: reads it, or gives its address to
  // a call, before anything is stored there. Calls between may read or change it if its address
  // is known to them; either way the compiler must have had it there before.
  bool is_used(const SlotQuestion& question) const;
  // What the register, or the word of the frame, holds at the site: an address in the
  // frame, if any way there makes it one.
  FrameAddress in_register(int reg, std::uint64_t site) const;
  FrameAddress in_slot(std::int64_t offset, std::uint64_t site) const;

 private:
  void read() const;
  bool is_call(std::size_t node) const;
  // What it stores to, also through a register; kNone: that is not in the frame, or not known.
  FrameAccess store_of(std::size_t node) const;
  // By node of the graph: not 0 where an address in there may have been made before. What was
  // made for the variable itself counts to the end of its scope: behind that it is another one.
  std::vector<std::uint8_t> behind_addresses(const SlotQuestion& question) const;
  // Whether an argument in a register is an address in there.
  bool is_given(std::size_t call, const SlotQuestion& question) const;
  struct Holder;  // of a value
  FrameAddress trace(const Holder& holder) const;
  std::optional<Holder> source(const Holder& holder, std::size_t from,
                               std::vector<std::int64_t>& found) const;

  const ElfFile& binary_;
  const FrameTable& frames_;
  const FunctionCode& code_;
  // Filled when first asked.
  mutable std::optional<FlowGraph> graph_;
  mutable std::vector<FrameAccess> accesses_;                    // by node of the graph
  mutable std::unordered_map<std::size_t, FrameAccess> stores_;  // through registers
};

}  // namespace backsight::probes
