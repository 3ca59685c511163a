// The stack of a call as it is shown (interface.md, 6).
#include "query/render.h"
#include "schema/stack.h"

#include <boost/json.hpp>

#include <array>
#include <cstdio>
#include <string>

namespace backsight::query {
namespace {

using schema::Stack;
using schema::StackEnd;

constexpr const char* kMore = "\u2026";

void add_lines(boost::json::array& frames, std::string_view lines) {
  for (;;) {
    const auto end = lines.find('\n');
    frames.emplace_back(lines.substr(0, end));
    if (end == std::string_view::npos) return;
    lines.remove_prefix(end + 1);
  }
}

std::string hex(std::uint64_t address) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "0x%llx", static_cast<unsigned long long>(address));
  return text.data();
}

struct Shown {
  boost::json::array frames;
  StackEnd end = StackEnd::kUndefined;
};

Shown show(const Timeline& timeline, const Stack& stack, schema::StackKind kind, schema::BootTime at) {
  Shown shown;
  shown.end = stack.end;
  for (std::size_t i = 0; i < stack.addresses.size(); ++i) {
    const auto key = schema::stack_code_address(kind, i, stack.addresses[i]);
    const auto name = timeline.reader->code_name(stack.process, key, at);
    if (name && name->empty()) {  // no code: nothing behind it is believed
      shown.end = StackEnd::kBadAddress;
      break;
    }
    if (name)
      add_lines(shown.frames, *name);
    else
      shown.frames.emplace_back(hex(stack.addresses[i]));
  }
  return shown;
}

}  // namespace

void add_stack(boost::json::object& row, const Timeline& timeline, const ScannedCall& call,
               const schema::Plan& plan) {
  row["stack"] = nullptr;
  if (plan.stack == schema::StackKind::kNone) return;
  const auto& event = plan.on_entry ? call.entry : call.exit;
  if (!event) return;  // the half of the call that was not seen
  const auto id = event->stack();
  const auto stack = id ? timeline.reader->stack(*id) : std::nullopt;
  Shown shown;
  if (stack) shown = show(timeline, *stack, plan.stack, event->time());
  if (shown.end != StackEnd::kOutermost) {
    row["unavailable"].as_object()["stack"] = schema::to_string(shown.end);
    if (!shown.frames.empty()) shown.frames.emplace_back(kMore);
  }
  if (!shown.frames.empty()) row["stack"] = std::move(shown.frames);
}

}  // namespace backsight::query
