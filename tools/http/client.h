// Asking a running collector instead of a store directory: one request, one
// answer, over plain HTTP.
#pragma once

#include "query/verbs.h"
#include "schema/result.h"
#include "tools/http/request.h"

#include <boost/json.hpp>

#include <span>
#include <string>

namespace backsight::tools {

// `server`: http://HOST[:PORT], or HOST:PORT. kInvalid: not such a URL; kIo:
// nobody answers, or not with what we expect; else the error the server sent.
schema::Result<boost::json::object> ask_server(const std::string& server, const query::VerbSpec& verb,
                                               std::span<const Parameter> parameters);

}  // namespace backsight::tools
