#include "tools/cli/command_line.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace backsight::tools {
namespace {

using query::OptionSpec;
using query::VerbSpec;

constexpr std::array<OptionSpec, 8> kClientOptions = {{
    {"store", "DIR",
     "the store to read (default: the path in /etc/backsight/backsight.yaml, else $BACKSIGHT_STORE, "
     "else /var/lib/backsight)"},
    {"server", "URL", "ask a running collector instead, as in http://127.0.0.1:7070"},
    {"token-file", "FILE",
     "with --server: the token that it demands, in a file of mode 0600 (default: $BACKSIGHT_TOKEN_FILE)"},
    {"ca-file", "FILE",
     "with --server https://…: the authority that signed its certificate (default: the system's)"},
    {"format", "FORMAT", "table, json, ndjson or csv (default: table on a terminal, json otherwise)"},
    {"strict", "", "exit with 3 if the answer is known to be incomplete"},
    {"no-color", "", "no colours (nor with $NO_COLOR)"},
    {"utc", "", "times in tables in UTC, not in the local zone"},
}};

std::string flag_name(std::string_view name) {
  static const std::map<std::string_view, std::string> kShort = {{"service", "-s,--service"},
                                                                 {"config", "-c,--config"}};
  const auto found = kShort.find(name);
  return found == kShort.end() ? "--" + std::string(name) : found->second;
}

// CLI11 has "store stats" as a subcommand of a subcommand.
class Parser {
 public:
  Parser(const Vocabulary& vocabulary, CommandLine& line) : vocabulary_(vocabulary), line_(line) {
    app_.set_help_flag();
    app_.require_subcommand(0, 1);
    app_.allow_extras();
    app_.add_flag("-h,--help", line.help);
    app_.add_flag("-V,--version", line.version);
    add_client_options();
    for (const OptionSpec& option : vocabulary.common) {
      if (!is_client_option(option.name)) add_option(app_, option);
    }
    for (const VerbSpec& verb : vocabulary.verbs) add_verb(verb);
  }

  schema::Result<void> parse(std::span<const std::string> arguments) {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    try {
      app_.parse(reversed);
    } catch (const CLI::ParseError& problem) {
      return usage_error(problem.what());
    }
    if (!chosen_.empty()) line_.verb = vocabulary_.find(chosen_);
    std::vector<std::string> rest = app_.remaining(true);
    std::erase(rest, "--");  // ends the options; what follows is positional
    if (!rest.empty()) return unexpected(rest.front());
    if (line_.verb == nullptr && !line_.help && !line_.version) {
      return group_.empty() ? usage_error("no verb is given")
                            : usage_error("'" + group_ + "' needs another word");
    }
    return {};
  }

 private:
  void add_client_options() {
    const auto text = [&](const char* name, std::optional<std::string>& target) {
      app_.add_option_function<std::string>(name, [&target](const std::string& value) { target = value; });
    };
    text("--store", line_.store);
    text("--server", line_.server);
    text("--token-file", line_.token_file);
    text("--ca-file", line_.ca_file);
    text("--format", line_.format);
    app_.add_flag("--strict", line_.strict);
    app_.add_flag("--no-color", line_.no_color);
    app_.add_flag("--utc", line_.utc);
  }

  void add_parameter(CLI::App& app, const std::string& typed, const std::string& name) {
    app.add_option_function<std::string>(typed, [this, name](const std::string& value) {
      line_.parameters.push_back({name, value});
    });
  }

  void add_option(CLI::App& app, const OptionSpec& option) {
    const std::string name(option.name);
    if (!option.argument.empty()) return add_parameter(app, flag_name(name), name);
    app.add_flag_callback(flag_name(name), [this, name] { line_.parameters.push_back({name, "true"}); });
  }

