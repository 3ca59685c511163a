// Source of the `planning` bench's binary: templates that leave much debug
// information. Compiled once with -g, then copied by make_big_binary.
#include <boost/asio.hpp>
#include <boost/beast.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/json/src.hpp>

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace big {

namespace asio = boost::asio;
namespace beast = boost::beast;
using tcp = asio::ip::tcp;

struct Order {
  std::string id;
  std::vector<std::string> skus;
  std::map<std::string, int> stock;
  std::unordered_map<int, std::shared_ptr<Order>> related;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(tcp::socket socket) : stream_(std::move(socket)) {}
  void run() {
    beast::http::async_read(stream_, buffer_, request_,
                            [self = shared_from_this()](beast::error_code error, std::size_t) {
                              if (!error) self->answer();
                            });
  }

 private:
  void answer() {
    response_.body() = boost::json::serialize(boost::json::parse(request_.body()));
    beast::http::async_write(stream_, response_,
                             [self = shared_from_this()](beast::error_code, std::size_t) { self->run(); });
  }
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  beast::http::request<beast::http::string_body> request_;
  beast::http::response<beast::http::string_body> response_;
};

class Socket : public std::enable_shared_from_this<Socket> {
 public:
  explicit Socket(tcp::socket socket) : stream_(std::move(socket)) {}
  void run() {
    stream_.async_accept([self = shared_from_this()](beast::error_code) { self->read(); });
  }

 private:
  void read() {
    stream_.async_read(buffer_, [self = shared_from_this()](beast::error_code, std::size_t) {
      self->stream_.async_write(self->buffer_.data(),
                                [self](beast::error_code, std::size_t) { self->read(); });
    });
  }
  beast::websocket::stream<beast::tcp_stream> stream_;
  beast::flat_buffer buffer_;
};

__attribute__((noinline)) std::size_t reserve(const Order& order, std::size_t count) {
  return order.skus.size() + order.stock.size() + order.related.size() + count;
}

void serve(asio::io_context& context) {
  tcp::acceptor acceptor(context, {tcp::v4(), 0});
  asio::co_spawn(
      context,
      [&]() -> asio::awaitable<void> {
        auto socket = co_await acceptor.async_accept(asio::use_awaitable);
        std::make_shared<Session>(std::move(socket))->run();
      },
      asio::detached);
  acceptor.async_accept(
      [](beast::error_code, tcp::socket socket) { std::make_shared<Socket>(std::move(socket))->run(); });
  context.run();
}

}  // namespace big
