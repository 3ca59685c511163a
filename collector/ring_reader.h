// Consumer of one BPF ring buffer (Documentation/bpf/ringbuf.rst): the kernel
// writes records between the consumer and the producer position; positions only
// grow. docs/format/ring.md shows the layout.
#pragma once

#include "schema/result.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

namespace backsight::collector {

class RingReader {
 public:
  using Handler = std::function<void(std::span<const std::byte>)>;

  // `map_fd` is a BPF_MAP_TYPE_RINGBUF of `bytes` (a power of two); it must
  // outlive the reader.
  static schema::Result<std::unique_ptr<RingReader>> open(int map_fd, std::size_t bytes);
  ~RingReader();
  RingReader(const RingReader&) = delete;
  RingReader& operator=(const RingReader&) = delete;

  int fd() const { return map_fd_; }
  // Calls the handler for complete records, at most `max_records`; the bytes are
  // valid during the call. Returns the number of records.
  std::size_t drain(const Handler& handler, std::size_t max_records);

  // Positions, in bytes since the ring was made.
  std::uint64_t consumed() const;
  std::uint64_t produced() const;

 private:
  RingReader(int map_fd, std::size_t bytes) : map_fd_(map_fd), bytes_(bytes) {}

  int map_fd_;
  std::size_t bytes_;
  void* consumer_page_ = nullptr;
  void* producer_pages_ = nullptr;
};

}  // namespace backsight::collector
