#include "probes/flow_graph.h"

#include <algorithm>
#include <utility>

namespace backsight::probes {

FlowGraph::FlowGraph(const FunctionCode& code) {
  for (const Instruction& instruction : code.instructions) nodes_.push_back(&instruction);
  std::sort(nodes_.begin(), nodes_.end(),
            [](const Instruction* a, const Instruction* b) { return a->address < b->address; });
  next_.resize(nodes_.size() + 1);
  for (std::size_t node = 0; node < nodes_.size(); ++node) add_edges(node);
  for (const std::uint64_t target : code.table_targets) lead(nodes_.size(), target);
  if (!nodes_.empty()) entry_ = index_of(code.instructions.front().address);
  find_roots();
}

std::size_t FlowGraph::index_of(std::uint64_t address) const {
  const auto it =
      std::lower_bound(nodes_.begin(), nodes_.end(), address,
                       [](const Instruction* node, std::uint64_t value) { return node->address < value; });
  const bool is_there = it != nodes_.end() && (*it)->address == address;
  return is_there ? static_cast<std::size_t>(it - nodes_.begin()) : kNone;
}

void FlowGraph::lead(std::size_t from, std::uint64_t address) {
  if (const std::size_t to = index_of(address); to != kNone) next_[from].push_back(to);
}

void FlowGraph::add_edges(std::size_t node) {
  const Instruction& instruction = *nodes_[node];
  const std::uint64_t behind = instruction.address + instruction.length;
  switch (instruction.kind) {
    case InstructionKind::kConditionalJump:
      lead(node, behind);
      [[fallthrough]];
    case InstructionKind::kJump:
      if (instruction.target) lead(node, *instruction.target);
      break;
    case InstructionKind::kIndirectJump:
      if (instruction.is_table_jump) next_[node].push_back(nodes_.size());
      break;
    case InstructionKind::kReturn:
    case InstructionKind::kTrap:
      break;
    case InstructionKind::kOther:
    case InstructionKind::kCall:
      lead(node, behind);
      break;
  }
}

void FlowGraph::find_roots() {
  previous_.resize(size());
  for (std::size_t node = 0; node < size(); ++node) {
    for (const std::size_t next : next_[node]) previous_[next].push_back(node);
  }
  if (entry_ != kNone) roots_.push_back(entry_);
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    if (previous_[node].empty() && node != entry_ && !nodes_[node]->is_nop) roots_.push_back(node);
  }
}

std::vector<std::size_t> FlowGraph::in_order() const {
  std::vector<std::size_t> order;
  std::vector<bool> seen(size());
  std::vector<std::pair<std::size_t, std::size_t>> path;  // node, next of its edges
  for (auto root = roots_.rbegin(); root != roots_.rend(); ++root) {
    if (seen[*root]) continue;
    seen[*root] = true;
    path.emplace_back(*root, 0);
    while (!path.empty()) {
      auto& [node, edge] = path.back();
      if (edge == next_[node].size()) {
        order.push_back(node);
        path.pop_back();
        continue;
      }
      const std::size_t next = next_[node][edge++];
      if (seen[next]) continue;
      seen[next] = true;
      path.emplace_back(next, 0);
    }
  }
  std::reverse(order.begin(), order.end());
  return order;
}

std::vector<bool> FlowGraph::reached(std::vector<std::size_t> nodes, bool back) const {
  std::vector<bool> seen(size());
  for (const std::size_t node : nodes) seen[node] = true;
  while (!nodes.empty()) {
    const std::size_t node = nodes.back();
    nodes.pop_back();
    for (const std::size_t next : back ? previous_[node] : next_[node]) {
      if (seen[next]) continue;
      seen[next] = true;
      nodes.push_back(next);
    }
  }
  return seen;
}

}  // namespace backsight::probes
