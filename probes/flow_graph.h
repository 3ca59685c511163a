// The control flow of one function: which instruction may follow which. Calls lead
// to what is behind them; what a jump table may lead to, all of them lead to.
#pragma once

#include "probes/disassembly.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace backsight::probes {

class FlowGraph {
 public:
  static constexpr std::size_t kNone = ~std::size_t{0};

  // `code` must outlive it. Of unclear jumps, nothing is known.
  explicit FlowGraph(const FunctionCode& code);

  // Nodes are the instructions, by address, and one more that stands for all jump tables.
  std::size_t size() const { return next_.size(); }
  const std::vector<std::size_t>& next(std::size_t node) const { return next_[node]; }
  const std::vector<std::size_t>& previous(std::size_t node) const { return previous_[node]; }
  // Null: of all jump tables.
  const Instruction* instruction(std::size_t node) const {
    return node < nodes_.size() ? nodes_[node] : nullptr;
  }
  bool is_jump(std::size_t node) const { return nodes_[node]->kind == InstructionKind::kJump; }
  std::size_t entry() const { return entry_; }
  // Where control may begin: the entry, and what no instruction leads to (landing pads).
  const std::vector<std::size_t>& roots() const { return roots_; }
  bool is_root(std::size_t node) const { return node == entry_ || previous_[node].empty(); }
  std::size_t index_of(std::uint64_t address) const;  // kNone: no instruction begins there

  // The order in which control meets nodes first: reverse postorder.
  std::vector<std::size_t> in_order() const;
  // All that the edges lead to from `nodes`, and these; `back`: against their direction.
  std::vector<bool> reached(std::vector<std::size_t> nodes, bool back = false) const;

 private:
  void lead(std::size_t from, std::uint64_t address);
  void add_edges(std::size_t node);
  void find_roots();

  std::vector<const Instruction*> nodes_;
  std::vector<std::vector<std::size_t>> next_;
  std::vector<std::vector<std::size_t>> previous_;
  std::vector<std::size_t> roots_;
  std::size_t entry_ = kNone;
};

}  // namespace backsight::probes
