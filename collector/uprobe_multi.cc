#include "collector/uprobe_multi.h"

#include <linux/bpf.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>

namespace backsight::collector {
namespace {

// union bpf_attr's link_create with uprobe_multi, as of Linux 6.6
// (include/uapi/linux/bpf.h); Debian 12's header is older.
struct LinkCreateAttr {
  std::uint32_t prog_fd;
  std::uint32_t target_fd;
  std::uint32_t attach_type;
  std::uint32_t flags;
  std::uint64_t path;
  std::uint64_t offsets;
  std::uint64_t ref_ctr_offsets;
  std::uint64_t cookies;
  std::uint32_t cnt;
  std::uint32_t multi_flags;
  std::uint32_t pid;
  std::uint32_t reserved;
};
static_assert(sizeof(LinkCreateAttr) == 64);
constexpr std::uint32_t kMultiReturn = 1;  // BPF_F_UPROBE_MULTI_RETURN

std::uint64_t pointer(const void* p) {
  return reinterpret_cast<std::uintptr_t>(p);
}

}  // namespace

schema::Result<Descriptor> link_uprobe_multi(int program_fd, const UprobeMultiRequest& request,
                                             int* error_number) {
  LinkCreateAttr attr{};
  attr.prog_fd = static_cast<std::uint32_t>(program_fd);
  attr.attach_type = kUprobeMultiAttachType;
  attr.path = pointer(request.path.c_str());
  attr.offsets = pointer(request.offsets.data());
  attr.cookies = pointer(request.cookies.data());
  attr.cnt = static_cast<std::uint32_t>(request.offsets.size());
  attr.multi_flags = request.is_return ? kMultiReturn : 0;
  const long fd = ::syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof attr);
  if (fd >= 0) return Descriptor(static_cast<int>(fd));
  const int error = errno;
  if (error_number) *error_number = error;
  const bool is_refused = error == EPERM || error == EACCES;
  return schema::make_error(is_refused ? schema::ErrorCode::kPermission : schema::ErrorCode::kIo,
                            "cannot attach to " + request.path + " at " +
                                std::to_string(request.offsets.size()) + " offsets: " + std::strerror(error),
                            is_refused ? "CAP_PERFMON is needed, and the file must be readable" : "");
}

}  // namespace backsight::collector
