// One question being answered: its options, parsed, and the timelines that it
// asks, opened.
#pragma once

#include "query/source.h"
#include "query/times.h"
#include "query/verbs.h"
#include "schema/result.h"
#include "schema/time.h"
#include "store/timeline.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace backsight::query {

struct Timeline {
  std::string service;
  std::unique_ptr<store::TimelineReader> reader;
};

// [from, to); an open end is the least or greatest time.
struct Span {
  schema::BootTime from, to;
  bool from_beginning = true;
  bool to_end = true;
};

// --process, --thread, --host
struct Filters {
  std::optional<std::uint32_t> pid, tid;
  std::optional<std::string> host;

  // `process` may be null: its facts are not there.
  bool takes_process(const schema::Process* process) const;
  bool takes(const schema::Process* process, std::uint32_t thread_id) const;
};

const schema::Process* find_process(const store::TimelineReader& reader, schema::ProcessId id);

class Session {
 public:
  Session(const Request& request, Source& source);

  const Request& request() const { return request_; }
  Source& source() { return source_; }
  schema::WallTime now() const { return now_; }
  bool cancelled() const;

  std::optional<std::string> option(const std::string& name) const;
  schema::Result<std::optional<std::uint64_t>> limit() const;
  schema::Result<Filters> filters() const;

  // The service of -s, or every one.
  schema::Result<std::vector<std::string>> selected_services();
  schema::Result<std::vector<Timeline>> open_selected();
  // The service of -s, or the only one.
  schema::Result<Timeline> open_one();

  // Nothing where the option is not given.
  schema::Result<std::optional<schema::WallTime>> time_option(const std::string& name);
  // --from and --to, checked to be in order.
  schema::Result<Span> span(const Timeline& timeline);

 private:
  schema::Result<std::optional<std::uint32_t>> number_option(const std::string& name) const;
  schema::Result<schema::WallTime> find_time(std::string_view kind, const std::string& name);
  schema::Result<schema::WallTime> event_time(const std::string& id);
  schema::Result<std::vector<std::string>> service_names();
  schema::Result<Timeline> open(const std::string& service);

  const Request& request_;
  Source& source_;
  schema::WallTime now_;
};

// "SERVICE:SEQUENCE", as in `event:ID`.
std::string event_id(const std::string& service, schema::Sequence sequence);
struct EventId {
  std::string service;
  schema::Sequence sequence;
};
std::optional<EventId> parse_event_id(std::string_view text);

}  // namespace backsight::query
