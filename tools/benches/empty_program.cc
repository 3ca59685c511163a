#include "tools/benches/empty_program.h"

#include "collector/uprobe_multi.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>

namespace backsight::tools::benches {

collector::Descriptor load_empty_program() {
  const bpf_insn code[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
  };
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  options.expected_attach_type = static_cast<enum bpf_attach_type>(collector::kUprobeMultiAttachType);
  return collector::Descriptor(bpf_prog_load(BPF_PROG_TYPE_KPROBE, "bench_empty", "GPL", code, 2, &options));
}

}  // namespace backsight::tools::benches
