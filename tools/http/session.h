// One connection of the HTTP port, from the first byte to the last.
//
//   (TLS handshake) → header → who is it? → body → answer → access log → header …
//                              └ 401, before a byte of the body is kept
#pragma once

#include "tools/http/access_log.h"
#include "tools/http/api.h"
#include "tools/http/peer_user.h"
#include "tools/http/tls.h"
#include "tools/http/token.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/thread_pool.hpp>

#include <functional>
#include <memory>
#include <set>

namespace backsight::tools {

class Session;

// What the connections have in common. All but pool and api belongs to the I/O thread.
struct SessionShared {
  boost::asio::io_context io{1};
  std::unique_ptr<boost::asio::thread_pool> pool;
  std::unique_ptr<HttpApi> api;
  std::size_t max_body_bytes = 0;
  std::shared_ptr<const Tokens> tokens;            // null: none is demanded
  std::shared_ptr<boost::asio::ssl::context> tls;  // null: plain
  PeerUsers users;
  std::function<void(const Access&)> note_access;  // may be null
  std::set<Session*> sessions;
  bool stopping = false;
};

// On the I/O thread. The connection owns itself.
void start_session(SessionShared& shared, boost::asio::ip::tcp::socket socket);
void stop_sessions(SessionShared& shared);

}  // namespace backsight::tools
