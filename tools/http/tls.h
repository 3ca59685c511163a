// TLS of the HTTP port and of its client: version 1.2 or later, OpenSSL's.
#pragma once

#include "schema/result.h"

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include <memory>
#include <string>

namespace backsight::tools {

// Over a connection that lives longer.
using TlsStream = boost::asio::ssl::stream<boost::beast::tcp_stream&>;

// `certificate`: PEM, the chain with the server's own first. `key`: PEM, without
// a passphrase, readable by its owner and group only.
schema::Result<std::unique_ptr<boost::asio::ssl::context>> server_tls(const std::string& certificate,
                                                                      const std::string& key);

// Verifies the peer against `ca_file` (PEM), or the system's authorities where that is empty.
schema::Result<std::unique_ptr<boost::asio::ssl::context>> client_tls(const std::string& ca_file);

// The certificate must be for `host`, a name or an address.
schema::Result<void> expect_host(TlsStream& stream, const std::string& host);
// Why the peer's certificate was refused; empty: it was not.
std::string certificate_problem(TlsStream& stream);

}  // namespace backsight::tools
