// Which files storing and serving open: nothing else is open to their threads.
#pragma once

#include "probes/config.h"
#include "tools/daemon/file_access.h"

#include <string>

namespace backsight::tools {

// "journal", or a file.
std::string access_log_of(const probes::Config& config);

// Makes the store's folder where there is none: rules are for what exists.
FileAccess plain_files(const probes::Config& config);

}  // namespace backsight::tools
