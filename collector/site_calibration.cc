#include "collector/site_calibration.h"

#include "collector/descriptor.h"
#include "collector/perf_uprobe.h"
#include "collector/uprobe_multi.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>

// One function for each class: its first instruction is the one that is probed.
extern "C" {
void backsight_site_nop5();
void backsight_site_emulated();
void backsight_site_single_step();
}
asm(".text\n"
    ".p2align 6\n.type backsight_site_nop5,@function\nbacksight_site_nop5:\n"
    ".byte 0x0f,0x1f,0x44,0x00,0x00\nret\n.size backsight_site_nop5, . - backsight_site_nop5\n"
    ".p2align 6\n.type backsight_site_emulated,@function\nbacksight_site_emulated:\n"
    "push %rbp\npop %rbp\nret\n.size backsight_site_emulated, . - backsight_site_emulated\n"
    ".p2align 6\n.type backsight_site_single_step,@function\nbacksight_site_single_step:\n"
    "endbr64\nret\n.size backsight_site_single_step, . - backsight_site_single_step\n");

namespace backsight::collector {
namespace {

using schema::Result;
using Function = void (*)();

constexpr int kCalls = 200;  // of one span
constexpr int kSpans = 8;
constexpr const char* kSelf = "/proc/self/exe";

std::uint64_t own_file_offset(Function function) {
  const auto address = reinterpret_cast<std::uintptr_t>(function);
  std::ifstream maps("/proc/self/maps");
  std::string line;
  while (std::getline(maps, line)) {
    unsigned long begin = 0, end = 0, offset = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx %*s %lx", &begin, &end, &offset) != 3) continue;
    if (address >= begin && address < end) return address - begin + offset;
  }
  return 0;
}

// Does nothing. `for_multi`: for uprobe_multi links.
Descriptor load_empty_program(bool for_multi) {
  const bpf_insn code[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
  };
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  if (for_multi) options.expected_attach_type = static_cast<enum bpf_attach_type>(kUprobeMultiAttachType);
  return Descriptor(bpf_prog_load(BPF_PROG_TYPE_KPROBE, "backsight_empty", "GPL", code, 2, &options));
}

// Of one call; the best of some short spans, so that what else runs is left out.
double call_ns(Function function) {
  double best = std::numeric_limits<double>::max();
  for (int span = 0; span < kSpans; ++span) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kCalls; ++i) function();
    const std::chrono::duration<double, std::nano> passed = std::chrono::steady_clock::now() - start;
    best = std::min(best, passed.count() / kCalls);
  }
  return best;
}

class Calibration {
 public:
  Result<std::uint32_t> hit_ns(Function function, bool is_return) {
    const std::uint64_t offset = own_file_offset(function);
    if (offset == 0) return schema::make_error(schema::ErrorCode::kInternal, "own code is not in a file");
    const double without = call_ns(function);
    if (auto link = link_uprobe_multi(multi_.get(), {kSelf, {offset}, {0}, is_return}))
      return above(call_ns(function), without);
    auto link = link_perf_uprobe(plain_.get(), kSelf, offset, is_return, 0);
    if (!link) return link.error();
    return above(call_ns(function), without);
  }

 private:
  static std::uint32_t above(double with, double without) {
    return static_cast<std::uint32_t>(std::max(1.0, with - without));
  }

  Descriptor multi_ = load_empty_program(true);
  Descriptor plain_ = load_empty_program(false);
};

}  // namespace

Result<probes::SiteCosts> measure_site_costs() {
  Calibration calibration;
  const auto nop5 = calibration.hit_ns(backsight_site_nop5, false);
  if (!nop5) return nop5.error();
  const auto emulated = calibration.hit_ns(backsight_site_emulated, false);
  if (!emulated) return emulated.error();
  const auto single_step = calibration.hit_ns(backsight_site_single_step, false);
  if (!single_step) return single_step.error();
  const auto returned = calibration.hit_ns(backsight_site_nop5, true);
  if (!returned) return returned.error();
  probes::SiteCosts costs;
  costs.nop5 = *nop5;
  costs.emulated = *emulated;
  costs.single_step = *single_step;
  costs.uretprobe = std::max<std::uint32_t>(1, *returned > *nop5 ? *returned - *nop5 : 1);
  costs.measured = true;
  return costs;
}

}  // namespace backsight::collector
