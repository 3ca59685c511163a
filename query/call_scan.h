// Pairs the events of a span into calls by the stack rule (store/call_fold.h).
// Reads from the keyframe before the span on, and past its end only while a
// chosen call is still open.
#pragma once

#include "query/session.h"
#include "schema/event.h"
#include "store/call_fold.h"
#include "store/timeline.h"

#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <vector>

namespace backsight::query {

// A call that intersects the span, with its events' rows.
struct ScannedCall {
  store::CallRef ref;
  store::ExitKind exit_kind = store::ExitKind::kOpen;
  std::optional<schema::EventView> entry;  // nothing: not seen, or not readable any more
  std::optional<schema::EventView> exit;   // its return event
};

struct CallScan {
  Span span;
  std::set<schema::PlanId> plans;
  Filters filters;
  // In the order in which calls end; open ones last. False: enough.
  std::function<bool(const ScannedCall&)> on_call;
  // Every chosen call with an entry sequence below this has been delivered.
  // Called now and then; false: enough.
  std::function<bool(schema::Sequence)> on_progress;
};

// An event of a chosen plan, for those who look at events rather than calls.
schema::Result<void> scan_calls(Session& session, const Timeline& timeline, const CallScan& scan);

// The row of `sequence`; nothing if it is gone or damaged.
std::optional<std::vector<std::byte>> load_row(store::TimelineReader& reader, schema::Sequence sequence);

}  // namespace backsight::query
