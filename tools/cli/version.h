// The version, from CMake's project().
#pragma once

namespace backsight::tools {

inline constexpr const char* kVersion = BACKSIGHT_VERSION;

}  // namespace backsight::tools
