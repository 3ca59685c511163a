// Which files a thread may open, whatever their owner allows (Landlock, Linux 5.13).
#pragma once

#include "schema/result.h"

#include <string>
#include <vector>

namespace backsight::tools {

// Folders and files, with everything below them. What does not exist is left out.
struct FileAccess {
  std::vector<std::string> writable;
  std::vector<std::string> readable;
  bool operator==(const FileAccess&) const = default;
};

// For the calling thread, which has no_new_privs, and those that it starts, for
// ever: other files are neither opened, made, renamed nor removed (EACCES), other
// processes not looked into. Open descriptors stay. False: this kernel has no
// Landlock, nothing has changed.
schema::Result<bool> restrict_files(const FileAccess& access);

}  // namespace backsight::tools