  void add_verb(const VerbSpec& verb) {
    CLI::App* app = &app_;
    std::string path;
    for (const std::string& word : CLI::detail::split(std::string(verb.name), ' ')) {
      path += (path.empty() ? "" : " ") + word;
      CLI::App*& next = subcommands_[path];
      if (next == nullptr) {
        next = app->add_subcommand(word);
        next->set_help_flag();
        next->fallthrough();
        next->require_subcommand(0, 1);
        const bool leaf = path == verb.name;
        next->parse_complete_callback([this, path, leaf] { (leaf ? chosen_ : group_) = path; });
      }
      app = next;
    }
    for (std::string_view positional : verb.positionals) {
      const std::string name = parameter_name(positional);
      add_parameter(*app, name, name);
    }
    for (const OptionSpec& option : verb.options) add_option(*app, option);
  }

  schema::Error unexpected(const std::string& text) const {
    std::vector<std::string> names;
    std::string hint;
    if (line_.verb != nullptr && text.rfind('-', 0) == 0) {
      for (const OptionSpec& option : line_.verb->options) names.push_back("--" + std::string(option.name));
      for (const OptionSpec& option : vocabulary_.common) names.push_back("--" + std::string(option.name));
      for (const OptionSpec& option : kClientOptions) names.push_back("--" + std::string(option.name));
      hint = nearest_name(text, names);
      return usage_error("'" + std::string(line_.verb->name) + "' has no option '" + text + "'", hint);
    }
    if (line_.verb != nullptr) {
      return usage_error("'" + std::string(line_.verb->name) + "' takes no further argument '" + text + "'");
    }
    if (text.rfind('-', 0) == 0) return usage_error("there is no option '" + text + "'");
    for (const VerbSpec& verb : vocabulary_.verbs) names.emplace_back(verb.name);
    const std::string typed = group_.empty() ? text : group_ + " " + text;
    return usage_error("there is no verb '" + typed + "'", nearest_name(typed, names));
  }

  schema::Error usage_error(const std::string& message, const std::string& near = {}) const {
    std::string hint = "see `backsight help`";
    if (line_.verb != nullptr) hint = "usage: backsight " + std::string(line_.verb->usage);
    if (!near.empty()) hint = "did you mean '" + near + "'?";
    return schema::make_error(schema::ErrorCode::kInvalid, message, hint);
  }

  const Vocabulary& vocabulary_;
  CommandLine& line_;
  CLI::App app_{"", "backsight"};
  std::map<std::string, CLI::App*> subcommands_;  // by full name
  std::string chosen_, group_;
};

}  // namespace

std::vector<VerbSpec> program_verbs(std::span<const VerbSpec> query_verbs) {
  std::vector<VerbSpec> verbs(query_verbs.begin(), query_verbs.end());
  verbs.push_back({"check",
                   "check -c FILE [--service S]",
                   "What each configured probe would do; attaches nothing, needs no privilege.",
                   {},
                   {{"config", "FILE", "the configuration"}},
                   "probes",
                   false,
                   {"backsight check -c /etc/backsight/backsight.yaml --service checkout"}});
  verbs.push_back({"help",
                   "help [VERB] [--man] [--completion SHELL]",
                   "Help for one verb or for all.",
                   {"VERB?"},
                   {{"man", "", "the manual page in troff, for `man -l -`"},
                    {"completion", "SHELL", "completion for bash or zsh, for `source <(...)`"}},
                   "",
                   false,
                   {"backsight help calls", "source <(backsight help --completion bash)"}});
  return verbs;
}

schema::Result<CommandLine> parse_command_line(const Vocabulary& vocabulary,
                                               std::span<const std::string> arguments) {
  CommandLine line;
  try {
    Parser parser(vocabulary, line);
    BACKSIGHT_TRY(parser.parse(arguments));
  } catch (const std::exception& problem) {
    return schema::make_error(schema::ErrorCode::kInvalid, problem.what(), "see `backsight help`");
  }
  return line;
}

std::span<const query::OptionSpec> client_options() {
  return kClientOptions;
}

}  // namespace backsight::tools
