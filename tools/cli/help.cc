#include "tools/cli/help.h"

#include "tools/cli/command_line.h"

#include <algorithm>
#include <set>
#include <vector>

namespace backsight::tools {
namespace {

using query::OptionSpec;
using query::VerbSpec;

constexpr std::size_t kColumns = 92;
constexpr std::size_t kTextAt = 26;

const char* const kTimes =
    "TIME is RFC 3339 (2026-11-22T10:03:00.5Z), @EPOCH_SECONDS[.fraction], now, a duration before now\n"
    "(-5m), or alert:ID, alert:latest, mark:NAME, event:ID; any of them may be followed by +DURATION\n"
    "or -DURATION (alert:latest-500ms).\n";
const char* const kExits =
    "Exit codes: 0 done; 1 failed; 2 bad usage or configuration; 3 the answer is incomplete and --strict\n"
    "was given.\n";

// "  left      text text text", wrapped between words.
std::string entry(const std::string& left, std::string_view text) {
  std::string out = "  " + left;
  if (out.size() + 2 > kTextAt) {
    out += "\n" + std::string(kTextAt, ' ');
  } else {
    out.resize(kTextAt, ' ');
  }
  std::size_t column = kTextAt;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    if (column > kTextAt && column + (end - at) + 1 > kColumns) {
      out += "\n" + std::string(kTextAt, ' ');
      column = kTextAt;
    }
    if (column > kTextAt) {
      out += ' ';
      ++column;
    }
    out += text.substr(at, end - at);
    column += end - at;
    at = end + 1;
  }
  return out + "\n";
}

std::string option_text(const OptionSpec& option) {
  std::string text = option.name == "service" ? "-s, " : option.name == "config" ? "-c, " : "";
  text += "--" + std::string(option.name);
  return option.argument.empty() ? text : text + " " + std::string(option.argument);
}

std::vector<OptionSpec> shared_options(const Vocabulary& vocabulary) {
  std::vector<OptionSpec> options(client_options().begin(), client_options().end());
  for (const OptionSpec& option : vocabulary.common) {
    if (!is_client_option(option.name)) options.push_back(option);
  }
  return options;
}

std::string check_note() {
  return "\nCosts are figures of the reference machine (nop5 300 ns, emulated 600 ns, single_step 3800 ns "
         "per\n"
         "hit) until they are calibrated on this one. A binary is found by the service's `exe` glob, else "
         "among\n"
         "the running processes that match.\n";
}

std::string troff(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) {
      out += std::string("\\&") + c;
    } else {
      out += c;
    }
  }
  return out;
}

// The first words of the verbs, and the second words of one of them.
std::vector<std::string> words(const Vocabulary& vocabulary, const std::string& group) {
  std::vector<std::string> found;
  for (const VerbSpec& verb : vocabulary.verbs) {
    const std::string name(verb.name);
    const std::size_t space = name.find(' ');
    std::string word = group.empty()                                                  ? name.substr(0, space)
                       : space != std::string::npos && name.substr(0, space) == group ? name.substr(space + 1)
                                                                                      : std::string();
    if (!word.empty() && std::find(found.begin(), found.end(), word) == found.end()) found.push_back(word);
  }
  return found;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : " ") + part;
  return out;
}

std::string option_words(const std::vector<OptionSpec>& options) {
  std::vector<std::string> names;
  for (const OptionSpec& option : options) names.push_back("--" + std::string(option.name));
  return joined(names);
}

