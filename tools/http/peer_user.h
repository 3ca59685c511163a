// Which user of this machine is at the other end of a connection over loopback.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <optional>

namespace backsight::tools {

// Asks the kernel for sockets (sock_diag(7)); one datagram each way, whatever the
// number of connections. Not thread-safe.
class PeerUsers {
 public:
  PeerUsers();
  ~PeerUsers();
  PeerUsers(const PeerUsers&) = delete;
  PeerUsers& operator=(const PeerUsers&) = delete;

  // The user id of the socket whose own end is `peer` and whose other end is
  // `here`. Nothing where that is not on this machine, or gone.
  std::optional<std::uint32_t> find(const boost::asio::ip::tcp::endpoint& peer,
                                    const boost::asio::ip::tcp::endpoint& here) const;

 private:
  int socket_;
};

}  // namespace backsight::tools
