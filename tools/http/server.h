// The HTTP port: /metrics, /healthz, /readyz, /api/v1/<verb>, alerts and marks
// (interface.md, 9); with tokens and TLS where it can be reached from elsewhere,
// and an access log. Runs on threads of its own, so that a slow question never
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
  std::string token_file;   // tools/http/token.h; empty: no token is demanded (on loopback only)
  std::string certificate;  // PEM, with its key; empty: no TLS
  std::string key;
  std::string access_log;  // tools/http/access_log.h; empty: none
  // Takes the lines of the access log instead of the file; on the I/O thread.
  std::function<void(const std::string&)> access_line;
  std::function<void(const schema::Error&)> complain;  // of what goes wrong later; on the I/O thread
};

class HttpServer {
 public:
  // kBusy: the port is taken; kPermission; kInvalid: no such address, or one that
  // others can reach and no token; else what is wrong with a file.
  static schema::Result<std::unique_ptr<HttpServer>> start(HttpOptions options);
  virtual ~HttpServer() = default;  // stops and joins
  virtual std::uint16_t port() const = 0;
  // Reads tokens, certificate and key again, for requests and connections to
  // come. After an error the former stay.
  virtual schema::Result<void> reload() = 0;
};

}  // namespace backsight::tools
