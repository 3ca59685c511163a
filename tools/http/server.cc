// One I/O thread owns every socket; questions run on a pool of their own. A
// connection has one request at a time, so the number of connections bounds the
// work. Whoever hangs up or waits too long has their question cancelled.
#include "tools/http/server.h"

#include "tools/http/api.h"
#include "tools/http/server_start.h"

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <utility>

namespace backsight::tools {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kMaxConnections = 128;
constexpr std::size_t kMaxHeaderBytes = 16 << 10;
constexpr std::chrono::seconds kReadTimeout{15};  // from the first byte (or idle) to a whole request
constexpr std::chrono::seconds kWriteTimeout{60};
constexpr std::chrono::seconds kAnswerTimeout{120};
constexpr std::chrono::seconds kLingerTimeout{2};
constexpr std::size_t kLingerBytes = 8 << 20;

class Session;

struct Shared {
  asio::io_context io{1};
  std::unique_ptr<asio::thread_pool> pool;
  std::unique_ptr<HttpApi> api;
  std::size_t max_body_bytes = 0;
  std::set<Session*> sessions;  // I/O thread only
  bool stopping = false;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Shared& shared, tcp::socket socket)
      : shared_(shared), stream_(std::move(socket)), deadline_(shared.io) {
    shared_.sessions.insert(this);
  }
  ~Session() { shared_.sessions.erase(this); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start() {
    if (shared_.sessions.size() > kMaxConnections) {
      close_after_ = true;
      write(error_response(503, "busy", "too many connections", "try again in a moment"));
    } else {
      read();
    }
  }

  void stop() {
    cancelled_->store(true);
    deadline_.cancel();
    error_code ignored;
    stream_.socket().close(ignored);
  }

 private:
  void read() {
    parser_.emplace();
    parser_->header_limit(kMaxHeaderBytes);
    parser_->body_limit(shared_.max_body_bytes);
    stream_.expires_after(kReadTimeout);
    http::async_read_header(stream_, buffer_, *parser_,
                            [self = shared_from_this()](error_code failed, std::size_t) {
                              if (failed) return self->refuse(failed);
                              self->read_body();
                            });
  }

  void read_body() {
    if (beast::iequals(parser_->get()[http::field::expect], "100-continue")) {
      continue_.emplace(http::status::continue_, parser_->get().version());
      http::async_write(stream_, *continue_, [self = shared_from_this()](error_code failed, std::size_t) {
        if (!failed) self->read_rest();
      });
    } else {
      read_rest();
    }
  }

  void read_rest() {
    http::async_read(stream_, buffer_, *parser_, [self = shared_from_this()](error_code failed, std::size_t) {
      if (failed) return self->refuse(failed);
      self->answer();
    });
  }

  void refuse(error_code failed) {
    close_after_ = true;
    linger_ = true;
    if (failed == http::error::body_limit) {
      write(error_response(413, "too_large",
                           "the body is larger than " + std::to_string(shared_.max_body_bytes) + " bytes",
                           "send fewer alerts at once"));
    } else if (failed == http::error::header_limit) {
      write(error_response(431, "too_large", "the header is too large", "at most 16 KiB"));
    } else if (failed != http::error::end_of_stream && failed != http::error::partial_message &&
               failed.category() == make_error_code(http::error::bad_method).category()) {
      write(error_response(400, "invalid", "not an HTTP request: " + failed.message(), "speak HTTP/1.1"));
    }  // else: gone or too slow; the last reference closes
  }

  void answer() {
    http::request<http::string_body>& message = parser_->get();
    close_after_ = !message.keep_alive();
    head_ = message.method() == http::verb::head;
    HttpRequest request{std::string(message.method_string()), std::string(message.target()),
                        std::string(message[http::field::host]), std::string(message[http::field::origin]),
                        std::move(message.body())};
    stream_.expires_never();
    if (HttpApi::is_quick(request)) return write(shared_.api->handle(request, cancelled_.get()));
    watch();
    asio::post(*shared_.pool, [self = shared_from_this(), request = std::move(request)]() mutable {
      HttpResponse response = self->shared_.api->handle(request, self->cancelled_.get());
      asio::io_context& io = self->shared_.io;
      asio::post(io, [self = std::move(self), response = std::move(response)] { self->answered(response); });
    });
  }

  // While a question runs: cancelled when the peer hangs up or the time is over.
  void watch() {
    answering_ = true;
    deadline_.expires_after(kAnswerTimeout);
    deadline_.async_wait([self = shared_from_this()](error_code failed) {
      if (failed) return;
      self->timed_out_ = true;
      self->cancelled_->store(true);
    });
    stream_.socket().async_wait(tcp::socket::wait_read, [self = shared_from_this()](error_code failed) {
      if (failed || !self->answering_) return;
      char byte = 0;
      error_code problem;
      self->stream_.socket().non_blocking(true, problem);
      self->stream_.socket().receive(asio::buffer(&byte, 1), tcp::socket::message_peek, problem);
      if (problem && problem != asio::error::would_block) self->cancelled_->store(true);
    });
  }

  void answered(const HttpResponse& response) {
    answering_ = false;
    deadline_.cancel();
    error_code ignored;
    stream_.socket().cancel(ignored);
    if (shared_.stopping || (cancelled_->load() && !timed_out_)) return;  // nobody listens
    if (timed_out_) {
      close_after_ = true;
      return write(error_response(504, "timeout", "the answer took too long",
                                  "narrow the span with from and to, or use limit"));
    }
    write(response);
  }

  void write(const HttpResponse& response) {
    response_.emplace(static_cast<http::status>(response.status), 11);
    response_->set(http::field::server, "backsight");
    response_->set(http::field::content_type, response.content_type);
    response_->set("X-Content-Type-Options", "nosniff");
    response_->set(http::field::cache_control, "no-store");
    if (!response.allow.empty()) response_->set(http::field::allow, response.allow);
    response_->keep_alive(!close_after_);
    response_->content_length(response.body.size());
    if (!head_) response_->body() = response.body;
    stream_.expires_after(kWriteTimeout);
    http::async_write(stream_, *response_, [self = shared_from_this()](error_code failed, std::size_t) {
      if (!failed) self->written();
    });
  }

  void written() {
    if (!close_after_ && !shared_.stopping) return read();
    error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    if (linger_) drain();
  }

  // Reads what the peer is still sending, so that the refusal reaches it before a reset does.
  void drain() {
    buffer_.clear();
    stream_.expires_after(kLingerTimeout);
    stream_.async_read_some(buffer_.prepare(16 << 10),
                            [self = shared_from_this()](error_code failed, std::size_t bytes) {
                              self->drained_ += bytes;
                              if (!failed && self->drained_ < kLingerBytes) self->drain();
                            });
  }

  Shared& shared_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_{kMaxHeaderBytes + (64 << 10)};
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<http::response<http::string_body>> response_;
  std::optional<http::response<http::empty_body>> continue_;
  asio::steady_timer deadline_;
  std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
  std::size_t drained_ = 0;
  bool answering_ = false, timed_out_ = false, close_after_ = false, head_ = false, linger_ = false;
};

class BeastServer final : public HttpServer {
 public:
  BeastServer(const HttpOptions& options, Vocabulary vocabulary, Answer answer, MomentPort moments)
      : acceptor_(shared_.io), retry_(shared_.io) {
    shared_.max_body_bytes = options.max_body_bytes;
    shared_.pool = std::make_unique<asio::thread_pool>(std::max(1u, options.threads));
    shared_.api = std::make_unique<HttpApi>(options, vocabulary, std::move(answer), std::move(moments));
  }

