#include "tools/shop/http.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <pthread.h>

#include <thread>

namespace shop {

namespace beast = boost::beast;
namespace http = beast::http;
using boost::asio::ip::tcp;

class HttpPort::Impl {
 public:
  Impl(std::uint16_t port, Handler handler)
      : acceptor_(context_, tcp::endpoint(boost::asio::ip::make_address("127.0.0.1"), port)),
        handler_(std::move(handler)) {}

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  // Workers block in accept and read until the program ends.
  void start(int threads, const std::string& name) {
    for (int i = 1; i <= threads; ++i) {
      std::thread worker([this] { work(); });
      pthread_setname_np(worker.native_handle(), (name + "-" + std::to_string(i)).substr(0, 15).c_str());
      worker.detach();
    }
  }

 private:
  void work() {
    for (;;) {
      beast::error_code error;
      tcp::socket socket(context_);
      acceptor_.accept(socket, error);
      if (!error) socket.set_option(tcp::no_delay(true), error);
      if (!error) serve(socket);
    }
  }

  void serve(tcp::socket& socket) {
    beast::flat_buffer buffer;
    for (;;) {
      beast::error_code error;
      http::request<http::string_body> in;
      http::read(socket, buffer, in, error);
      if (error) return;
      Response answer = handler_({std::string(in.method_string()), std::string(in.target()), in.body()});
      http::response<http::string_body> out(static_cast<http::status>(answer.status), in.version());
      out.set(http::field::content_type, answer.type);
      out.keep_alive(in.keep_alive());
      out.body() = std::move(answer.body);
      out.prepare_payload();
      http::write(socket, out, error);
      if (error || !in.keep_alive()) return;
    }
  }

  boost::asio::io_context context_;
  tcp::acceptor acceptor_;
  Handler handler_;
};

HttpPort::HttpPort(std::uint16_t port, int threads, const std::string& name, Handler handler)
    : impl_(std::make_unique<Impl>(port, std::move(handler))) {
  impl_->start(threads, name);
}
HttpPort::~HttpPort() = default;
std::uint16_t HttpPort::port() const {
  return impl_->port();
}

}  // namespace shop
