// The dynamic linker's hook for debuggers: glibc and musl call an empty
// function whenever the list of loaded libraries changes.
#pragma once

#include "schema/result.h"

#include <cstdint>
#include <string>

namespace backsight::collector {

// By its file name: "ld-linux-x86-64.so.2", "ld-2.31.so", "ld-musl-x86_64.so.1".
bool is_dynamic_linker(const std::string& path);

// File offset of that function; kNotFound in a file that has none.
schema::Result<std::uint64_t> find_linker_hook(const std::string& open_path);

}  // namespace backsight::collector
