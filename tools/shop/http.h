// A plain HTTP port with worker threads.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace shop {

struct Request {
  std::string method, path, body;
};
struct Response {
  int status = 200;
  std::string type = "application/json";
  std::string body;
};

class HttpPort {
 public:
  using Handler = std::function<Response(const Request&)>;
  // Listens on 127.0.0.1 (port 0: any free one) with threads NAME-1, NAME-2, …
  // Each serves one connection at a time. Throws std::exception.
  HttpPort(std::uint16_t port, int threads, const std::string& name, Handler handler);
  ~HttpPort();
  std::uint16_t port() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace shop
