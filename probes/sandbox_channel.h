// Frames over a socket between a collector and its planning process; a frame
// may carry one file descriptor.
//
//    0      4      8
//    +------+------+----------------+
//    | kind | size | size bytes …   |     descriptor: SCM_RIGHTS, with the first 8 bytes
//    +------+------+----------------+
#pragma once

#include "schema/result.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace backsight::probes {

enum class FrameKind : std::uint32_t {
  // to the planning process
  kOpen = 1,         // OpenRequest
  kPlan = 2,         // ProbeRequest
  kHasFunction = 3,  // its pattern
  kNames = 6,        // NamesRequest; answered by kNamed
  kPlaces = 7,       // NamesRequest; answered by kNamed
  kUnwind = 8,       // UnwindRequest; answered by kUnwound
  kFile = 4,         // with descriptor; answer to kWantFile, kWantIndex
  kNoFile = 5,       // Failure; likewise
  // from it
  kReady = 20,      // jailed
  kOpened = 21,     // Opened
  kPlanned = 22,    // CompiledPlan; then more, or kPlanEnd
  kPlanEnd = 23,    // PlanEnd
  kHasAnswer = 24,  // one byte
  kNamed = 29,      // Names
  kUnwound = 30,    // Unwound
  kFailed = 25,     // Failure
  kWantFile = 26,   // a path
  kWantIndex = 27,  // a key
  kSaveIndex = 28,  // a key, with a sealable memory file; no answer
};

struct Frame {
  FrameKind kind = FrameKind::kFailed;
  std::vector<std::byte> payload;
  int descriptor = -1;  // whoever takes the frame closes it

  Frame() = default;
  Frame(Frame&& other) noexcept;
  Frame& operator=(Frame&& other) noexcept;
  ~Frame();
  int take_descriptor();
  std::string text() const;
};

// Does not own the socket. Not thread-safe.
class Channel {
 public:
  using Deadline = std::optional<std::chrono::steady_clock::time_point>;  // none: waits for ever

  explicit Channel(int socket) : socket_(socket) {}
  // kIo where the other end is gone; `descriptor` stays the caller's.
  schema::Result<void> send(FrameKind kind, std::span<const std::byte> payload, int descriptor = -1);
  // kNotFound: the other end closed the socket; kBusy: the deadline has passed;
  // kCorrupt: a frame of more than max_bytes.
  schema::Result<Frame> receive(std::size_t max_bytes, Deadline deadline = {});

 private:
  schema::Result<void> wait(Deadline deadline) const;
  schema::Result<void> read_all(std::byte* to, std::size_t size, Deadline deadline, int* descriptor);

  int socket_;
};

std::span<const std::byte> as_payload(const std::string& text);

}  // namespace backsight::probes
