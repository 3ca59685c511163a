// backsightd: the collector as a daemon.
#include "probes/config.h"
#include "probes/sandbox.h"
#include "tools/daemon/daemon.h"
#include "tools/daemon/log.h"
#include "tools/daemon/options.h"

#include <cstdio>
#include <exception>

namespace {

using namespace backsight;

int run(const tools::DaemonOptions& options) {
  probes::Config config;
  if (!options.config.empty()) {
    auto loaded = probes::load_config(options.config);
    if (!loaded) {
      std::fprintf(stderr, "backsightd: %s\n", loaded.error().to_string().c_str());
      return 2;
    }
    config = *std::move(loaded);
  }
  if (!options.store.empty()) config.store.path = options.store;
  if (options.check) {
    std::printf("%s: %zu service(s), no problems\n", options.config.c_str(), config.services.size());
    return 0;
  }
  tools::set_up_log(options.log_level, options.log_format);
  const auto result = options.replay_tape.empty() ? tools::run_daemon(options, std::move(config))
                                                  : tools::load_tape(options, config);
  if (!result) tools::log_error(result.error());
  return result ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (int code = 0; probes::planning_process(argc, argv, code)) return code;
  tools::DaemonOptions options;
  if (const int code = tools::parse_daemon_options(argc, argv, options); code >= 0) return code;
  try {
    return run(options);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "backsightd: %s\n", e.what());
    return 1;
  }
}
