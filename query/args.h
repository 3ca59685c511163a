// The values of one call: what its entry and return events saw, merged into
// the natural tree of `args`, and the returned value.
#pragma once

#include "query/value_decoder.h"
#include "schema/event.h"
#include "schema/plan.h"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <string>
#include <vector>

namespace backsight::query {

struct CallValues {
  boost::json::object args;
  boost::json::value result;  // null: none
  bool has_result = false;    // the return event was seen, and its value looked at
  UnavailableMap unavailable;
};

// Name of a capture in `args` where it has no place in the natural tree.
const std::string& shown_name(const schema::Capture& capture);
// `ret` or a part of it.
bool is_result(const schema::Capture& capture);
// Dotted path in `unavailable`: "order.id", "skus"; "return" for ret.
std::string shown_path(const schema::Capture& capture);

// Adds what `event` saw to `values`: entry events the captures at entry, return
// events those at return. `wanted`: only the captures marked there (by index);
// null: all.
void add_event(CallValues& values, const schema::EventView& event, const schema::Plan& plan,
               const std::vector<bool>* wanted, DecodeOptions options);

}  // namespace backsight::query