  ~BeastServer() override {
    asio::post(shared_.io, [this] {
      shared_.stopping = true;
      error_code ignored;
      acceptor_.close(ignored);
      retry_.cancel();
      for (Session* session : shared_.sessions) session->stop();
    });
    shared_.pool->join();
    work_.reset();
    if (thread_.joinable()) thread_.join();
  }

  schema::Result<void> listen(const tcp::endpoint& endpoint) {
    error_code failed;
    acceptor_.open(endpoint.protocol(), failed);
    if (!failed) acceptor_.set_option(asio::socket_base::reuse_address(true), failed);
    if (!failed) acceptor_.bind(endpoint, failed);
    if (!failed) acceptor_.listen(asio::socket_base::max_listen_connections, failed);
    if (failed) return bind_error(endpoint, failed);
    port_ = acceptor_.local_endpoint().port();
    accept();
    thread_ = std::thread([this] { shared_.io.run(); });
    return {};
  }

  std::uint16_t port() const override { return port_; }

 private:
  static schema::Error bind_error(const tcp::endpoint& endpoint, error_code failed) {
    const std::string where = endpoint.address().to_string() + ":" + std::to_string(endpoint.port());
    const std::string message = "cannot listen on " + where + ": " + failed.message();
    if (failed == asio::error::address_in_use) {
      return schema::make_error(schema::ErrorCode::kBusy, message,
                                "another program has this port: choose another in `listen`");
    }
    if (failed == asio::error::access_denied) {
      return schema::make_error(schema::ErrorCode::kPermission, message, "ports below 1024 need root");
    }
    return schema::make_error(schema::ErrorCode::kInvalid, message, "an address of this machine's loopback");
  }

  void accept() {
    acceptor_.async_accept([this](error_code failed, tcp::socket socket) {
      if (!acceptor_.is_open()) return;
      if (!failed) {
        std::make_shared<Session>(shared_, std::move(socket))->start();
        return accept();
      }
      // Out of descriptors, most likely: give others time to close theirs.
      retry_.expires_after(std::chrono::milliseconds(100));
      retry_.async_wait([this](error_code stopped) {
        if (!stopped && acceptor_.is_open()) accept();
      });
    });
  }

  Shared shared_;
  tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(shared_.io);
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace

schema::Result<std::unique_ptr<HttpServer>> start_server(const HttpOptions& options, Vocabulary vocabulary,
                                                         Answer answer, MomentPort moments) {
  error_code failed;
  const std::string host = options.host == "localhost" ? "127.0.0.1" : options.host;
  const asio::ip::address address = asio::ip::make_address(host, failed);
  if (failed) {
    return schema::make_error(schema::ErrorCode::kInvalid, "'" + options.host + "' is not an IP address",
                              "as in listen: 127.0.0.1:7070");
  }
  if (!address.is_loopback()) {
    return schema::make_error(schema::ErrorCode::kInvalid,
                              "listening on " + options.host + " needs a token, which is not supported yet",
                              "listen on 127.0.0.1 or ::1");
  }
  try {
    const tcp::endpoint endpoint(address, options.port);
    auto server = std::make_unique<BeastServer>(options, vocabulary, std::move(answer), std::move(moments));
    BACKSIGHT_TRY(server->listen(endpoint));
    return std::unique_ptr<HttpServer>(std::move(server));
  } catch (const std::exception& problem) {
    return schema::make_error(schema::ErrorCode::kInternal,
                              std::string("cannot start the HTTP port: ") + problem.what());
  }
}

}  // namespace backsight::tools
