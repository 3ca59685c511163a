#include "collector/kernel.h"

namespace backsight::collector {

schema::Result<std::unique_ptr<Kernel>> open_libbpf_kernel(const KernelOptions&) {
  return schema::make_error(schema::ErrorCode::kUnsupported, "capture is not supported yet");
}

}  // namespace backsight::collector
