// JSON shapes that several answers share (interface.md, 6).
#pragma once

#include "query/args.h"
#include "query/call_scan.h"
#include "query/session.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <functional>
#include <set>
#include <string>

namespace backsight::query {

boost::json::value time_value(const Timeline& timeline, schema::BootTime at);  // RFC 3339
boost::json::object unavailable_object(const UnavailableMap& unavailable);

// How values of a process are shown that were seen at that time.
DecodeOptions decode_options(const store::TimelineReader& reader, schema::ProcessId process,
                             schema::BootTime at);
// The same for evaluating expressions.
DecodeOptions evaluation_options(const store::TimelineReader& reader, schema::ProcessId process,
                                 schema::BootTime at);

// Every value of a call.
CallValues decode_call(const Timeline& timeline, const ScannedCall& call, const schema::Plan& plan);

// One row of `calls`.
boost::json::object call_row(const Timeline& timeline, const ScannedCall& call, const schema::Plan& plan,
                             CallValues values);

// `stack` of a call, innermost first, null where its probe takes none; and in its
// `unavailable` why the stack is not whole ("…" stands where it ends).
void add_stack(boost::json::object& row, const Timeline& timeline, const ScannedCall& call,
               const schema::Plan& plan);

// The call's own id: its entry's, or its exit's where the entry was not seen.
std::string call_event_id(const Timeline& timeline, const store::CallRef& call);

// One row of `gaps`.
boost::json::object gap_row(const Timeline& timeline, const schema::Gap& gap);

// `complete`, `gaps` and, where there is some, `damage` of an answer, gathered
// over the timelines that it came from.
class Completeness {
 public:
  // Gaps that touch [from, to] and the probes (empty set: any) and filters.
  void add(const Timeline& timeline, schema::BootTime from, schema::BootTime to,
           const std::set<std::string>& probes, const Filters& filters);
  void write(boost::json::object& answer);

 private:
  bool complete_ = true;
  boost::json::array gaps_, damage_;
};

}  // namespace backsight::query
