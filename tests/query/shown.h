// One captured value, from a hand-made row to JSON.
#pragma once

#include "query/value_decoder.h"
#include "tests/query/sample.h"

#include <string>

namespace backsight::query::test {

struct Shown {
  boost::json::value value;
  UnavailableMap unavailable;
};

struct ShowOptions {
  std::uint32_t depth = 3;
  std::uint32_t elements = 32;
  std::string expression = "v";
  std::map<std::uint64_t, std::string> code_names = {};
};

// The only capture, `v`, of `type`.
inline Shown show(const schema::TypeTable& types, schema::TypeId type, const Row& row,
                  const ShowOptions& options = {}) {
  schema::Plan plan;
  plan.types = types;
  plan.limits.depth = options.depth;
  plan.limits.elements = options.elements;
  plan.captures = {capture(options.expression, type, {"v"})};
  const auto bytes = row.finish();
  const auto event = schema::EventView::parse(bytes).value();
  Shown shown;
  DecodeOptions decode;
  decode.code_name = [&](std::uint64_t address) -> std::optional<std::string> {
    const auto found = options.code_names.find(address);
    if (found == options.code_names.end()) return std::nullopt;
    return found->second;
  };
  ValueDecoder decoder(event, plan, decode, shown.unavailable);
  shown.value = decoder.capture(0, "v");
  return shown;
}

inline Row entry_row() {
  return Row(schema::EventKind::kEntry, 1, 1, 1, 1, 0x7000);
}

}  // namespace backsight::query::test
