// What libbpf has to say, kept for error messages instead of going to stderr.
#pragma once

#include <string>

namespace backsight::collector {

// While it lives, libbpf's messages of this thread are collected. One at a time
// per thread.
class LibbpfLog {
 public:
  LibbpfLog();
  ~LibbpfLog();
  LibbpfLog(const LibbpfLog&) = delete;
  LibbpfLog& operator=(const LibbpfLog&) = delete;

  // The last lines, verifier log included; empty if nothing was said.
  std::string last_lines(int count) const;

 private:
  std::string text_;
};

}  // namespace backsight::collector
