// Which bytes of a value must not leave the process: the rules of one probe,
// applied to the types of one plan. A value is known by its type and by the
// context that its path has led to.
//
// What is hidden is zeroed, so whatever shares bytes with it would show zeros that
// are no value: members of a union beside it, bit-fields in its bytes,
// alternatives of a variant. They are hidden too, without being zeroed
// themselves ("shadowed").
#pragma once

#include "probes/redact_rules.h"
#include "probes/type_builder.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace backsight::probes {

class DynamicTypes;

class Redaction {
 public:
  using Context = RedactRules::Context;

  // Bytes [begin, end) of a value.
  struct Range {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    bool operator==(const Range&) const = default;
  };
  // What is to be zeroed of a value; sorted, apart from each other.
  struct Parts {
    bool is_hidden = false;  // as a whole
    bool hides_any = false;  // or a part of it: not only what nobody knows
    std::vector<Range> ranges;
  };

  // `types` outlives it, `dynamic` (may be null) too.
  Redaction(const std::vector<RedactPattern>& patterns, TypeBuilder& types, DynamicTypes* dynamic);

  bool is_active() const { return !rules_.is_empty(); }
  RedactRules& rules() { return rules_; }
  // The context of a member as declared in `of`, which is in `context`.
  Context of_member(const schema::Type& of, const schema::Member& member, Context context);
  // The same for a name that is looked for in anonymous members and bases, too.
  std::optional<Context> of_name(schema::TypeId of, const std::string& name, Context context, int depth = 0);

  const Parts& parts(schema::TypeId type, Context context);
  // To be called when types have been given other names.
  void forget_parts() { parts_.clear(); }
  bool hides(schema::TypeId type, Context context) { return is_active() && parts(type, context).is_hidden; }
  // `member` of a value of type `of`, its offset from the begin of that; `own`: its context.
  bool hides_member(schema::TypeId of, Context context, const schema::Member& member, Context own);
  // Whether anything hidden can be reached from such a value, over pointers too.
  bool leads_to_hidden(schema::TypeId type, Context context);

 private:
  Parts find_parts(schema::TypeId type, Context context, int depth);
  Parts parts_of_array(const schema::Type& type, Context context, int depth);
  Parts parts_of_members(const schema::Type& type, Context context, int depth);
  const Parts& parts_at(schema::TypeId type, Context context, int depth);
  bool hides_by_name(const schema::Type& type) const;

  RedactRules rules_;
  TypeBuilder& types_;
  DynamicTypes* dynamic_;
  std::map<std::pair<std::uint32_t, Context>, Parts> parts_;
};

// Sorts, and joins those that meet.
void merge_ranges(std::vector<Redaction::Range>& ranges);
// Bytes that hold a member: those of its bits, where it is a bit-field.
Redaction::Range bytes_of_member(const schema::Member& member, std::uint64_t size_bytes);
// What of `ranges` lies in [begin, end).
std::vector<Redaction::Range> ranges_within(const std::vector<Redaction::Range>& ranges, std::uint64_t begin,
                                            std::uint64_t end);
// Whether of a member, whose own ranges are `own` from its begin on, other bytes
// are zeroed because of what it shares them with.
bool is_shadowed(const std::vector<Redaction::Range>& of_whole, const schema::Member& member,
                 std::uint64_t size_bytes, const std::vector<Redaction::Range>& own);

}  // namespace backsight::probes
