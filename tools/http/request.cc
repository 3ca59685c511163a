#include "tools/http/request.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <numeric>
#include <set>

namespace backsight::tools {
namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({changed, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row.back();
}

const query::OptionSpec* find_option(const Vocabulary& vocabulary, const query::VerbSpec& verb,
                                     std::string_view name) {
  if (is_client_option(name)) return nullptr;
  for (const query::OptionSpec& option : verb.options)
    if (option.name == name) return &option;
  for (const query::OptionSpec& option : vocabulary.common)
    if (option.name == name) return &option;
  return nullptr;
}

std::vector<std::string> known_names(const Vocabulary& vocabulary, const query::VerbSpec& verb) {
  std::vector<std::string> names;
  for (std::string_view positional : verb.positionals) names.push_back(parameter_name(positional));
  for (const query::OptionSpec& option : verb.options) names.emplace_back(option.name);
  for (const query::OptionSpec& option : vocabulary.common)
    if (!is_client_option(option.name)) names.emplace_back(option.name);
  return names;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

schema::Error unknown_parameter(const Vocabulary& vocabulary, const query::VerbSpec& verb,
                                const std::string& name) {
  const std::vector<std::string> names = known_names(vocabulary, verb);
  const std::string near = nearest_name(name, names);
  return schema::make_error(schema::ErrorCode::kInvalid,
                            "'" + std::string(verb.name) + "' has no option '" + name + "'",
                            near.empty() ? "it takes " + joined(names) : "did you mean '" + near + "'?");
}

schema::Result<void> set_option(query::Request& request, const query::OptionSpec& option,
                                const std::string& value) {
  if (!option.argument.empty()) {
    request.options[std::string(option.name)] = value;
    return {};
  }
  static constexpr std::array<std::string_view, 3> kTrue = {"", "true", "1"};
  static constexpr std::array<std::string_view, 2> kFalse = {"false", "0"};
  if (std::find(kTrue.begin(), kTrue.end(), value) != kTrue.end()) {
    request.options[std::string(option.name)] = "true";
  } else if (std::find(kFalse.begin(), kFalse.end(), value) == kFalse.end()) {
    return schema::make_error(schema::ErrorCode::kInvalid,
                              "'" + std::string(option.name) + "' is a flag, not '" + value + "'",
                              "give it without a value, or true or false");
  }
  return {};
}

}  // namespace

const query::VerbSpec* Vocabulary::find(std::string_view name) const {
  const auto found = std::find_if(verbs.begin(), verbs.end(),
                                  [&](const query::VerbSpec& verb) { return verb.name == name; });
  return found == verbs.end() ? nullptr : &*found;
}

std::string parameter_name(std::string_view positional) {
  std::string name;
  for (char c : positional) {
    if (c == '?' || c == '=') break;
    name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return name;
}

bool is_optional(std::string_view positional) {
  return !positional.empty() && positional.back() == '?';
}

bool is_client_option(std::string_view name) {
  static constexpr std::array<std::string_view, 8> kNames = {"store",  "server", "token-file", "ca-file",
                                                             "format", "strict", "no-color",   "utc"};
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

schema::Result<query::Request> build_request(const Vocabulary& vocabulary, const query::VerbSpec& verb,
                                             std::span<const Parameter> parameters) {
  query::Request request;
  request.verb = verb.name;
  std::vector<const std::string*> positionals(verb.positionals.size(), nullptr);
  std::set<std::string> seen;
  for (const Parameter& parameter : parameters) {
    if (!seen.insert(parameter.name).second) {
      return schema::make_error(schema::ErrorCode::kInvalid, "'" + parameter.name + "' is given twice",
                                "give it once");
    }
    const auto position =
        std::find_if(verb.positionals.begin(), verb.positionals.end(),
                     [&](std::string_view name) { return parameter_name(name) == parameter.name; });
    if (position != verb.positionals.end()) {
      positionals[static_cast<std::size_t>(position - verb.positionals.begin())] = &parameter.value;
    } else if (const query::OptionSpec* option = find_option(vocabulary, verb, parameter.name)) {
      BACKSIGHT_TRY(set_option(request, *option, parameter.value));
    } else {
      return unknown_parameter(vocabulary, verb, parameter.name);
    }
  }
  for (std::size_t i = 0; i < positionals.size(); ++i) {
    if (positionals[i] != nullptr) {
      request.positionals.push_back(*positionals[i]);
    } else if (!is_optional(verb.positionals[i])) {
      return schema::make_error(schema::ErrorCode::kInvalid,
                                "'" + std::string(verb.name) + "' needs " + std::string(verb.positionals[i]),
                                "usage: " + std::string(verb.usage));
    } else {
      break;  // positions cannot be skipped
    }
  }
  return request;
}

std::string nearest_name(std::string_view typed, std::span<const std::string> names) {
  std::string best;
  std::size_t best_distance = (typed.size() < 4 ? 1 : std::max<std::size_t>(2, typed.size() / 3)) + 1;
  if (typed.size() > 64) return best;
  for (const std::string& name : names) {
    const std::size_t distance = edit_distance(typed, name);
    if (distance < best_distance) {
      best_distance = distance;
      best = name;
    }
  }
  return best;
}

}  // namespace backsight::tools
