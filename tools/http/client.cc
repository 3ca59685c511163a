#include "tools/http/client.h"

#include "tools/http/api.h"

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/url.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

namespace backsight::tools {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::seconds kConnectTimeout{5};
constexpr std::chrono::seconds kAnswerTimeout{150};  // a little longer than the server's own
constexpr std::uint64_t kMaxBodyBytes = 1ull << 30;
constexpr std::size_t kMaxNesting = 256;

struct Server {
  std::string host;
  std::string port;
  std::string prefix;  // path in front of /api/v1
};

schema::Result<Server> parse_server(const std::string& text) {
  const std::string full = text.find("://") == std::string::npos ? "http://" + text : text;
  const auto url = boost::urls::parse_uri(full);
  if (!url || url->encoded_host().empty() || !url->encoded_query().empty()) {
    return schema::make_error(schema::ErrorCode::kInvalid, "'" + text + "' is not the address of a collector",
                              "as in --server http://127.0.0.1:7070");
  }
  if (url->scheme() != "http") {
    return schema::make_error(schema::ErrorCode::kUnsupported, "'" + text + "': only http is supported",
                              "as in http://127.0.0.1:7070");
  }
  std::string prefix = url->path();
  while (!prefix.empty() && prefix.back() == '/') prefix.pop_back();
  return Server{url->host_address(), url->has_port() ? std::string(url->port()) : "7070", prefix};
}

std::string target_of(const Server& server, const query::VerbSpec& verb,
                      std::span<const Parameter> parameters) {
  std::string path = server.prefix + "/api/v1/" + std::string(verb.name);
  std::replace(path.begin(), path.end(), ' ', '/');
  // Everything but unreserved characters is encoded: a '+' would mean a space.
  const auto encoded = [](const std::string& text) {
    return boost::urls::encode(text, boost::urls::unreserved_chars);
  };
  char separator = '?';
  for (const Parameter& parameter : parameters) {
    path += std::exchange(separator, '&') + encoded(parameter.name) + "=" + encoded(parameter.value);
  }
  return path;
}

// One exchange, step by step; `failed` and `step` say how far it came.
class Exchange {
 public:
  Exchange(const Server& server, http::request<http::string_body> request)
      : server_(server), request_(std::move(request)), resolver_(io_), stream_(io_) {
    parser_.body_limit(kMaxBodyBytes);
  }

  schema::Result<http::response<http::string_body>> run(const std::string& shown) {
    resolver_.async_resolve(server_.host, server_.port,
                            [this](error_code failed, const tcp::resolver::results_type& found) {
                              if (note(failed, "find")) return;
                              stream_.expires_after(kConnectTimeout);
                              stream_.async_connect(found, [this](error_code refused, const tcp::endpoint&) {
                                if (note(refused, "reach")) return;
                                send();
                              });
                            });
    io_.run();
    if (!failed_) return parser_.release();
    const bool timeout = failed_ == beast::error::timeout;
    return schema::make_error(schema::ErrorCode::kIo,
                              std::string("cannot ") + step_ + " the collector at " + shown + ": " +
                                  (timeout ? std::string("no answer in time") : failed_.message()),
                              failed_ == asio::error::connection_refused
                                  ? "is backsightd running there, with `listen` in its configuration?"
                                  : "check the address, or ask the store directly with --store");
  }

 private:
  bool note(error_code failed, const char* step) {
    failed_ = failed;
    step_ = step;
    return static_cast<bool>(failed);
  }

  void send() {
    stream_.expires_after(kAnswerTimeout);
    http::async_write(stream_, request_, [this](error_code failed, std::size_t) {
      if (note(failed, "ask")) return;
      http::async_read(stream_, buffer_, parser_,
                       [this](error_code broken, std::size_t) { note(broken, "hear"); });
    });
  }

  const Server& server_;
  http::request<http::string_body> request_;
  asio::io_context io_;
  tcp::resolver resolver_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  http::response_parser<http::string_body> parser_;
  error_code failed_;
  const char* step_ = "reach";
};

std::string text_member(const boost::json::object& object, std::string_view key) {
  const boost::json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

schema::Result<boost::json::object> read_answer(const http::response<http::string_body>& response,
                                                const std::string& shown) {
  boost::json::parse_options options;
  options.max_depth = kMaxNesting;
  error_code failed;
  boost::json::value body = boost::json::parse(response.body(), failed, {}, options);
  if (failed || !body.is_object()) {
    return schema::make_error(schema::ErrorCode::kIo,
                              "what answers at " + shown + " is not a collector (status " +
                                  std::to_string(response.result_int()) + ")",
                              "check the address");
  }
  if (response.result() == http::status::ok) return std::move(body.get_object());
  const boost::json::value* error = body.get_object().if_contains("error");
  if (error == nullptr || !error->is_object()) {
    return schema::make_error(schema::ErrorCode::kIo,
                              shown + " answered with status " + std::to_string(response.result_int()));
  }
  const boost::json::object& object = error->get_object();
  return schema::make_error(error_code_of(text_member(object, "code")), text_member(object, "message"),
                            text_member(object, "hint"));
}

}  // namespace

schema::Result<boost::json::object> ask_server(const std::string& server, const query::VerbSpec& verb,
                                               std::span<const Parameter> parameters) {
  try {
    const schema::Result<Server> where = parse_server(server);
    if (!where) return where.error();
    const bool is_v6 = where->host.find(':') != std::string::npos;
    const std::string shown = (is_v6 ? "[" + where->host + "]" : where->host) + ":" + where->port;
    http::request<http::string_body> request(verb.writes ? http::verb::post : http::verb::get,
                                             target_of(*where, verb, parameters), 11);
    request.set(http::field::host, shown);
    request.set(http::field::user_agent, "backsight");
    request.set(http::field::connection, "close");
    request.prepare_payload();
    const auto response = Exchange(*where, std::move(request)).run(shown);
    if (!response) return response.error();
    return read_answer(*response, shown);
  } catch (const std::exception& problem) {
    return schema::make_error(schema::ErrorCode::kInternal,
                              std::string("asking the collector: ") + problem.what());
  }
}

}  // namespace backsight::tools
