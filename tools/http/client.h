// Asking a running collector instead of a store directory: one request, one
// answer, over HTTP or HTTPS.
#pragma once

#include "query/verbs.h"
#include "schema/result.h"
#include "tools/http/request.h"

#include <boost/json.hpp>

#include <span>
#include <string>

namespace backsight::tools {

struct ClientCredentials {
  std::string token_file;  // tools/http/token.h; its first token is sent. Empty: none
  std::string ca_file;     // PEM; empty: the system's authorities
};

// `server`: http[s]://HOST[:PORT], or HOST:PORT. kInvalid: not such a URL; kIo:
// nobody answers, or not with what we expect; kPermission: the server's
// certificate is not to be trusted, or it does not take the token; else the error
// the server sent, or what is wrong with a file of `credentials`.
schema::Result<boost::json::object> ask_server(const std::string& server, const query::VerbSpec& verb,
                                               std::span<const Parameter> parameters,
                                               const ClientCredentials& credentials = {});

}  // namespace backsight::tools
