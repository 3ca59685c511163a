#include "tools/http/client.h"

#include "tools/http/api.h"
#include "tools/http/tls.h"
#include "tools/http/token.h"

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
  bool tls = false;
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
  if (url->scheme() != "http" && url->scheme() != "https") {
    return schema::make_error(schema::ErrorCode::kUnsupported,
                              "'" + text + "': only http and https are supported",
                              "as in http://127.0.0.1:7070");
  }
  std::string prefix = url->path();
  while (!prefix.empty() && prefix.back() == '/') prefix.pop_back();
  return Server{url->scheme() == "https", url->host_address(),
                url->has_port() ? std::string(url->port()) : "7070", prefix};
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

  // Before run().
  schema::Result<void> use_tls(const std::string& ca_file) {
    auto context = client_tls(ca_file);
    if (!context) return context.error();
    tls_context_ = *std::move(context);
    tls_.emplace(stream_, *tls_context_);
    return expect_host(*tls_, server_.host);
  }

  schema::Result<http::response<http::string_body>> run(const std::string& shown) {
    resolver_.async_resolve(server_.host, server_.port,
                            [this](error_code failed, const tcp::resolver::results_type& found) {
                              if (note(failed, "find")) return;
                              stream_.expires_after(kConnectTimeout);
                              stream_.async_connect(found, [this](error_code refused, const tcp::endpoint&) {
                                if (note(refused, "reach")) return;
                                secure();
                              });
                            });
    io_.run();
    if (failed_) return what_failed(shown);
    return parser_.release();
  }

 private:
  bool note(error_code failed, const char* step) {
    failed_ = failed;
    step_ = step;
    return static_cast<bool>(failed);
  }

  void secure() {
    if (!tls_) return send();
    tls_->async_handshake(asio::ssl::stream_base::client, [this](error_code failed) {
      if (!note(failed, "trust")) send();
    });
  }

  void send() {
    stream_.expires_after(kAnswerTimeout);
    if (tls_) {
      converse(*tls_);
    } else {
      converse(stream_);
    }
  }

  template <class Stream>
  void converse(Stream& stream) {
    http::async_write(stream, request_, [this, &stream](error_code failed, std::size_t) {
      if (note(failed, "ask")) return;
      http::async_read(stream, buffer_, parser_,
                       [this](error_code broken, std::size_t) { note(broken, "hear"); });
    });
  }

  schema::Error what_failed(const std::string& shown) {
    const std::string refused = tls_ ? certificate_problem(*tls_) : std::string();
    const bool is_trust = step_ == std::string_view("trust");
    std::string reason = failed_.message();
    std::string hint = "check the address, or ask the store directly with --store";
    if (failed_ == beast::error::timeout) {
      reason = "no answer in time";
    } else if (failed_ == asio::error::connection_refused) {
      hint = "is backsightd running there, with `listen` in its configuration?";
    } else if (is_trust && !refused.empty()) {
      reason = "its certificate is refused: " + refused;
      hint = "--ca-file FILE names the authority that signed it; the certificate must be for " + server_.host;
    } else if (is_trust) {
      hint = "does it speak TLS? without a certificate in its configuration it is http://";
    } else if (failed_ == http::error::end_of_stream && !tls_) {
      hint = "with a certificate in its configuration it is https://";
    }
    return schema::make_error(is_trust ? schema::ErrorCode::kPermission : schema::ErrorCode::kIo,
                              std::string("cannot ") + step_ + " the collector at " + shown + ": " + reason,
                              hint);
  }

  const Server& server_;
  http::request<http::string_body> request_;
  asio::io_context io_;
  tcp::resolver resolver_;
  beast::tcp_stream stream_;
  std::unique_ptr<asio::ssl::context> tls_context_;
  std::optional<TlsStream> tls_;
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
                                               std::span<const Parameter> parameters,
                                               const ClientCredentials& credentials) {
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
    if (!credentials.token_file.empty()) {
      const auto token = load_own_token(credentials.token_file);
      if (!token) return token.error();
      request.set(http::field::authorization, "Bearer " + *token);
    }
    request.prepare_payload();
    Exchange exchange(*where, std::move(request));
    if (where->tls) BACKSIGHT_TRY(exchange.use_tls(credentials.ca_file));
    const auto response = exchange.run(shown);
    if (!response) return response.error();
    return read_answer(*response, shown);
  } catch (const std::exception& problem) {
    return schema::make_error(schema::ErrorCode::kInternal,
                              std::string("asking the collector: ") + problem.what());
  }
}

}  // namespace backsight::tools
