#include "store/timeline.h"

namespace backsight::store {

schema::Result<std::vector<Damage>> verify(const std::string&,
                                           const std::function<void(std::uint64_t, std::uint64_t)>&) {
  return schema::make_error(schema::ErrorCode::kUnsupported, "not yet");
}

}  // namespace backsight::store
