#include "collector/descriptor.h"
#include "collector/kernel.h"
#include "collector/libbpf_log.h"
#include "collector/uprobe_multi.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace backsight::collector {
namespace {

struct Release {
  int major = 0, minor = 0;
  bool at_least(int wanted_major, int wanted_minor) const {
    return major > wanted_major || (major == wanted_major && minor >= wanted_minor);
  }
};

Release parse_release(const std::string& text) {
  Release release;
  if (std::sscanf(text.c_str(), "%d.%d", &release.major, &release.minor) != 2) return {};
  return release;
}

// A program that does nothing; tells whether programs can be loaded.
Descriptor load_empty_program(std::uint32_t attach_type, int& error, std::uint32_t flags = 0) {
  const bpf_insn code[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
  };
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  options.expected_attach_type = static_cast<enum bpf_attach_type>(attach_type);
  options.prog_flags = flags;
  const int fd = bpf_prog_load(BPF_PROG_TYPE_KPROBE, "backsight_try", "GPL", code, 2, &options);
  error = fd < 0 ? -fd : 0;
  return Descriptor(fd < 0 ? -1 : fd);
}

// As libbpf's own test of later versions: "/" is no regular file, so a kernel
// that knows the link type answers EBADF.
bool has_uprobe_multi() {
  int error = 0;
  const Descriptor program = load_empty_program(kUprobeMultiAttachType, error);
  if (!program) return false;
  UprobeMultiRequest request{.path = "/", .offsets = {0}, .cookies = {0}, .is_return = false};
  return !link_uprobe_multi(program.get(), request, &error) && error == EBADF;
}

std::string lacking_for(int error, const std::string& kernel) {
  if (error == EPERM || error == EACCES)
    return "loading BPF programs is not permitted; run as root or with CAP_BPF and CAP_PERFMON "
           "(setcap cap_bpf,cap_perfmon,cap_sys_ptrace,cap_dac_read_search+ep backsightd)";
  if (error == ENOSYS) return "this kernel has no BPF; use one with CONFIG_BPF_SYSCALL";
  if (error) return std::string("BPF programs cannot be loaded: ") + std::strerror(error);
  if (!parse_release(kernel).at_least(5, 15))
    return "this kernel, Linux " + kernel + ", is too old; Backsight needs Linux 5.15 or later";
  if (::access("/sys/kernel/btf/vmlinux", R_OK) != 0)
    return "this kernel does not describe its types (/sys/kernel/btf/vmlinux cannot be read); use one with "
           "CONFIG_DEBUG_INFO_BTF, and mount /sys";
  return {};
}

}  // namespace

KernelFeatures probe_kernel_features() {
  LibbpfLog quiet;
  KernelFeatures features;
  utsname name{};
  if (::uname(&name) == 0) features.release = name.release;
  const Release release = parse_release(features.release);
  int error = 0;
  const Descriptor program = load_empty_program(0, error);
  features.lacking = lacking_for(program ? 0 : error, features.release);
  features.bpf = features.lacking.empty();
  if (!features.bpf) return features;
  features.uprobe_multi = has_uprobe_multi();
  features.bpf_loop = libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_loop, nullptr) == 1;
  int refused = 0;
  features.sleepable = features.bpf_loop && load_empty_program(0, refused, BPF_F_SLEEPABLE);
  features.nop5_optimised = release.at_least(6, 18);
  return features;
}

}  // namespace backsight::collector
