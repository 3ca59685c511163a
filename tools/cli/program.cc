#include "tools/cli/program.h"

#include "probes/config.h"
#include "tools/cli/command_line.h"
#include "tools/cli/help.h"
#include "tools/cli/present.h"
#include "tools/cli/text.h"
#include "tools/cli/version.h"
#include "tools/http/client.h"

#include <algorithm>
#include <exception>
#include <utility>

namespace backsight::tools {
namespace {

using query::VerbSpec;

class Program {
 public:
  explicit Program(const Surroundings& surroundings)
      : around_(surroundings),
        verbs_(program_verbs(surroundings.questions.verbs)),
        vocabulary_{verbs_, surroundings.questions.common} {}

  int run(std::span<const std::string> arguments) {
    auto line = parse_command_line(vocabulary_, arguments);
    if (!line) return fail(line.error());
    line_ = std::move(*line);
    if (line_.version) return show(std::string("backsight ") + kVersion + "\n");
    if (line_.help) {
      return show(line_.verb != nullptr ? verb_help(vocabulary_, *line_.verb) : general_help(vocabulary_));
    }
    if (line_.verb->name == "help") return help();
    if (auto problem = choose_presentation()) return fail(*problem);
    return line_.verb->name == "check" ? check() : ask();
  }

 private:
  int fail(const schema::Error& error) {
    const bool color = around_.error_terminal && !around_.environment("NO_COLOR");
    std::string text =
        styled("backsight: ", Style::kError, color) + escape_controls_in_lines(error.message) + "\n";
    if (!error.hint.empty()) text += "hint: " + escape_controls_in_lines(error.hint) + "\n";
    around_.complain(text);
    return error.code == schema::ErrorCode::kInvalid ? 2 : 1;
  }

  int show(const std::string& text) {
    around_.write(text);
    return 0;
  }

  std::optional<std::string> parameter(const std::string& name) const {
    for (const Parameter& given : line_.parameters)
      if (given.name == name) return given.value;
    return std::nullopt;
  }

  int help() {
    if (parameter("man")) return show(manual_page(vocabulary_));
    if (const auto shell = parameter("completion")) {
      const auto script = completion(vocabulary_, *shell);
      return script ? show(*script) : fail(script.error());
    }
    const auto topic = parameter("verb");
    if (!topic) return show(general_help(vocabulary_));
    if (const VerbSpec* verb = vocabulary_.find(*topic)) return show(verb_help(vocabulary_, *verb));
    std::string all;  // "help store": of every verb of the group
    for (const VerbSpec& verb : vocabulary_.verbs) {
      if (verb.name.substr(0, topic->size() + 1) == *topic + " ") all += verb_help(vocabulary_, verb) + "\n";
    }
    if (!all.empty()) return show(all);
    std::vector<std::string> names;
    for (const VerbSpec& verb : vocabulary_.verbs) names.emplace_back(verb.name);
    const std::string near = nearest_name(*topic, names);
    return fail(schema::make_error(schema::ErrorCode::kInvalid, "there is no verb '" + *topic + "'",
                                   near.empty() ? "see `backsight help`" : "did you mean '" + near + "'?"));
  }

  std::optional<schema::Error> choose_presentation() {
    options_.terminal = around_.terminal;
    options_.width = around_.columns;
    options_.utc = line_.utc;
    options_.color = around_.terminal && !line_.no_color && !around_.environment("NO_COLOR");
    const std::string format = line_.format.value_or(around_.terminal ? "table" : "json");
    if (format == "table") {
      options_.format = Format::kTable;
    } else if (format == "json") {
      options_.format = Format::kJson;
    } else if (format == "ndjson") {
      options_.format = Format::kNdjson;
    } else if (format == "csv") {
      options_.format = Format::kCsv;
    } else {
      return schema::make_error(schema::ErrorCode::kInvalid, "'" + format + "' is not a format",
                                "table, json, ndjson or csv");
    }
    if (line_.store && line_.server) {
      return schema::make_error(schema::ErrorCode::kInvalid, "--store and --server are both given",
                                "ask one of them");
    }
    if (!line_.server && (line_.token_file || line_.ca_file)) {
      return schema::make_error(
          schema::ErrorCode::kInvalid,
          std::string(line_.token_file ? "--token-file" : "--ca-file") + " is for a collector",
          "give it with --server URL");
    }
    return std::nullopt;
  }

  int check() {
    for (const Parameter& given : line_.parameters) {
      if (given.name == "config" || given.name == "service") continue;
      return fail(schema::make_error(schema::ErrorCode::kInvalid,
                                     "'check' has no option '" + given.name + "'",
                                     "usage: backsight " + std::string(line_.verb->usage)));
    }
    const auto path = parameter("config");
    if (!path) {
      return fail(schema::make_error(schema::ErrorCode::kInvalid, "'check' needs -c FILE",
                                     "usage: backsight " + std::string(line_.verb->usage)));
    }
    auto config = probes::load_config(*path);
    if (!config) return fail_with(config.error(), 2);
    auto answer = around_.check(*config, parameter("service"));
    if (!answer) return fail(answer.error());
    show(present(line_.verb->name, line_.verb->rows_key, answer->object, options_));
    return answer->all_resolved ? 0 : 2;
  }

  int fail_with(const schema::Error& error, int code) {
    fail(error);
    return code;
  }

  schema::Result<std::string> store_path() const {
    if (line_.store) return *line_.store;
    const auto config = probes::load_config(around_.default_config);
    if (config) return config->store.path;
    if (config.error().code == schema::ErrorCode::kInvalid) {
      schema::Error error = config.error();
      error.hint = "give the store with --store DIR" + (error.hint.empty() ? "" : "; " + error.hint);
      return error;
    }
    if (const auto path = around_.environment("BACKSIGHT_STORE"); path && !path->empty()) return *path;
    return std::string("/var/lib/backsight");
  }

  ClientCredentials credentials() const {
    return {line_.token_file ? *line_.token_file : around_.environment("BACKSIGHT_TOKEN_FILE").value_or(""),
            line_.ca_file.value_or("")};
  }

  int ask() {
    auto request = build_request(vocabulary_, *line_.verb, line_.parameters);
    if (!request) return fail(request.error());
    schema::Result<boost::json::object> answer = boost::json::object();
    if (line_.server) {
      answer = ask_server(*line_.server, *line_.verb, line_.parameters, credentials());
    } else {
      auto path = store_path();
      if (!path) return fail(path.error());
      request->store_path = *path;
      answer = around_.answer(*request);
    }
    if (!answer) return fail(answer.error());
    show(present(line_.verb->name, line_.verb->rows_key, *answer, options_));
    const boost::json::value* complete = answer->if_contains("complete");
    const bool incomplete = complete != nullptr && complete->is_bool() && !complete->get_bool();
    return incomplete && line_.strict ? 3 : 0;
  }

  const Surroundings& around_;
  std::vector<VerbSpec> verbs_;
  Vocabulary vocabulary_;
  CommandLine line_;
  PresentOptions options_;
};

}  // namespace

int run_program(std::span<const std::string> arguments, const Surroundings& surroundings) {
  try {
    return Program(surroundings).run(arguments);
  } catch (const std::exception& problem) {
    surroundings.complain(std::string("backsight: ") + problem.what() +
                          "\nhint: this is a mistake in Backsight: please report it\n");
    return 1;
  }
}

}  // namespace backsight::tools
