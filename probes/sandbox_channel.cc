#include "probes/sandbox_channel.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace backsight::probes {

using schema::ErrorCode;
using schema::make_error;
using schema::Result;

namespace {

struct Header {
  std::uint32_t kind = 0;
  std::uint32_t size = 0;
};

schema::Error system_error(const char* what) {
  return make_error(ErrorCode::kIo, std::string(what) + ": " + std::strerror(errno));
}

union ControlBuffer {
  cmsghdr alignment;
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
};

// Takes the descriptors of a received message; keeps one.
void take_descriptors(msghdr& message, int& kept) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control; control = CMSG_NXTHDR(&message, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(control) + i * sizeof(int), sizeof(int));
      if (kept < 0) {
        kept = descriptor;
      } else {
        ::close(descriptor);
      }
    }
  }
}

}  // namespace

Frame::Frame(Frame&& other) noexcept
    : kind(other.kind), payload(std::move(other.payload)), descriptor(other.take_descriptor()) {}

Frame& Frame::operator=(Frame&& other) noexcept {
  std::swap(kind, other.kind);
  std::swap(payload, other.payload);
  std::swap(descriptor, other.descriptor);
  return *this;
}

Frame::~Frame() {
  if (descriptor >= 0) ::close(descriptor);
}

int Frame::take_descriptor() {
  return std::exchange(descriptor, -1);
}

std::string Frame::text() const {
  return {reinterpret_cast<const char*>(payload.data()), payload.size()};
}

std::span<const std::byte> as_payload(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

Result<void> Channel::send(FrameKind kind, std::span<const std::byte> payload, int descriptor) {
  if (payload.size() > UINT32_MAX) return make_error(ErrorCode::kNoSpace, "message of more than 4 GiB");
  Header header{static_cast<std::uint32_t>(kind), static_cast<std::uint32_t>(payload.size())};
  std::array<iovec, 2> parts{
      {{&header, sizeof(header)}, {const_cast<std::byte*>(payload.data()), payload.size()}}};
  ControlBuffer control{};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  if (descriptor >= 0) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &descriptor, sizeof(int));
  }
  std::size_t left = sizeof(header) + payload.size();
  while (left > 0) {
    const ssize_t sent = ::sendmsg(socket_, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return system_error("cannot write to the planning process");
    left -= static_cast<std::size_t>(sent);
    message.msg_control = nullptr;
    message.msg_controllen = 0;
    for (std::size_t skip = static_cast<std::size_t>(sent); skip > 0;) {
      iovec& part = *message.msg_iov;
      const std::size_t step = std::min(skip, part.iov_len);
      part.iov_base = static_cast<char*>(part.iov_base) + step;
      part.iov_len -= step;
      skip -= step;
      if (part.iov_len == 0 && message.msg_iovlen > 1) {
        ++message.msg_iov;
        --message.msg_iovlen;
      }
    }
  }
  return {};
}

Result<void> Channel::wait(Deadline deadline) const {
  if (!deadline) return {};
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(*deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return make_error(ErrorCode::kBusy, "no answer in time");
    pollfd readable{socket_, POLLIN, 0};
    const int timeout = static_cast<int>(std::min<std::int64_t>(left.count(), 60'000));
    const int ready = ::poll(&readable, 1, timeout);
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return system_error("cannot wait for the planning process");
  }
}

Result<void> Channel::read_all(std::byte* to, std::size_t size, Deadline deadline, int* descriptor) {
  for (std::size_t done = 0; done < size;) {
    BACKSIGHT_TRY(wait(deadline));
    iovec part{to + done, size - done};
    ControlBuffer control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (descriptor) {
      message.msg_control = control.bytes.data();
      message.msg_controllen = control.bytes.size();
    }
    const ssize_t got = ::recvmsg(socket_, &message, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("cannot read from the planning process");
    if (got == 0) return make_error(ErrorCode::kNotFound, "the other process closed the connection");
    if (descriptor) take_descriptors(message, *descriptor);
    done += static_cast<std::size_t>(got);
  }
  return {};
}

Result<Frame> Channel::receive(std::size_t max_bytes, Deadline deadline) {
  Header header;
  Frame frame;
  BACKSIGHT_TRY(read_all(reinterpret_cast<std::byte*>(&header), sizeof(header), deadline, &frame.descriptor));
  if (header.size > max_bytes) {
    return make_error(ErrorCode::kCorrupt, "message of " + std::to_string(header.size) + " bytes, at most " +
                                               std::to_string(max_bytes) + " are allowed");
  }
  frame.kind = static_cast<FrameKind>(header.kind);
  frame.payload.resize(header.size);
  BACKSIGHT_TRY(read_all(frame.payload.data(), frame.payload.size(), deadline, nullptr));
  return frame;
}

}  // namespace backsight::probes
