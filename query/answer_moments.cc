// mark, moments, pin, unpin: names for moments and spans.
#include "query/answers.h"
#include "query/suggest.h"

#include <boost/json.hpp>

#include <algorithm>
#include <utility>

namespace backsight::query {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;
using schema::ErrorCode;
using schema::make_error;

object moment_row(const schema::Moment& moment) {
  object row;
  row["kind"] = schema::to_string(moment.kind);
  row["name"] = moment.name;
  row["at"] = schema::format_rfc3339(moment.at);
  row["text"] = moment.text;
  row["service"] = moment.service.empty() ? value() : value(moment.service);
  boost::system::error_code malformed;
  value labels = boost::json::parse(moment.labels_json, malformed);
  row["labels"] = malformed ? value() : std::move(labels);
  row["resolved"] = moment.resolved_at ? value(schema::format_rfc3339(*moment.resolved_at)) : value();
  return row;
}

object pin_row(const schema::Pin& pin) {
  return {
      {"name", pin.name}, {"from", schema::format_rfc3339(pin.from)}, {"to", schema::format_rfc3339(pin.to)}};
}

// Names are typed again inside a TIME; only what cannot be typed is refused.
schema::Result<std::string> checked_name(Session& session) {
  const std::string& name = session.request().positionals.at(0);
  const bool printable = std::none_of(
      name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  if (name.empty() || name.size() > 256 || !printable) {
    return make_error(ErrorCode::kInvalid, "'" + name.substr(0, 64) + "' is not a name",
                      "1 to 256 characters, none of them a control character");
  }
  return name;
}

}  // namespace

Answer answer_mark(Session& session) {
  auto name = checked_name(session);
  if (!name) return name.error();
  auto at = session.time_option("at");
  if (!at) return at.error();
  schema::Moment moment;
  moment.kind = schema::MomentKind::kMark;
  moment.name = *name;
  moment.at = at->value_or(session.now());
  moment.text = session.option("text").value_or("");
  moment.service = session.option("service").value_or("");
  BACKSIGHT_TRY(session.source().put_moment(moment));
  object answer;
  answer["moments"] = array{moment_row(moment)};
  return answer;
}

Answer answer_moments(Session& session) {
  auto limit = session.limit();
  if (!limit) return limit.error();
  auto from = session.time_option("from");
  if (!from) return from.error();
  auto to = session.time_option("to");
  if (!to) return to.error();
  auto moments = session.source().load_moments();
  if (!moments) return moments.error();
  auto pins = session.source().load_pins();
  if (!pins) return pins.error();
  const auto service = session.option("service");
  object answer;
  array& rows = answer["moments"].emplace_array();
  for (const schema::Moment& moment : *moments) {
    if (service && !moment.service.empty() && moment.service != *service) continue;
    if ((*from && moment.at < **from) || (*to && moment.at >= **to)) continue;
    if (!*limit || rows.size() < **limit) rows.push_back(moment_row(moment));
  }
  array& spans = answer["pins"].emplace_array();
  for (const schema::Pin& pin : *pins) spans.push_back(pin_row(pin));
  return answer;
}

Answer answer_pin(Session& session) {
  auto name = checked_name(session);
  if (!name) return name.error();
  auto from = session.time_option("from");
  if (!from) return from.error();
  auto to = session.time_option("to");
  if (!to) return to.error();
  if (!*from || !*to || **to <= **from) {
    return make_error(ErrorCode::kInvalid, "a pin needs --from and a later --to",
                      "for example --from alert:latest-5m --to alert:latest+1m");
  }
  const schema::Pin pin{*name, **from, **to};
  BACKSIGHT_TRY(session.source().put_pin(pin));
  object answer;
  answer["pins"] = array{pin_row(pin)};
  return answer;
}

Answer answer_unpin(Session& session) {
  const std::string& name = session.request().positionals.at(0);
  auto pins = session.source().load_pins();
  if (!pins) return pins.error();
  std::vector<std::string> names;
  const schema::Pin* found = nullptr;
  for (const schema::Pin& pin : *pins) {
    names.push_back(pin.name);
    if (pin.name == name) found = &pin;
  }
  if (found == nullptr) {
    return make_error(ErrorCode::kNotFound, "no pin '" + name + "'",
                      names.empty() ? "nothing is pinned" : suggestion(name, names));
  }
  BACKSIGHT_TRY(session.source().delete_pin(name));
  object answer;
  answer["pins"] = array{pin_row(*found)};
  return answer;
}

}  // namespace backsight::query
