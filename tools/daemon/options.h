// The command line of backsightd.
#pragma once

#include <string>

namespace backsight::tools {

struct DaemonOptions {
  std::string config;
  std::string store;  // overrides the configured path
  bool check = false;
  std::string log_level = "info";
  std::string log_format = "text";
  std::string record_tape;
  std::string replay_tape;
  bool filter_system_calls = true;
};

// Exit code to end with at once (after --help or bad usage), or -1 to go on.
int parse_daemon_options(int argc, char** argv, DaemonOptions& options);

}  // namespace backsight::tools
