#include "query/session.h"

#include "query/suggest.h"
#include "schema/event.h"

#include <charconv>
#include <limits>
#include <utility>

namespace backsight::query {

using schema::ErrorCode;
using schema::make_error;
using schema::Result;
using schema::WallTime;

bool Filters::takes_process(const schema::Process* process) const {
  if (!pid && !host) return true;
  if (process == nullptr) return false;
  return (!pid || process->pid == *pid) && (!host || process->host == *host);
}

bool Filters::takes(const schema::Process* process, std::uint32_t thread_id) const {
  return (!tid || *tid == thread_id) && takes_process(process);
}

const schema::Process* find_process(const store::TimelineReader& reader, schema::ProcessId id) {
  const auto found = reader.processes().find(id);
  return found == reader.processes().end() ? nullptr : &found->second;
}

Session::Session(const Request& request, Source& source)
    : request_(request), source_(source), now_(schema::read_clocks().wall) {}

bool Session::cancelled() const {
  return request_.cancelled != nullptr && request_.cancelled->load(std::memory_order_relaxed);
}

std::optional<std::string> Session::option(const std::string& name) const {
  const auto found = request_.options.find(name);
  if (found == request_.options.end()) return std::nullopt;
  return found->second;
}

Result<std::optional<std::uint64_t>> Session::limit() const {
  const auto text = option("limit");
  if (!text) return std::optional<std::uint64_t>();
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text->data() + text->size() || value == 0) {
    return make_error(ErrorCode::kInvalid, "--limit: '" + *text + "' is not a number above 0");
  }
  return std::optional(value);
}

Result<std::optional<std::uint32_t>> Session::number_option(const std::string& name) const {
  const auto text = option(name);
  if (!text) return std::optional<std::uint32_t>();
  std::uint32_t value = 0;
  const auto parsed = std::from_chars(text->data(), text->data() + text->size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text->data() + text->size()) {
    return make_error(ErrorCode::kInvalid, "--" + name + ": '" + *text + "' is not a number");
  }
  return std::optional(value);
}

Result<Filters> Session::filters() const {
  Filters filters;
  auto pid = number_option("process");
  if (!pid) return pid.error();
  auto tid = number_option("thread");
  if (!tid) return tid.error();
  filters.pid = *pid;
  filters.tid = *tid;
  filters.host = option("host");
  return filters;
}

Result<std::vector<std::string>> Session::service_names() {
  auto spans = source_.list_services();
  if (!spans) return spans.error();
  std::vector<std::string> names;
  for (const store::ServiceSpan& span : *spans) names.push_back(span.service);
  return names;
}

Result<std::vector<std::string>> Session::selected_services() {
  auto names = service_names();
  if (!names) return names.error();
  const auto wanted = option("service");
  if (!wanted) return *names;
  for (const std::string& name : *names) {
    if (name == *wanted) return std::vector{name};
  }
  return make_error(ErrorCode::kNotFound, "no service '" + *wanted + "' in the store " + request_.store_path,
                    names->empty() ? "nothing is recorded there yet" : suggestion(*wanted, *names));
}

Result<Timeline> Session::open(const std::string& service) {
  auto reader = source_.open_reader(service);
  if (!reader) return reader.error();
  return Timeline{service, std::move(*reader)};
}

Result<std::vector<Timeline>> Session::open_selected() {
  auto names = selected_services();
  if (!names) return names.error();
  std::vector<Timeline> timelines;
  for (const std::string& name : *names) {
    auto timeline = open(name);
    if (!timeline) return timeline.error();
    timelines.push_back(std::move(*timeline));
  }
  return timelines;
}

Result<Timeline> Session::open_one() {
  auto names = selected_services();
  if (!names) return names.error();
  if (names->size() == 1) return open(names->front());
  if (names->empty()) {
    return make_error(ErrorCode::kNotFound, "nothing is recorded in the store " + request_.store_path,
                      "is backsightd running with this store?");
  }
  std::string all;
  for (const std::string& name : *names) all += (all.empty() ? "" : ", ") + name;
  return make_error(ErrorCode::kInvalid,
                    "'" + request_.verb + "' asks one service, and the store has several: " + all,
                    "choose one with --service");
}

Result<std::optional<WallTime>> Session::time_option(const std::string& name) {
  const auto text = option(name);
  if (!text) return std::optional<WallTime>();
  const TimeNames names{now_,
                        [this](std::string_view kind, const std::string& id) { return find_time(kind, id); }};
  const auto time = resolve_time(*text, names);
  if (!time) return time.error().within("--" + name);
  return std::optional(*time);
}

Result<WallTime> Session::find_time(std::string_view kind, const std::string& name) {
  if (kind == "event") return event_time(name);
  auto moments = source_.load_moments();
  if (!moments) return moments.error();
  const schema::MomentKind wanted = kind == "alert" ? schema::MomentKind::kAlert : schema::MomentKind::kMark;
  std::vector<std::string> there;
  const schema::Moment* latest = nullptr;
  for (const schema::Moment& moment : *moments) {
    if (moment.kind != wanted) continue;
    if (moment.name == name) return moment.at;
    there.push_back(moment.name);
    if (latest == nullptr || latest->at <= moment.at) latest = &moment;
  }
  if (kind == "alert" && name == "latest") {
    if (latest != nullptr) return latest->at;
    return make_error(ErrorCode::kNotFound, "no alert has been received yet",
                      "POST it to /api/v1/alerts, or see `backsight moments`");
  }
  return make_error(ErrorCode::kNotFound, "no " + std::string(kind) + " '" + name + "'",
                    there.empty() ? "see `backsight moments`" : suggestion(name, there));
}

Result<WallTime> Session::event_time(const std::string& id) {
  const auto not_found =
      make_error(ErrorCode::kNotFound, "no event '" + id + "'", "event ids are SERVICE:SEQUENCE");
  const auto parsed = parse_event_id(id);
  if (!parsed) return not_found;
  auto names = service_names();
  if (!names) return names.error();
  for (const std::string& name : *names) {
    if (name != parsed->service) continue;
    auto timeline = open(name);
    if (!timeline) return timeline.error();
    const auto row = timeline->reader->load(parsed->sequence);
    if (!row) return row.error().code == ErrorCode::kNotFound ? not_found : row.error();
    const auto event = schema::EventView::parse(*row);
    if (!event) return event.error();
    return timeline->reader->clock().to_wall(event->time());
  }
  return not_found;
}

Result<Span> Session::span(const Timeline& timeline) {
  auto from = time_option("from");
  if (!from) return from.error();
  auto to = time_option("to");
  if (!to) return to.error();
  if (*from && *to && **to < **from) {
    return make_error(ErrorCode::kInvalid, "--to (" + schema::format_rfc3339(**to) + ") is before --from (" +
                                               schema::format_rfc3339(**from) + ")");
  }
  Span span{
      {std::numeric_limits<std::int64_t>::min()}, {std::numeric_limits<std::int64_t>::max()}, !*from, !*to};
  const schema::ClockSeries& clock = timeline.reader->clock();
  if (*from) span.from = clock.to_boot(**from);
  if (*to) span.to = clock.to_boot(**to);
  return span;
}

std::string event_id(const std::string& service, schema::Sequence sequence) {
  return service + ":" + std::to_string(sequence.value);
}

std::optional<EventId> parse_event_id(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  EventId id{std::string(text.substr(0, colon)), {}};
  const std::string_view digits = text.substr(colon + 1);
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), id.sequence.value);
  if (digits.empty() || parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size())
    return std::nullopt;
  return id;
}

}  // namespace backsight::query
