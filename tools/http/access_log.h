// Who asked what: one JSON object per request, answered or refused, in a file
// that its owner writes and its group reads (0640). Bounded: a full file becomes
// FILE.1, and what was FILE.1 is gone.
//
//   {"time":"…Z","peer":"10.0.0.7:51834","user":"alice","method":"GET","target":"/api/v1/calls?function=f",
//    "status":200,"duration_ns":5321000,"bytes":18220,"tls":true}
//
// user: the name of the token; where none was demanded or none was right,
// "uid N" of a peer on this machine, or "".
// status: 0 where the peer hung up before there was an answer. Bytes of the
// target that are not visible ASCII stand there percent-encoded.
#pragma once

#include "schema/result.h"
#include "schema/time.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace backsight::tools {

struct Access {
  schema::WallTime time{};
  std::string peer;
  std::string user;
  std::string method;
  std::string target;
  unsigned status = 0;
  std::int64_t duration_ns = 0;
  std::uint64_t bytes = 0;
  bool tls = false;
};

// On one line without its end; the target is cut at 2 KiB.
std::string to_line(const Access& access);

// Not thread-safe.
class AccessLog {
 public:
  using Complain = std::function<void(const schema::Error&)>;

  // Two files of `max_bytes` at most. `complain` hears of the first of several
  // failures in a row; requests are answered all the same.
  static schema::Result<std::unique_ptr<AccessLog>> open(const std::string& path, std::uint64_t max_bytes,
                                                         Complain complain);
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;
  ~AccessLog();

  void write(const Access& access);

 private:
  AccessLog(std::string path, std::uint64_t max_bytes, Complain complain);
  schema::Result<void> reopen();
  schema::Result<void> append(const std::string& line);
  schema::Result<void> rotate();

  std::string path_;
  std::uint64_t max_bytes_;
  Complain complain_;
  int file_ = -1;
  std::uint64_t size_ = 0;
  bool failing_ = false;
};

}  // namespace backsight::tools
