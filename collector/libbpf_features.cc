#include "collector/kernel.h"

namespace backsight::collector {

KernelFeatures probe_kernel_features() {
  return {};
}

}  // namespace backsight::collector
