// HttpServer::start with its surroundings handed in: which questions there are,
// who answers them, where moments live.
#pragma once

#include "tools/http/alerts.h"
#include "tools/http/request.h"
#include "tools/http/server.h"

#include <memory>

namespace backsight::tools {

schema::Result<std::unique_ptr<HttpServer>> start_server(const HttpOptions& options, Vocabulary vocabulary,
                                                         Answer answer, MomentPort moments);

}  // namespace backsight::tools
