#include "tools/http/api.h"

#include "tools/http/json_text.h"

#include <algorithm>
#include <array>
#include <boost/url.hpp>
#include <exception>
#include <optional>
#include <utility>

namespace backsight::tools {
namespace {

constexpr std::string_view kApiPrefix = "/api/v1/";

struct ErrorName {
  schema::ErrorCode code;
  const char* name;
  unsigned status;
};
constexpr std::array<ErrorName, 9> kErrorNames = {{
    {schema::ErrorCode::kInvalid, "invalid", 400},
    {schema::ErrorCode::kNotFound, "not_found", 404},
    {schema::ErrorCode::kPermission, "permission", 403},
    {schema::ErrorCode::kUnsupported, "unsupported", 501},
    {schema::ErrorCode::kBusy, "busy", 503},
    {schema::ErrorCode::kNoSpace, "no_space", 507},
    {schema::ErrorCode::kCorrupt, "corrupt", 500},
    {schema::ErrorCode::kIo, "io", 500},
    {schema::ErrorCode::kInternal, "internal", 500},
}};

const ErrorName& name_of(schema::ErrorCode code) {
  const auto found = std::find_if(kErrorNames.begin(), kErrorNames.end(),
                                  [&](const ErrorName& entry) { return entry.code == code; });
  return found == kErrorNames.end() ? kErrorNames.back() : *found;
}

HttpResponse text_response(unsigned status, const std::string& text) {
  return {status, "text/plain; charset=utf-8", text, {}};
}

HttpResponse wrong_method(const std::string& method, const std::string& path, const std::string& allow) {
  HttpResponse response =
      error_response(405, "method_not_allowed", method + " is not possible on " + path, "use " + allow);
  response.allow = allow;
  return response;
}

bool is_read(const HttpRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

// The name before the port in "localhost:7070", "[::1]:7070", "127.0.0.1".
std::string_view host_name(std::string_view host) {
  if (!host.empty() && host.front() == '[') return host.substr(1, host.find(']') - 1);
  return host.substr(0, host.find(':'));
}

bool is_loopback_name(std::string_view host) {
  const std::string_view name = host_name(host);
  return name == "localhost" || name == "::1" || name == "ip6-localhost" ||
         (name.substr(0, 4) == "127." && name.find_first_not_of("0123456789.") == std::string_view::npos);
}

// A web page in the user's browser reaches loopback too: under its own name
// (DNS rebinding: Host) or as a foreign origin (Origin).
std::optional<HttpResponse> refuse_foreign(const HttpRequest& request) {
  if (!request.host.empty() && !is_loopback_name(request.host)) {
    return error_response(403, "permission", "the Host header does not name this machine's loopback",
                          "ask http://127.0.0.1 or http://localhost");
  }
  const std::size_t scheme = request.origin.find("://");
  const bool local = scheme != std::string::npos && is_loopback_name(request.origin.substr(scheme + 3));
  if (!request.origin.empty() && !local) {
    return error_response(403, "permission", "requests of foreign web pages are refused",
                          "leave the Origin header out");
  }
  return std::nullopt;
}

struct Target {
  std::string path;
  std::vector<Parameter> parameters;
};

std::optional<Target> parse_target(const std::string& text) {
  const auto url = boost::urls::parse_origin_form(text);
  if (!url) return std::nullopt;
  Target target;
  target.path = url->path();
  for (const auto& parameter : url->params()) {
    target.parameters.push_back({parameter.key, parameter.has_value ? parameter.value : std::string()});
  }
  return target;
}

bool has_control(const std::string& text) {
  return std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

}  // namespace

const char* error_code_name(schema::ErrorCode code) {
  return name_of(code).name;
}

schema::ErrorCode error_code_of(std::string_view name) {
  for (const ErrorName& entry : kErrorNames)
    if (name == entry.name) return entry.code;
  if (name == "unauthorized") return schema::ErrorCode::kPermission;
  if (name == "method_not_allowed" || name == "too_large") return schema::ErrorCode::kInvalid;
  return schema::ErrorCode::kInternal;
}

HttpResponse error_response(unsigned status, const std::string& code, const std::string& message,
                            const std::string& hint) {
  const boost::json::object error{{"code", code}, {"message", message}, {"hint", hint}};
  HttpResponse response;
  response.status = status;
  response.body = to_json_text({{"error", error}}, JsonLayout::kCompact) + "\n";
  return response;
}

HttpResponse error_response(const schema::Error& error) {
  const ErrorName& name = name_of(error.code);
  return error_response(name.status, name.name, error.message, error.hint);
}

HttpApi::HttpApi(const HttpOptions& options, Vocabulary vocabulary, Answer answer, MomentPort moments)
    : options_(options), vocabulary_(vocabulary), answer_(std::move(answer)), moments_(std::move(moments)) {}

bool HttpApi::is_quick(const HttpRequest& request) {
  return request.target.compare(0, kApiPrefix.size(), kApiPrefix) != 0;
}

HttpResponse HttpApi::handle(const HttpRequest& request, const std::atomic<bool>* cancelled) const {
  try {
    // Who has shown a token is no web page of somebody else's.
    if (options_.token_file.empty()) {
      if (std::optional<HttpResponse> refused = refuse_foreign(request)) return *refused;
    }
    return route(request, cancelled);
  } catch (const std::exception& problem) {
    return error_response(schema::make_error(schema::ErrorCode::kInternal, problem.what(),
                                             "this is a mistake in Backsight: please report it"));
  }
}

HttpResponse HttpApi::route(const HttpRequest& request, const std::atomic<bool>* cancelled) const {
  std::optional<Target> target = parse_target(request.target);
  if (!target || has_control(target->path)) {
    return error_response(400, "invalid", "the request target is not a valid path",
                          "as in /api/v1/calls?function=f, percent-encoded");
  }
  const std::string& path = target->path;
  if (path == "/healthz" || path == "/readyz" || path == "/metrics") {
    if (!is_read(request)) return wrong_method(request.method, path, "GET");
    if (path == "/healthz") return text_response(200, "ok\n");
    if (path == "/metrics") {
      return {
          200, "text/plain; version=0.0.4; charset=utf-8", options_.metrics ? options_.metrics() : "", {}};
    }
    const bool ready = !options_.ready || options_.ready();
    return text_response(ready ? 200 : 503, ready ? "ready\n" : "not ready\n");
  }
  if (path.compare(0, kApiPrefix.size(), kApiPrefix) == 0) {
    return ask(request, path.substr(kApiPrefix.size()), std::move(target->parameters), cancelled);
  }
  return error_response(404, "not_found", "there is nothing at " + path,
                        "try /metrics, /healthz, /readyz, /api/v1/services");
}

HttpResponse HttpApi::ask(const HttpRequest& request, std::string verb_path,
                          std::vector<Parameter> parameters, const std::atomic<bool>* cancelled) const {
  if (verb_path == "alerts" || verb_path == "marks") {
    if (request.method != "POST") return wrong_method(request.method, "/api/v1/" + verb_path, "POST");
    if (!parameters.empty()) {
      return error_response(400, "invalid", "'" + parameters[0].name + "' is not a parameter of " + verb_path,
                            "everything is in the body");
    }
    return verb_path == "alerts" ? take_alerts(request) : take_mark(request, cancelled);
  }
  std::replace(verb_path.begin(), verb_path.end(), '/', ' ');
  const query::VerbSpec* verb = vocabulary_.find(verb_path);
  if (verb == nullptr) {
    std::vector<std::string> names;
    for (const query::VerbSpec& known : vocabulary_.verbs) names.emplace_back(known.name);
    const std::string near = nearest_name(verb_path, names);
    std::string all;
    for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
    return error_response(404, "not_found", "there is no question '" + verb_path + "'",
                          near.empty() ? "one of " + all : "did you mean '" + near + "'?");
  }
  if (verb->writes ? request.method != "POST" : !is_read(request)) {
    return wrong_method(request.method, "/api/v1/" + verb_path, verb->writes ? "POST" : "GET");
  }
  bool ndjson = false;
  const auto format = std::find_if(parameters.begin(), parameters.end(),
                                   [](const Parameter& parameter) { return parameter.name == "format"; });
  if (format != parameters.end()) {
    if (format->value != "json" && format->value != "ndjson") {
      return error_response(400, "invalid", "'" + format->value + "' is not a format", "json or ndjson");
    }
    ndjson = format->value == "ndjson";
    parameters.erase(format);
  }
  return run(*verb, std::move(parameters), ndjson, cancelled);
}

HttpResponse HttpApi::run(const query::VerbSpec& verb, std::vector<Parameter> parameters, bool ndjson,
                          const std::atomic<bool>* cancelled) const {
  schema::Result<query::Request> question = build_request(vocabulary_, verb, parameters);
  if (!question) return error_response(question.error());
  question->store_path = options_.store_path;
  question->cancelled = cancelled;
  const schema::Result<boost::json::object> answered = answer_(*question);
  if (!answered) return error_response(answered.error());
  HttpResponse response;
  if (ndjson) {
    response.content_type = "application/x-ndjson";
    response.body = to_ndjson(*answered, verb.rows_key);
  } else {
    response.body = to_json_text(*answered, JsonLayout::kCompact) + "\n";
  }
  return response;
}

HttpResponse HttpApi::take_alerts(const HttpRequest& request) const {
  const schema::Result<std::vector<Alert>> alerts = parse_alerts(request.body);
  if (!alerts) return error_response(alerts.error());
  if (const auto recorded = record_alerts(*alerts, moments_, options_.alert_lookback_ns); !recorded) {
    return error_response(recorded.error());
  }
  boost::json::array names;
  for (const Alert& alert : *alerts) names.emplace_back("alert:" + alert.fingerprint);
  HttpResponse response;
  response.body = to_json_text({{"schema_version", 1}, {"moments", names}}, JsonLayout::kCompact) + "\n";
  return response;
}

HttpResponse HttpApi::take_mark(const HttpRequest& request, const std::atomic<bool>* cancelled) const {
  constexpr const char* kHint =
      "send {\"name\":\"deploy-17\",\"at\":\"now\",\"text\":\"…\"}; only name is needed";
  boost::system::error_code failed;
  const boost::json::value root = boost::json::parse(request.body, failed);
  if (failed || !root.is_object()) {
    return error_response(400, "invalid",
                          "the body is not a JSON object" + (failed ? ": " + failed.message() : ""), kHint);
  }
  std::vector<Parameter> parameters;
  for (const auto& member : root.get_object()) {
    if (!member.value().is_string()) {
      return error_response(400, "invalid", json_quoted(member.key()) + " is not a string", kHint);
    }
    parameters.push_back({member.key(), std::string(member.value().get_string())});
  }
  const query::VerbSpec* verb = vocabulary_.find("mark");
  if (verb == nullptr) return error_response(501, "unsupported", "this build has no verb 'mark'", "");
  return run(*verb, std::move(parameters), false, cancelled);
}

}  // namespace backsight::tools
