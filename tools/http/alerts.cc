#include "tools/http/alerts.h"

#include "schema/time.h"
#include "tools/http/json_text.h"

#include <algorithm>
#include <boost/json.hpp>

namespace backsight::tools {
namespace {

constexpr std::int64_t kPinAfterNs = 10'000'000'000;
constexpr std::size_t kMaxTextBytes = 4096;

schema::Error invalid(const std::string& message, const std::string& hint) {
  return schema::make_error(schema::ErrorCode::kInvalid, message, hint);
}

const char* const kShapeHint =
    "send Alertmanager's webhook body, version 4: {\"version\":\"4\",\"alerts\":[…]}";

schema::Result<std::string> text_field(const boost::json::object& object, std::string_view key,
                                       const std::string& where) {
  const boost::json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) {
    return invalid(where + " has no string '" + std::string(key) + "'", kShapeHint);
  }
  return std::string(value->get_string());
}

schema::Result<schema::WallTime> time_field(const boost::json::object& alert, std::string_view key,
                                            const std::string& where) {
  const schema::Result<std::string> text = text_field(alert, key, where);
  if (!text) return text.error();
  const schema::Result<schema::WallTime> time = schema::parse_rfc3339(*text);
  if (!time || time->ns <= 0) {
    return invalid(where + "." + std::string(key) + " is not a time after 1970: " + json_quoted(*text),
                   "RFC 3339, as in 2026-11-22T10:03:00Z");
  }
  return *time;
}

schema::Result<boost::json::object> object_field(const boost::json::object& alert, std::string_view key,
                                                 const std::string& where) {
  const boost::json::value* value = alert.if_contains(key);
  if (value == nullptr || value->is_null()) return boost::json::object();
  if (!value->is_object()) return invalid(where + "." + std::string(key) + " is not an object", kShapeHint);
  return value->get_object();
}

std::string describe(const boost::json::object& labels, const boost::json::object& annotations) {
  const auto text_of = [](const boost::json::object& object, std::string_view key) {
    const boost::json::value* value = object.if_contains(key);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
  };
  std::string text = text_of(labels, "alertname");
  for (std::string_view key : {"summary", "description", "message"}) {
    const std::string more = text_of(annotations, key);
    if (more.empty()) continue;
    text += (text.empty() ? "" : ": ") + more;
    break;
  }
  if (text.size() > kMaxTextBytes) text.resize(kMaxTextBytes);
  return text;
}

bool is_fingerprint(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '.';
  };
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), allowed);
}

schema::Result<Alert> parse_alert(const boost::json::value& element, const std::string& where) {
  if (!element.is_object()) return invalid(where + " is not an object", kShapeHint);
  const boost::json::object& object = element.get_object();
  Alert alert;
  const auto fingerprint = text_field(object, "fingerprint", where);
  if (!fingerprint) return fingerprint.error();
  if (!is_fingerprint(*fingerprint)) {
    return invalid(where + ".fingerprint cannot be a name: " + json_quoted(fingerprint->substr(0, 80)),
                   "letters, digits, '_' and '.', at most 64");
  }
  alert.fingerprint = *fingerprint;
  const auto starts_at = time_field(object, "startsAt", where);
  if (!starts_at) return starts_at.error();
  alert.starts_at = *starts_at;
  const auto status = text_field(object, "status", where);
  if (!status) return status.error();
  if (*status == "resolved") {
    const auto ends_at = time_field(object, "endsAt", where);
    if (!ends_at) return ends_at.error();
    alert.resolved_at = *ends_at;
  } else if (*status != "firing") {
    return invalid(where + ".status is " + json_quoted(*status), "'firing' or 'resolved'");
  }
  auto labels = object_field(object, "labels", where);
  if (!labels) return labels.error();
  auto annotations = object_field(object, "annotations", where);
  if (!annotations) return annotations.error();
  alert.text = describe(*labels, *annotations);
  alert.labels_json =
      to_json_text({{"labels", *labels}, {"annotations", *annotations}}, JsonLayout::kCompact);
  return alert;
}

}  // namespace

schema::Result<std::vector<Alert>> parse_alerts(std::string_view body) {
  boost::system::error_code failed;
  const boost::json::value root = boost::json::parse({body.data(), body.size()}, failed);
  if (failed) return invalid("the body is not JSON: " + failed.message(), kShapeHint);
  if (!root.is_object()) return invalid("the body is not a JSON object", kShapeHint);
  const boost::json::value* version = root.get_object().if_contains("version");
  if (version == nullptr || *version != "4") {
    return invalid("'version' is " + (version == nullptr ? "missing" : to_json_text(*version, {})),
                   kShapeHint);
  }
  const boost::json::value* list = root.get_object().if_contains("alerts");
  if (list == nullptr || !list->is_array()) return invalid("there is no array 'alerts'", kShapeHint);
  std::vector<Alert> alerts;
  for (const boost::json::value& element : list->get_array()) {
    auto alert = parse_alert(element, "alerts[" + std::to_string(alerts.size()) + "]");
    if (!alert) return alert.error();
    alerts.push_back(std::move(*alert));
  }
  return alerts;
}

schema::Result<void> record_alerts(const std::vector<Alert>& alerts, const MomentPort& port,
                                   std::int64_t lookback_ns) {
  if (alerts.empty()) return {};
  schema::Result<std::vector<schema::Moment>> known = port.load_moments();
  if (!known) return known.error();
  for (const Alert& alert : alerts) {
    const auto same = std::find_if(known->begin(), known->end(), [&](const schema::Moment& moment) {
      return moment.kind == schema::MomentKind::kAlert && moment.name == alert.fingerprint;
    });
    schema::Moment moment{schema::MomentKind::kAlert, alert.fingerprint, alert.starts_at, alert.text, {},
                          alert.labels_json,          alert.resolved_at};
    const bool seen = same != known->end() && same->at == alert.starts_at;
    if (same != known->end() && same->at > alert.starts_at) continue;  // late: a newer firing is known
    if (seen && !moment.resolved_at) moment.resolved_at = same->resolved_at;
    if (!seen) {
      // The pin first: a moment that is known counts as pinned.
      BACKSIGHT_TRY(port.put_pin({"alert:" + alert.fingerprint,
                                  {std::max<std::int64_t>(0, alert.starts_at.ns - lookback_ns)},
                                  {alert.starts_at.ns + kPinAfterNs}}));
      known->push_back(moment);
    }
    if (seen && *same == moment) continue;
    BACKSIGHT_TRY(port.put_moment(moment));
    if (seen) *same = moment;
  }
  return {};
}

}  // namespace backsight::tools
