// The HTTP port: /metrics, /healthz, /readyz, /api/v1/<verb>, alerts and marks
// (interface.md, 9). Runs on threads of its own, so that a slow question never
// holds up the ring buffer.
#pragma once

#include "schema/result.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace backsight::tools {

struct HttpOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 7070;  // 0: any free port
  std::string store_path;
  std::int64_t alert_lookback_ns = 60'000'000'000;
  std::function<std::string()> metrics;  // Prometheus text; called on an HTTP thread
  std::function<bool()> ready;
  unsigned threads = 2;
  std::size_t max_body_bytes = 1 << 20;
};

class HttpServer {
 public:
  // kBusy: the port is taken; kPermission; kInvalid: no such address.
  static schema::Result<std::unique_ptr<HttpServer>> start(HttpOptions options);
  virtual ~HttpServer() = default;  // stops and joins
  virtual std::uint16_t port() const = 0;
};

}  // namespace backsight::tools
