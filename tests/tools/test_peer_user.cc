#include "tools/http/peer_user.h"

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace backsight::tools {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

struct Pair {
  asio::io_context io;
  tcp::acceptor acceptor;
  tcp::socket client{io};
  tcp::socket server{io};

  explicit Pair(const char* address) : acceptor(io, {asio::ip::make_address(address), 0}) {
    client.connect(acceptor.local_endpoint());
    acceptor.accept(server);
  }
};

TEST_CASE("the user at the other end of a connection is known") {
  const PeerUsers users;
  for (const char* address : {"127.0.0.1", "127.3.2.1", "::1"}) {
    CAPTURE(address);
    Pair pair(address);
    CHECK(users.find(pair.server.remote_endpoint(), pair.server.local_endpoint()) == ::geteuid());
  }
}

TEST_CASE("another user is told from oneself") {
  if (::geteuid() != 0) {
    WARN("SKIPPED: needs root to be another user");
    return;
  }
  asio::io_context io;
  tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const int fd = ::setresuid(65534, 65534, 65534) == 0 ? ::socket(AF_INET, SOCK_STREAM, 0) : -1;
    const tcp::endpoint there = acceptor.local_endpoint();
    char byte = 0;
    const bool is_done = fd >= 0 && ::connect(fd, there.data(), static_cast<socklen_t>(there.size())) == 0 &&
                         ::read(fd, &byte, 1) == 0;
    ::_exit(is_done ? 0 : 1);
  }
  {
    tcp::socket server(io);
    acceptor.accept(server);
    const PeerUsers users;
    CHECK(users.find(server.remote_endpoint(), server.local_endpoint()) == 65534u);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

TEST_CASE("nobody is invented") {
  const PeerUsers users;
  Pair pair("127.0.0.1");
  const tcp::endpoint peer = pair.server.remote_endpoint(), here = pair.server.local_endpoint();
  CHECK_FALSE(users.find({asio::ip::make_address("192.0.2.1"), 99}, here).has_value());
  CHECK_FALSE(users.find({peer.address(), static_cast<std::uint16_t>(peer.port() ^ 1)}, here).has_value());
  CHECK(users.find(peer, here) == ::geteuid());  // and the next answer is for the next question
}

}  // namespace
}  // namespace backsight::tools
