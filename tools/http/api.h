// What the HTTP port answers, without sockets: a request in, a response out.
// Thread-safe; may take as long as a question takes.
#pragma once

#include "schema/result.h"
#include "tools/http/alerts.h"
#include "tools/http/request.h"
#include "tools/http/server.h"

#include <atomic>
#include <functional>
#include <string>

namespace backsight::tools {

struct HttpRequest {
  std::string method;
  std::string target;  // origin form: /api/v1/calls?function=f
  std::string host;    // header fields; empty if absent
  std::string origin;
  std::string body;
};

struct HttpResponse {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string allow;  // with 405
};

class HttpApi {
 public:
  HttpApi(const HttpOptions& options, Vocabulary vocabulary, Answer answer, MomentPort moments);

  // Never throws. `cancelled` is handed to the query.
  HttpResponse handle(const HttpRequest& request, const std::atomic<bool>* cancelled) const;
  // Answered without looking at the store.
  static bool is_quick(const HttpRequest& request);

 private:
  HttpResponse route(const HttpRequest& request, const std::atomic<bool>* cancelled) const;
  HttpResponse ask(const HttpRequest& request, std::string verb_path, std::vector<Parameter> parameters,
                   const std::atomic<bool>* cancelled) const;
  HttpResponse take_alerts(const HttpRequest& request) const;
  HttpResponse take_mark(const HttpRequest& request, const std::atomic<bool>* cancelled) const;
  HttpResponse run(const query::VerbSpec& verb, std::vector<Parameter> parameters, bool ndjson,
                   const std::atomic<bool>* cancelled) const;

  HttpOptions options_;
  Vocabulary vocabulary_;
  Answer answer_;
  MomentPort moments_;
};

// {"error":{"code","message","hint"}} with the status that fits.
HttpResponse error_response(const schema::Error& error);
HttpResponse error_response(unsigned status, const std::string& code, const std::string& message,
                            const std::string& hint);
// The names used in "code", and back; kInternal for a name that is not known.
const char* error_code_name(schema::ErrorCode code);
schema::ErrorCode error_code_of(std::string_view name);

}  // namespace backsight::tools
