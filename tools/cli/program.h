// The program `backsight` from arguments to exit code, with everything outside
// it (environment, terminal, streams) handed in.
#pragma once

#include "probes/config.h"
#include "tools/cli/check.h"
#include "tools/http/request.h"

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>

namespace backsight::tools {

struct Surroundings {
  std::function<std::optional<std::string>(const char* name)> environment;
  bool terminal = false;        // standard output is one
  bool error_terminal = false;  // standard error is one
  std::size_t columns = 100;
  Vocabulary questions;  // the query's verbs and common options
  Answer answer;
  std::function<schema::Result<CheckAnswer>(const probes::Config&, const std::optional<std::string>& service)>
      check;
  std::string default_config = "/etc/backsight/backsight.yaml";
  std::function<bool(const std::string&)> write;     // standard output; false: the reader is gone
  std::function<void(const std::string&)> complain;  // standard error
};

// Exit code: 0 done, 1 failed, 2 bad usage, 3 incomplete with --strict.
int run_program(std::span<const std::string> arguments, const Surroundings& surroundings);

}  // namespace backsight::tools
