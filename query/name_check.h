// Does a name or member of an expression exist in a plan at all? From the type
// table alone, before any value is looked at, so that a typing mistake is an
// error instead of an empty answer.
#pragma once

#include "schema/expression.h"
#include "schema/plan.h"

#include <optional>
#include <set>
#include <string>

namespace backsight::query {

struct UnknownName {
  const schema::Expression* where = nullptr;
  std::string name;
  bool is_member = false;
  std::set<std::string> known;  // what could stand there
};

// The first unknown name of `expression`, in text order; nothing if all exist,
// or may exist as far as the types tell.
std::optional<UnknownName> find_unknown_name(const schema::Expression& expression, const schema::Plan& plan);

// The parts m[key] and contains(m, key) of `expression` of which m is a map with
// one value for each key, as far as the types tell.
std::set<const schema::Expression*> find_map_lookups(const schema::Expression& expression,
                                                     const schema::Plan& plan);

// The enumerator meant by `name` ("kOpen", "State::kOpen"), as values show it.
std::optional<std::string> find_enumerator(const schema::Plan& plan, const std::string& name);

// Where a capture is shown: its path in the natural tree, or its name alone.
std::vector<std::string> place_of(const schema::Capture& capture);
// Index of the capture that this part of an expression is, as it stands.
std::optional<std::size_t> find_capture(const schema::Expression& part, const schema::Plan& plan);

}  // namespace backsight::query
