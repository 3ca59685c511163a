#include "tools/http/session.h"

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <poll.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <utility>

namespace backsight::tools {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t kMaxConnections = 128;
constexpr std::size_t kMaxHeaderBytes = 16 << 10;
constexpr std::chrono::seconds kReadTimeout{15};  // from the first byte (or idle) to a whole request
constexpr std::chrono::seconds kWriteTimeout{60};
constexpr std::chrono::seconds kAnswerTimeout{120};
constexpr std::chrono::seconds kLingerTimeout{2};
constexpr std::size_t kLingerBytes = 8 << 20;

std::string text_of(const tcp::endpoint& peer) {
  const std::string address = peer.address().to_string();
  return (peer.address().is_v6() ? "[" + address + "]:" : address + ":") + std::to_string(peer.port());
}

HttpResponse no_token(bool was_given) {
  return error_response(401, "unauthorized",
                        was_given ? "the token is not one of this collector's" : "a token is needed",
                        "send `Authorization: Bearer TOKEN`; `backsight` takes it from --token-file FILE");
}

}  // namespace

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(SessionShared& shared, tcp::socket socket)
      : shared_(shared), tls_context_(shared.tls), stream_(std::move(socket)), deadline_(shared.io) {
    if (tls_context_) tls_.emplace(stream_, *tls_context_);
    error_code gone;
    const tcp::endpoint peer = stream_.socket().remote_endpoint(gone);
    if (!gone) peer_ = text_of(peer);
    if (!gone && shared_.note_access) {
      const auto uid = shared_.users.find(peer, stream_.socket().local_endpoint(gone));
      if (uid) local_user_ = "uid " + std::to_string(*uid);
    }
    shared_.sessions.insert(this);
  }
  ~Session() { shared_.sessions.erase(this); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start() {
    const bool is_too_many = shared_.sessions.size() > kMaxConnections;
    if (tls_) {
      if (!is_too_many) shake_hands();
    } else if (is_too_many) {
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
  template <class Use>
  void on_stream(Use use) {
    if (tls_) {
      use(*tls_);
    } else {
      use(stream_);
    }
  }

  void shake_hands() {
    stream_.expires_after(kReadTimeout);
    tls_->async_handshake(asio::ssl::stream_base::server, [self = shared_from_this()](error_code failed) {
      if (!failed) self->read();
    });
  }

  void read() {
    parser_.emplace();
    parser_->header_limit(kMaxHeaderBytes);
    parser_->body_limit(boost::none);  // how much may be sent is for those to know who may ask
    access_ = {};
    head_ = false;
    stream_.expires_after(kReadTimeout);
    on_stream([&](auto& stream) {
      http::async_read_header(stream, buffer_, *parser_,
                              [self = shared_from_this()](error_code failed, std::size_t) {
                                if (failed) return self->refuse(failed);
                                self->admit();
                              });
    });
  }

  void begin_access() {
    begun_ = Clock::now();
    access_.time = schema::read_clocks().wall;
    access_.peer = peer_;
    access_.user = local_user_;
    access_.tls = tls_.has_value();
    access_.method = std::string(parser_->get().method_string());
    access_.target = std::string(parser_->get().target());
  }

  void admit() {
    const auto& header = parser_->get();
    head_ = header.method() == http::verb::head;
    begin_access();
    if (!shared_.tokens || header.target() == "/healthz") return read_body();
    const beast::string_view field = header[http::field::authorization];
    std::optional<std::string> holder = shared_.tokens->holder({field.data(), field.size()});
    if (holder) {
      access_.user = *std::move(holder);
      return read_body();
    }
    close_after_ = linger_ = true;
    write(no_token(!field.empty()));
  }

  void read_body() {
    if (parser_->content_length().value_or(0) > shared_.max_body_bytes) {
      return refuse(http::error::body_limit);
    }
    parser_->body_limit(shared_.max_body_bytes);
    if (beast::iequals(parser_->get()[http::field::expect], "100-continue")) {
      continue_.emplace(http::status::continue_, parser_->get().version());
      on_stream([&](auto& stream) {
        http::async_write(stream, *continue_, [self = shared_from_this()](error_code failed, std::size_t) {
          if (!failed) self->read_rest();
        });
      });
    } else {
      read_rest();
    }
  }

  void read_rest() {
    on_stream([&](auto& stream) {
      http::async_read(stream, buffer_, *parser_,
                       [self = shared_from_this()](error_code failed, std::size_t) {
                         if (failed) return self->refuse(failed);
                         self->answer();
                       });
    });
  }

  void refuse(error_code failed) {
    const bool had_header = access_.time.ns != 0;
    if (!had_header) begin_access();
    close_after_ = linger_ = true;
    if (failed == http::error::body_limit) {
      write(error_response(413, "too_large",
                           "the body is larger than " + std::to_string(shared_.max_body_bytes) + " bytes",
                           "send fewer alerts at once"));
    } else if (failed == http::error::header_limit) {
      write(error_response(431, "too_large", "the header is too large", "at most 16 KiB"));
    } else if (failed != http::error::end_of_stream && failed != http::error::partial_message &&
               failed.category() == make_error_code(http::error::bad_method).category()) {
      write(error_response(400, "invalid", "not an HTTP request: " + failed.message(), "speak HTTP/1.1"));
    } else if (had_header) {
      note_access(0, 0);  // gone or too slow; the last reference closes
    }
  }

  void answer() {
    http::request<http::string_body>& message = parser_->get();
    close_after_ = !message.keep_alive();
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
      if (!failed && self->answering_ && self->has_hung_up()) self->cancelled_->store(true);
    });
  }

  bool has_hung_up() {
    if (tls_) {  // what can be read may be TLS's own farewell
      pollfd end{stream_.socket().native_handle(), POLLRDHUP, 0};
      return ::poll(&end, 1, 0) == 1;
    }
    char byte = 0;
    error_code problem;
    stream_.socket().non_blocking(true, problem);
    stream_.socket().receive(asio::buffer(&byte, 1), tcp::socket::message_peek, problem);
    return problem && problem != asio::error::would_block;
  }

  void answered(const HttpResponse& response) {
    answering_ = false;
    deadline_.cancel();
    error_code ignored;
    stream_.socket().cancel(ignored);
    if (shared_.stopping || (cancelled_->load() && !timed_out_)) return note_access(0, 0);  // nobody listens
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
    if (response.status == 401) response_->set(http::field::www_authenticate, "Bearer");
    response_->keep_alive(!close_after_);
    response_->content_length(response.body.size());
    if (!head_) response_->body() = response.body;
    stream_.expires_after(kWriteTimeout);
    on_stream([&](auto& stream) {
      http::async_write(stream, *response_,
                        [self = shared_from_this()](error_code failed, std::size_t bytes) {
                          self->note_access(self->response_->result_int(), bytes);
                          if (!failed) self->written();
                        });
    });
  }

  void note_access(unsigned status, std::size_t bytes) {
    if (!shared_.note_access || access_.time.ns == 0) return;
    access_.status = status;
    access_.bytes = bytes;
    access_.duration_ns = std::chrono::nanoseconds(Clock::now() - begun_).count();
    shared_.note_access(access_);
    access_ = {};
  }

  void written() {
    if (!close_after_ && !shared_.stopping) return read();
    if (!tls_) return say_goodbye();
    stream_.expires_after(kLingerTimeout);
    tls_->async_shutdown([self = shared_from_this()](error_code) { self->say_goodbye(); });
  }

  void say_goodbye() {
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

  SessionShared& shared_;
  std::shared_ptr<asio::ssl::context> tls_context_;
  beast::tcp_stream stream_;
  std::optional<TlsStream> tls_;
  beast::flat_buffer buffer_{kMaxHeaderBytes + (64 << 10)};
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<http::response<http::string_body>> response_;
  std::optional<http::response<http::empty_body>> continue_;
  asio::steady_timer deadline_;
  std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
  std::string peer_;
  std::string local_user_;  // where no token says who it is
  Access access_;           // its time is 0 while there is no request
  Clock::time_point begun_;
  std::size_t drained_ = 0;
  bool answering_ = false, timed_out_ = false, close_after_ = false, head_ = false, linger_ = false;
};

void start_session(SessionShared& shared, tcp::socket socket) {
  std::make_shared<Session>(shared, std::move(socket))->start();
}

void stop_sessions(SessionShared& shared) {
  for (Session* session : shared.sessions) session->stop();
}

}  // namespace backsight::tools
