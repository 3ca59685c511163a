// A plain socket to the server under test, so that broken requests can be sent.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>

namespace backsight::tools {

class RawConnection {
 public:
  explicit RawConnection(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{20, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawConnection() { close(); }
  RawConnection(const RawConnection&) = delete;
  RawConnection& operator=(const RawConnection&) = delete;

  bool connected() const { return connected_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  bool send(const std::string& text) {
    for (std::size_t done = 0; done < text.size();) {
      const ssize_t sent = ::send(fd_, text.data() + done, text.size() - done, MSG_NOSIGNAL);
      if (sent <= 0) return false;
      done += static_cast<std::size_t>(sent);
    }
    return true;
  }

  // Everything until the peer closes.
  std::string read_all() {
    std::string text;
    char buffer[4096];
    for (ssize_t got = 0; (got = ::recv(fd_, buffer, sizeof buffer, 0)) > 0;) {
      text.append(buffer, static_cast<std::size_t>(got));
    }
    return text;
  }

  // One response with a Content-Length; the connection stays open.
  std::string read_response() {
    std::string text;
    char byte = 0;
    while (text.find("\r\n\r\n") == std::string::npos && ::recv(fd_, &byte, 1, 0) == 1) text += byte;
    const std::size_t at = text.find("Content-Length: ");
    std::size_t length = at == std::string::npos ? 0 : std::stoul(text.substr(at + 16));
    while (length-- > 0 && ::recv(fd_, &byte, 1, 0) == 1) text += byte;
    return text;
  }

 private:
  int fd_;
  bool connected_ = false;
};

inline std::string converse(std::uint16_t port, const std::string& request) {
  RawConnection connection(port);
  if (!connection.connected() || !connection.send(request)) return {};
  return connection.read_all();
}

inline std::string get(std::uint16_t port, const std::string& target, const std::string& fields = {}) {
  return converse(
      port, "GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + fields + "\r\n");
}

inline std::string post(std::uint16_t port, const std::string& target, const std::string& body) {
  return converse(port, "POST " + target +
                            " HTTP/1.1\r\nHost: 127.0.0.1:1\r\nConnection: close\r\nContent-Length: " +
                            std::to_string(body.size()) + "\r\n\r\n" + body);
}

inline int status_of(const std::string& response) {
  return response.size() > 12 && response.compare(0, 9, "HTTP/1.1 ") == 0 ? std::stoi(response.substr(9, 3))
                                                                          : 0;
}

inline std::string body_of(const std::string& response) {
  const std::size_t at = response.find("\r\n\r\n");
  return at == std::string::npos ? std::string() : response.substr(at + 4);
}

}  // namespace backsight::tools
