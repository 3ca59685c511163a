// A BPF program that does nothing: what a probe costs before anything is captured.
#pragma once

#include "collector/descriptor.h"

namespace backsight::tools::benches {

// For uprobe_multi links.
collector::Descriptor load_empty_program();

}  // namespace backsight::tools::benches
