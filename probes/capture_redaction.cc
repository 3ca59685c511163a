// The part of CaptureCompiler that takes out of a plan what is redacted.
#include "probes/capture_compiler.h"
#include "probes/dynamic_types.h"
#include "probes/redacted_types.h"

#include <algorithm>

namespace backsight::probes {

using schema::kNoType;
using schema::TypeId;
using schema::Unavailable;

// The table, and what the number of each type is there: of what is redacted, that
// of the type that stands for it.
void CaptureCompiler::take_types(std::vector<TypeId> roots, std::vector<TypeId>& renumbered) {
  const std::vector<TypeId> classes = context_.dynamic ? context_.dynamic->built() : std::vector<TypeId>();
  Redaction* redaction = context_.redaction;
  if (!redaction || !redaction->is_active()) {
    roots.insert(roots.end(), classes.begin(), classes.end());
    output_.plan.types = context_.types.take(roots, renumbered);
    return;
  }
  RedactedTypes redacted(*redaction, context_.types, context_.dynamic);
  roots.clear();
  for (Compiled& compiled : compiled_) {
    if (compiled.capture.type == kNoType) continue;
    compiled.capture.type = redacted.of(compiled.capture.type, compiled.operand.redaction);
    roots.push_back(compiled.capture.type);
  }
  if (!redacted.finish()) return refuse_all();
  for (const TypeId type : classes) roots.push_back(redacted.of_class(type));
  output_.plan.types = context_.types.take(roots, renumbered);
  for (std::uint32_t made = 0; made < renumbered.size(); ++made) {
    const auto* ranges = redacted.blanks({made});
    if (ranges && renumbered[made] != kNoType) blanks_[renumbered[made].value] = *ranges;
  }
  for (const auto& entry : expressions_.followed()) {
    const schema::Member& member = entry.second;
    for (const TypeId made : redacted.made_of({entry.first})) {
      const auto& members = context_.types.type(made).members;
      const auto only = std::find_if(members.begin(), members.end(), [&](const schema::Member& one) {
        return one.name == member.name && one.offset_bytes == member.offset_bytes;
      });
      if (renumbered[made.value] == kNoType || only == members.end()) continue;
      schema::Member followed = *only;
      followed.type = renumbered[only->type.value];
      followed_[renumbered[made.value].value] = followed;
    }
  }
  for (const TypeId type : classes) renumbered[type.value] = renumbered[redacted.of_class(type).value];
}

// Better nothing than what should not be seen.
void CaptureCompiler::refuse_all() {
  output_.issues.push_back(
      {"its types are too many for what is redacted in them", "capture less deep, or only what is needed"});
  for (Compiled& compiled : compiled_) {
    compiled.capture.type = kNoType;
    compiled.capture.unavailable = Unavailable::kRedacted;
  }
}

// The ranges of each type that are zeroed; what lies beyond the largest item is not copied.
void CaptureCompiler::emit_blanks() {
  for (const auto& [id, ranges] : blanks_) {
    bs_type& type = output_.types[id];
    type.blank_pc = static_cast<std::uint32_t>(output_.ops.size());
    for (const Redaction::Range& range : ranges) {
      const std::uint64_t end = std::min<std::uint64_t>(range.end, type.size);
      if (range.begin >= end) continue;
      output_.ops.push_back(
          make_op(BS_OP_BLANK, 0, static_cast<std::uint16_t>(range.begin), 0, end - range.begin));
      ++type.blanks;
    }
  }
}

}  // namespace backsight::probes
