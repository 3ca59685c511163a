// Reads a file that holds a secret, and only if nobody else can read it.
#pragma once

#include "schema/result.h"

#include <sys/types.h>

#include <string>

namespace backsight::tools {

// The file must be a regular one, owned by this process's user or root, with no
// permission bits other than `allowed` (0600), at most 64 KiB. `what` names it in
// messages ("token file").
schema::Result<std::string> read_private_file(const std::string& path, mode_t allowed,
                                              const std::string& what);

}  // namespace backsight::tools
