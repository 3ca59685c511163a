#include "tools/daemon/options.h"

#include <CLI/CLI.hpp>

namespace backsight::tools {

int parse_daemon_options(int argc, char** argv, DaemonOptions& options) {
  CLI::App app(
      "backsightd keeps probes attached to the processes of the configured services and writes what they\n"
      "see to the store, for `backsight` to ask. SIGHUP reloads the configuration; SIGTERM and SIGINT\n"
      "flush and stop. It needs root, or CAP_BPF and CAP_PERFMON (CAP_SYS_PTRACE and\n"
      "CAP_DAC_READ_SEARCH for other users' processes), on Linux 5.15 or later; of what it has, it keeps\n"
      "these alone, and reads debug information, stores and answers without any.",
      "backsightd");
  app.set_version_flag("--version", std::string("backsightd ") + BACKSIGHT_VERSION);
  app.add_option("-c,--config", options.config, "configuration file (YAML)")->type_name("FILE");
  app.add_option("--store", options.store, "store directory, instead of the configured one")
      ->type_name("DIR");
  app.add_flag("--check", options.check, "read the configuration, print what is wrong with it, and exit");
  app.add_option("--log-level", options.log_level, "how much to log")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  app.add_option("--log-format", options.log_format, "form of the log on stderr")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_option("--record-tape", options.record_tape, "also record the input of the pipeline to FILE")
      ->type_name("FILE");
  app.add_option("--replay-tape", options.replay_tape,
                 "load a recorded tape into the store (--store), and exit")
      ->type_name("FILE");
  app.add_flag(
      "!--no-seccomp", options.filter_system_calls,
      "do without the filter of system calls, where one that is needed is refused (please report it)");
  app.footer("Exit codes: 0 done; 1 failed; 2 bad usage or bad configuration.");
  try {
    app.parse(argc, argv);
    if (options.replay_tape.empty() && options.config.empty()) {
      throw CLI::RequiredError("--config FILE");
    }
    if (!options.replay_tape.empty() && options.store.empty() && options.config.empty()) {
      throw CLI::RequiredError("--store DIR (with --replay-tape)");
    }
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return -1;
}

}  // namespace backsight::tools