std::string bash_completion(const Vocabulary& vocabulary) {
  std::string out =
      "_backsight() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} verb= word\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    [[ $word != -* ]] && { verb=$word; break; }\n"
      "  done\n"
      "  case $previous in\n"
      "    --format) COMPREPLY=($(compgen -W 'table json ndjson csv' -- \"$current\")); return;;\n"
      "    --completion) COMPREPLY=($(compgen -W 'bash zsh' -- \"$current\")); return;;\n"
      "    --store) COMPREPLY=($(compgen -d -- \"$current\")); return;;\n"
      "    -c|--config) COMPREPLY=($(compgen -f -- \"$current\")); return;;\n"
      "    -s|--service) COMPREPLY=($(compgen -W \"$(backsight services --format csv 2>/dev/null | tail -n "
      "+2 | "
      "cut -d, -f1)\" -- \"$current\")); return;;\n"
      "  esac\n"
      "  local options='--help --version " +
      option_words(shared_options(vocabulary)) + "'\n  case $verb in\n";
  for (const std::string& word : words(vocabulary, "")) {
    std::vector<OptionSpec> options;
    for (const VerbSpec& verb : vocabulary.verbs) {
      const std::string name(verb.name);
      if (name.substr(0, name.find(' ')) != word) continue;
      options.insert(options.end(), verb.options.begin(), verb.options.end());
    }
    const std::string second = joined(words(vocabulary, word));
    out += "    " + word + ") options+=' " + option_words(options) + (second.empty() ? "" : " " + second) +
           "';;\n";
  }
  out += "    '') options+=' " + joined(words(vocabulary, "")) +
         "';;\n"
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$options\" -- \"$current\"))\n"
         "}\n"
         "complete -o default -F _backsight backsight\n";
  return out;
}

}  // namespace

std::string general_help(const Vocabulary& vocabulary) {
  std::string out =
      "usage: backsight [OPTIONS] VERB [ARGUMENTS]\n\n"
      "Answers what a service did, from what backsightd recorded.\n\nverbs:\n";
  for (const VerbSpec& verb : vocabulary.verbs) out += entry(std::string(verb.name), verb.help);
  out += "\noptions of every verb:\n";
  for (const OptionSpec& option : shared_options(vocabulary)) out += entry(option_text(option), option.help);
  out += entry("-h, --help", "this, or help for the verb");
  out += entry("-V, --version", "the version");
  return out + "\n" + kTimes + kExits;
}

std::string verb_help(const Vocabulary& vocabulary, const VerbSpec& verb) {
  std::string out = "usage: backsight " + std::string(verb.usage) + "\n\n";
  out += entry(std::string(verb.name), verb.help);
  if (!verb.options.empty()) out += "\noptions:\n";
  for (const OptionSpec& option : verb.options) out += entry(option_text(option), option.help);
  out += "\noptions of every verb:\n";
  for (const OptionSpec& option : shared_options(vocabulary)) out += entry(option_text(option), option.help);
  if (verb.name == "check") out += check_note();
  if (!verb.examples.empty()) out += "\nexamples:\n";
  for (std::string_view example : verb.examples) out += "  " + std::string(example) + "\n";
  return out + "\n" + kTimes;
}

std::string manual_page(const Vocabulary& vocabulary) {
  std::string out =
      ".TH BACKSIGHT 1 \"\" \"Backsight\" \"User Commands\"\n"
      ".SH NAME\nbacksight \\- ask what a service did\n"
      ".SH SYNOPSIS\n.B backsight\n[\\fIOPTIONS\\fR] \\fIVERB\\fR [\\fIARGUMENTS\\fR]\n"
      ".SH DESCRIPTION\nAnswers what a service did, from what\n.BR backsightd (8)\nrecorded.\n"
      ".SH VERBS\n";
  for (const VerbSpec& verb : vocabulary.verbs) {
    out += ".SS " + troff(verb.usage) + "\n" + troff(verb.help) + "\n";
    for (const OptionSpec& option : verb.options) {
      out += ".TP\n.B " + troff(option_text(option)) + "\n" + troff(option.help) + "\n";
    }
    if (!verb.examples.empty()) out += ".PP\nFor example:\n.PP\n.nf\n";
    for (std::string_view example : verb.examples) out += troff(example) + "\n";
    if (!verb.examples.empty()) out += ".fi\n";
  }
  out += ".SH OPTIONS\n";
  for (const OptionSpec& option : shared_options(vocabulary)) {
    out += ".TP\n.B " + troff(option_text(option)) + "\n" + troff(option.help) + "\n";
  }
  out += ".SH TIMES\n" + troff(kTimes) + ".SH EXIT STATUS\n" + troff(kExits);
  return out + ".SH SEE ALSO\n.BR backsightd (8)\n";
}

schema::Result<std::string> completion(const Vocabulary& vocabulary, const std::string& shell) {
  if (shell == "bash") return bash_completion(vocabulary);
  if (shell == "zsh") return "autoload -U +X bashcompinit && bashcompinit\n" + bash_completion(vocabulary);
  return schema::make_error(schema::ErrorCode::kInvalid, "there is no completion for '" + shell + "'",
                            "bash or zsh");
}

}  // namespace backsight::tools
