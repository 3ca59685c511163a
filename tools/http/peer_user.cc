#include "tools/http/peer_user.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstring>

namespace backsight::tools {
namespace {

using boost::asio::ip::tcp;

struct Question {
  nlmsghdr header;
  inet_diag_req_v2 body;
};
struct Answer {
  nlmsghdr header;
  inet_diag_msg body;
};

void put_address(const boost::asio::ip::address& address, __be32 (&place)[4]) {
  if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    std::memcpy(place, bytes.data(), bytes.size());
  } else {
    const auto bytes = address.to_v6().to_bytes();
    std::memcpy(place, bytes.data(), bytes.size());
  }
}

Question question_for(const tcp::endpoint& own, const tcp::endpoint& other) {
  Question question{};
  question.header.nlmsg_len = sizeof question;
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.body.sdiag_family = own.address().is_v4() ? AF_INET : AF_INET6;
  question.body.sdiag_protocol = IPPROTO_TCP;
  question.body.idiag_states = ~0u;
  question.body.id.idiag_sport = htons(own.port());
  question.body.id.idiag_dport = htons(other.port());
  put_address(own.address(), question.body.id.idiag_src);
  put_address(other.address(), question.body.id.idiag_dst);
  question.body.id.idiag_cookie[0] = question.body.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return question;
}

}  // namespace

PeerUsers::PeerUsers() : socket_(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)) {
  // The kernel answers while it is asked; in case it does not, nobody waits.
  const timeval patience{0, 100'000};
  if (socket_ >= 0) ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

PeerUsers::~PeerUsers() {
  if (socket_ >= 0) ::close(socket_);
}

std::optional<std::uint32_t> PeerUsers::find(const tcp::endpoint& peer, const tcp::endpoint& here) const {
  if (socket_ < 0 || !peer.address().is_loopback()) return std::nullopt;
  const Question question = question_for(peer, here);
  if (::send(socket_, &question, sizeof question, 0) != static_cast<ssize_t>(sizeof question))
    return std::nullopt;
  alignas(nlmsghdr) char block[1024];
  const ssize_t got = ::recv(socket_, block, sizeof block, 0);
  Answer answer{};
  if (got < static_cast<ssize_t>(sizeof answer)) return std::nullopt;
  std::memcpy(&answer, block, sizeof answer);
  // Of a former question that was not waited for.
  const bool is_it = answer.header.nlmsg_type == SOCK_DIAG_BY_FAMILY &&
                     answer.body.id.idiag_sport == question.body.id.idiag_sport &&
                     answer.body.id.idiag_dport == question.body.id.idiag_dport;
  return is_it ? std::optional<std::uint32_t>(answer.body.idiag_uid) : std::nullopt;
}

}  // namespace backsight::tools
