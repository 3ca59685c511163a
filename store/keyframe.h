// A keyframe: the fold of all rows before `next`, so that a read at a moment
// starts here instead of at the beginning. Stored sealed (bytes.h) in the kf
// family under be64_signed(at), `at` being the newest time among those rows.
// docs/format/store.md has the encoding.
#pragma once

#include "schema/result.h"
#include "store/timeline.h"

#include <string>
#include <string_view>

namespace backsight::store {

// Time of the keyframe before the first row of a timeline.
inline constexpr schema::BootTime kBeginning{INT64_MIN};

// Nothing is known before `next`.
Fold empty_fold(schema::Sequence next);
std::string encode_keyframe(const Fold& fold);
// kCorrupt for anything that encode_keyframe() does not write.
schema::Result<Fold> decode_keyframe(std::string_view bytes);

}  // namespace backsight::store
