// The server over the real query and the real store.
#include "query/verbs.h"
#include "store/timeline.h"
#include "tools/http/server_start.h"

namespace backsight::tools {
namespace {

MomentPort store_moments(const std::string& store_path) {
  return {[store_path] { return store::load_moments(store_path); },
          [store_path](const schema::Moment& moment) { return store::put_moment(store_path, moment); },
          [store_path](const schema::Pin& pin) { return store::put_pin(store_path, pin); }};
}

}  // namespace

// By value as server.h has it.
// NOLINTNEXTLINE(performance-unnecessary-value-param)
schema::Result<std::unique_ptr<HttpServer>> HttpServer::start(HttpOptions options) {
  return start_server(
      options, {query::verbs(), query::common_options()},
      [](const query::Request& request) { return query::answer(request); },
      store_moments(options.store_path));
}

}  // namespace backsight::tools
