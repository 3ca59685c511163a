// What backsightd may do, thread by thread (docs/design/0010).
//
//   attaching threads   the loop, planning, naming   kAttaching capabilities, kAttaching system calls
//   plain threads       store, RocksDB's, HTTP's     no capability,           kPlain system calls,
//                                                    their own files
//
// A thread hands on what it has to the threads that it starts: plain threads are
// those that a PlainThread (tools/daemon/plain_thread.h) started.
#pragma once

#include "schema/result.h"
#include "tools/daemon/file_access.h"

namespace backsight::tools {

struct ConfinementOptions {
  bool filter_system_calls = true;
  bool by_perf_events = false;  // this kernel has no uprobe_multi (Linux 6.6)
  FileAccess plain_files = {};  // of plain threads; nothing writable: as their user may
};

// For the whole process; to be called while it has one thread. Keeps, of what it
// has, what attaching needs: CAP_BPF, CAP_PERFMON; for other users' processes
// CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH; for files of theirs that were replaced
// CAP_CHECKPOINT_RESTORE; for uprobes by perf events CAP_SYS_ADMIN. Everything else is gone for ever: other
// capabilities, those of programs that it starts, new privileges, system calls that it does not need.
schema::Result<void> keep_what_attaching_needs(const ConfinementOptions& options);

// For the calling thread, and those that it starts: no capability, no program
// started, nothing attached, no new code, and no files but theirs where the kernel
// can see to that.
schema::Result<void> give_up_all_privileges(const ConfinementOptions& options);

}  // namespace backsight::tools
