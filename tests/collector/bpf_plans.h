// Hand-made plans for bpf_target, and a kernel with one of them attached.
#pragma once

#include "tests/collector/bpf_harness.h"

#include <catch2/catch.hpp>

namespace backsight::collector::testing {

using probes::CompiledPlan;

inline constexpr std::uint32_t kLive = BS_PLAN_ENABLED;
inline constexpr std::uint32_t kNone = 0xffffffff;

inline bs_op op(bs_op_code code, int a = 0, int b = 0, std::uint32_t c = 0, std::uint64_t d = 0) {
  return {static_cast<__u8>(code), static_cast<__u8>(a), static_cast<__u16>(b), c, d};
}

// Types of the hand-made plans.
enum : std::uint32_t { kWord, kNodePointer, kNode, kCharPointer, kChar, kSpan, kText, kTypes };

// Entry and return programs of `entry` and `ret`, and chase programs for the types above.
inline CompiledPlan make_plan(std::vector<bs_op> entry, std::vector<bs_op> ret = {}) {
  CompiledPlan plan;
  plan.plan.function = "observe";
  plan.plan.limits.string_bytes = 8;
  plan.types.assign(kTypes, bs_type{8, kNone, 0, 0});
  plan.entry_pc = 0;
  plan.ops = std::move(entry);
  plan.ops.push_back(op(BS_OP_END));
  if (!ret.empty()) {
    plan.return_pc = static_cast<std::uint32_t>(plan.ops.size());
    plan.ops.insert(plan.ops.end(), ret.begin(), ret.end());
    plan.ops.push_back(op(BS_OP_END));
  }
  const auto chase = [&plan](std::uint32_t type, std::uint32_t size, bs_op operation) {
    plan.types[type] = {size, static_cast<std::uint32_t>(plan.ops.size()), 0, 0};
    plan.ops.push_back(operation);
    plan.ops.push_back(op(BS_OP_NEXT));
  };
  chase(kNodePointer, 8, op(BS_OP_CHASE_PTR, 0, 0, kNode, 16));
  chase(kNode, 16, op(BS_OP_CHASE_PTR, 0, 8, kNode, 16));
  chase(kCharPointer, 8, op(BS_OP_CHASE_CSTR, 0, 0, kChar));
  chase(kSpan, 16, op(BS_OP_CHASE_SPAN, 1, 0, kNode, 16));
  chase(kText, 16, op(BS_OP_CHASE_COUNTED, 1, 0, kChar, 8ull << 32 | 1));
  return plan;
}

// Emits a register as `type`.
inline std::vector<bs_op> emit_register(int number, std::uint32_t type, int root = 0, unsigned bytes = 8) {
  return {op(BS_OP_ROOT, 0, root), op(BS_OP_PUSH_REG, number), op(BS_OP_EMIT, 0, root, type, bytes)};
}

inline std::vector<bs_op> operator+(std::vector<bs_op> a, const std::vector<bs_op>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Both builds of the capture program, in turn.
inline KernelOptions each_program() {
  return {.ring_bytes = 1 << 20, .force_perf_uprobes = false, .force_no_bpf_loop = GENERATE(false, true)};
}

// A kernel, a target whose process is in service 0, and one attached plan.
struct Setup {
  explicit Setup(const KernelOptions& options_used)
      : options(options_used), kernel(open_kernel(options_used)) {
    if (kernel) REQUIRE(kernel->add_process(0, static_cast<std::uint32_t>(target.pid())).has_value());
  }
  void attach(const CompiledPlan& plan, const std::vector<probes::Site>& sites, std::uint32_t flags = kLive) {
    auto index = kernel->install_plan(plan, 0, flags);
    INFO((index ? "" : index.error().to_string()));
    REQUIRE(index.has_value());
    plan_index = *index;
    auto attached = kernel->attach(Target::path(), plan_index, sites);
    INFO((attached ? "" : attached.error().to_string()));
    REQUIRE(attached.has_value());
    attachment = std::move(*attached);
  }
  void attach_entry(const CompiledPlan& plan, const char* function = "observe") {
    attach(plan, {entry_site(find_function(Target::path(), function))});
  }
  std::vector<Record> run(const std::string& command) {
    target.run(command);
    return drain(*kernel);
  }
  KernelOptions options;
  std::unique_ptr<Kernel> kernel;
  Target target;
  std::uint32_t plan_index = 0;
  std::unique_ptr<Attachment> attachment;
};

}  // namespace backsight::collector::testing
