// What was typed, from the verb table: subcommands, options, help, man page and
// completion all come from the same specifications.
#pragma once

#include "query/verbs.h"
#include "schema/result.h"
#include "tools/http/request.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace backsight::tools {

struct CommandLine {
  const query::VerbSpec* verb = nullptr;  // null: help or version
  std::vector<Parameter> parameters;      // of the verb: positionals, options, common options
  bool help = false;                      // of `verb`, or of everything
  bool version = false;

  std::optional<std::string> store;
  std::optional<std::string> server;
  std::optional<std::string> token_file;
  std::optional<std::string> ca_file;
  std::optional<std::string> format;
  bool strict = false;
  bool no_color = false;
  bool utc = false;
};

// `verbs`: those of the query, and those of the program itself.
schema::Result<CommandLine> parse_command_line(const Vocabulary& vocabulary,
                                               std::span<const std::string> arguments);

// The verbs of the query followed by the program's own: check and help.
std::vector<query::VerbSpec> program_verbs(std::span<const query::VerbSpec> query_verbs);
std::span<const query::OptionSpec> client_options();

}  // namespace backsight::tools
