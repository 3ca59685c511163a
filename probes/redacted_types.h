// The type table of a plan with what is redacted taken out of it: the same type in
// two contexts becomes two, and what is hidden becomes a type without content
// (schema::TypeKind::kRedacted). So whatever leads there, the chase programs and
// the decoder find nothing to follow and nothing to show.
#pragma once

#include "probes/dynamic_types.h"
#include "probes/redaction.h"

#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>
#include <vector>

namespace backsight::probes {

class RedactedTypes {
 public:
  using Context = Redaction::Context;

  // After TypeBuilder::finish(). All outlive it.
  RedactedTypes(Redaction& redaction, TypeBuilder& types, DynamicTypes* dynamic)
      : redaction_(redaction), types_(types), dynamic_(dynamic) {
    redaction_.forget_parts();  // classes of objects have got their whole names
  }

  // What a capture of that type is to be given.
  schema::TypeId of(schema::TypeId type, Context context);
  // Makes all that they lead to. A class that objects may turn out to be of has one
  // type for all contexts in which it may be met: what is hidden in one is in all.
  // False: the types are too many, and some would not be redacted.
  bool finish();
  // Valid after finish(): what replaces a class of DynamicTypes::built().
  schema::TypeId of_class(schema::TypeId type) const;
  // The types made of `type`.
  std::vector<schema::TypeId> made_of(schema::TypeId type) const;
  // What is zeroed of values of the made type; null: nothing.
  const std::vector<Redaction::Range>* blanks(schema::TypeId made) const;

 private:
  struct Work {
    schema::TypeId from;
    schema::TypeId made;
    Context context = 0;
  };

  void fill(const Work& work);
  void meet(schema::TypeId type, Context context);
  schema::TypeId hidden(const schema::Type& type, std::vector<Redaction::Range> blanks);
  schema::TypeId add(schema::Type type);

  Redaction& redaction_;
  TypeBuilder& types_;
  DynamicTypes* dynamic_;
  bool is_full_ = false;
  std::vector<Work> work_;
  std::map<std::pair<std::uint32_t, Context>, schema::TypeId> made_;
  std::unordered_map<std::uint32_t, std::vector<Redaction::Range>> blanks_;
  std::map<std::uint32_t, Context> met_;  // classes, and in which contexts
  std::unordered_map<std::uint32_t, schema::TypeId> classes_;
};

}  // namespace backsight::probes
