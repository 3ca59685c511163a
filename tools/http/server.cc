// One I/O thread owns every socket; questions run on a pool of their own. A
// connection has one request at a time, so the number of connections bounds the
// work. Whoever hangs up or waits too long has their question cancelled.
#include "tools/http/server.h"

#include "tools/http/api.h"
#include "tools/http/server_start.h"
#include "tools/http/session.h"

#include <boost/asio.hpp>

#include <pthread.h>

#include <array>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

namespace backsight::tools {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using schema::Result;

constexpr std::uint64_t kAccessLogBytes = 16ull << 20;

// What is read from files, at the start and again with reload().
struct Credentials {
  std::shared_ptr<const Tokens> tokens;
  std::shared_ptr<asio::ssl::context> tls;
};

Result<Credentials> load_credentials(const HttpOptions& options) {
  Credentials credentials;
  if (!options.token_file.empty()) {
    auto tokens = Tokens::load(options.token_file);
    if (!tokens) return tokens.error();
    credentials.tokens = std::make_shared<const Tokens>(*std::move(tokens));
  }
  if (!options.certificate.empty()) {
    auto context = server_tls(options.certificate, options.key);
    if (!context) return context.error();
    credentials.tls = *std::move(context);
  }
  return credentials;
}

Result<std::function<void(const Access&)>> open_access_log(const HttpOptions& options) {
  if (options.access_line) {
    return [line = options.access_line](const Access& access) { line(to_line(access)); };
  }
  if (options.access_log.empty()) return std::function<void(const Access&)>();
  auto complain = options.complain ? options.complain : [](const schema::Error&) {};
  auto log = AccessLog::open(options.access_log, kAccessLogBytes, std::move(complain));
  if (!log) return log.error();
  return [file = std::shared_ptr<AccessLog>(*std::move(log))](const Access& access) { file->write(access); };
}

// Threads are called what their maker is called.
std::unique_ptr<asio::thread_pool> make_pool(unsigned threads) {
  std::array<char, 16> name{};
  ::pthread_getname_np(::pthread_self(), name.data(), name.size());
  ::pthread_setname_np(::pthread_self(), "http");
  auto pool = std::make_unique<asio::thread_pool>(threads);
  ::pthread_setname_np(::pthread_self(), name.data());
  return pool;
}

class BeastServer final : public HttpServer {
 public:
  BeastServer(const HttpOptions& options, Vocabulary vocabulary, Answer answer, MomentPort moments)
      : options_(options), acceptor_(shared_.io), retry_(shared_.io) {
    shared_.max_body_bytes = options.max_body_bytes;
    shared_.pool = make_pool(std::max(1u, options.threads));
    shared_.api = std::make_unique<HttpApi>(options, vocabulary, std::move(answer), std::move(moments));
  }

  ~BeastServer() override {
    asio::post(shared_.io, [this] {
      shared_.stopping = true;
      error_code ignored;
      acceptor_.close(ignored);
      retry_.cancel();
      stop_sessions(shared_);
    });
    shared_.pool->join();
    work_.reset();
    if (thread_.joinable()) thread_.join();
  }

  Result<void> listen(const tcp::endpoint& endpoint) {
    auto credentials = load_credentials(options_);
    if (!credentials) return credentials.error();
    shared_.tokens = credentials->tokens;
    shared_.tls = credentials->tls;
    auto note_access = open_access_log(options_);
    if (!note_access) return note_access.error();
    shared_.note_access = *std::move(note_access);
    error_code failed;
    acceptor_.open(endpoint.protocol(), failed);
    if (!failed) acceptor_.set_option(asio::socket_base::reuse_address(true), failed);
    if (!failed) acceptor_.bind(endpoint, failed);
    if (!failed) acceptor_.listen(asio::socket_base::max_listen_connections, failed);
    if (failed) return bind_error(endpoint, failed);
    port_ = acceptor_.local_endpoint().port();
    accept();
    thread_ = std::thread([this] {
      ::pthread_setname_np(::pthread_self(), "http");
      shared_.io.run();
    });
    return {};
  }

  std::uint16_t port() const override { return port_; }

  Result<void> reload() override {
    auto credentials = load_credentials(options_);
    if (!credentials) return credentials.error();
    asio::post(shared_.io, [this, fresh = *std::move(credentials)] {
      shared_.tokens = fresh.tokens;
      shared_.tls = fresh.tls;
    });
    return {};
  }

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
    return schema::make_error(schema::ErrorCode::kInvalid, message, "an address of this machine");
  }

  void accept() {
    acceptor_.async_accept([this](error_code failed, tcp::socket socket) {
      if (!acceptor_.is_open()) return;
      if (!failed) {
        start_session(shared_, std::move(socket));
        return accept();
      }
      // Out of descriptors, most likely: give others time to close theirs.
      retry_.expires_after(std::chrono::milliseconds(100));
      retry_.async_wait([this](error_code stopped) {
        if (!stopped && acceptor_.is_open()) accept();
      });
    });
  }

  const HttpOptions options_;
  SessionShared shared_;
  tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(shared_.io);
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> start_server(const HttpOptions& options, Vocabulary vocabulary,
                                                 Answer answer, MomentPort moments) {
  error_code failed;
  const std::string host = options.host == "localhost" ? "127.0.0.1" : options.host;
  const asio::ip::address address = asio::ip::make_address(host, failed);
  if (failed) {
    return schema::make_error(schema::ErrorCode::kInvalid, "'" + options.host + "' is not an IP address",
                              "as in listen: 127.0.0.1:7070");
  }
  if (!address.is_loopback() && options.token_file.empty()) {
    return schema::make_error(schema::ErrorCode::kInvalid, "listening on " + options.host + " needs a token",
                              "listen: { address: …, token_file: FILE }, or listen on 127.0.0.1 or ::1");
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
