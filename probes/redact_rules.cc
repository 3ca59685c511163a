#include "probes/redact_rules.h"

#include "probes/glob.h"

#include <algorithm>
#include <iterator>

namespace backsight::probes {

namespace {

constexpr std::size_t kMaxPattern = 512;
constexpr const char* kHint =
    "a path as order.card.number, a glob over it as \"*.password\", or \"type:shop::Secret\"";

schema::Error bad(const std::string& text, const std::string& why) {
  return schema::make_error(schema::ErrorCode::kInvalid, "bad pattern \"" + text + "\": " + why, kHint);
}

bool is_path_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         c == '.' || c == ':' || c == '*' || c == '?' || c == '~' || static_cast<unsigned char>(c) >= 0x80;
}

// Elements are all hidden alike: "items[*].secret", "items[0..8].secret" are "items.secret".
bool leave_out_elements(std::string& path) {
  for (std::size_t open = path.find('['); open != std::string::npos; open = path.find('[', open)) {
    const std::size_t close = path.find(']', open);
    if (close == std::string::npos) return false;
    path.erase(open, close - open + 1);
  }
  return path.find(']') == std::string::npos;
}

schema::Result<RedactPattern> parse_type(const std::string& text) {
  std::string name = text.substr(text.find(':') + 1);
  name.erase(0, name.find_first_not_of(' '));
  if (name.empty()) return bad(text, "it names no type");
  if (const auto problem = glob_problem(name); problem && is_glob(name)) return bad(text, *problem);
  return RedactPattern{"type:" + name};
}

}  // namespace

schema::Result<RedactPattern> parse_redact(const std::string& text) {
  if (text.size() > kMaxPattern)
    return bad(text.substr(0, 32) + "…", "at most " + std::to_string(kMaxPattern) + " bytes");
  if (text.starts_with("type:")) return parse_type(text);
  std::string path;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ') continue;
    if (text.compare(i, 2, "->") == 0) {
      path += '.';
      ++i;
    } else {
      path += text[i];
    }
  }
  if (!leave_out_elements(path)) return bad(text, "its '[' and ']' do not match");
  if (path.empty()) return bad(text, "it names nothing");
  const auto odd = std::find_if_not(path.begin(), path.end(), is_path_character);
  if (odd != path.end()) return bad(text, std::string("'") + *odd + "' cannot be part of a path");
  if (path.front() == '.' || path.back() == '.' || path.find("..") != std::string::npos)
    return bad(text, "a name is missing beside a '.'");
  return RedactPattern{path};
}

std::vector<std::string> redact_steps(const RedactPattern& pattern) {
  std::vector<std::string> steps = {""};
  for (const char c : pattern.text) {
    if (c == '.')
      steps.emplace_back();
    else
      steps.back() += c;
  }
  return steps;
}

RedactRules::RedactRules(const std::vector<RedactPattern>& patterns) {
  for (const RedactPattern& pattern : patterns) {
    if (pattern.is_type()) {
      types_.push_back(pattern.text.substr(5));
    } else {
      patterns_.push_back(pattern.text);
    }
    is_wide_ = is_wide_ || !pattern.is_exact();
  }
  contexts_ = {{}, {}};
  numbers_[{}] = kNowhere;
}

// A position before a '*' is behind it too: it may stand for nothing.
void RedactRules::add(Positions& to, std::uint32_t position) const {
  const std::string& pattern = patterns_[position >> 16];
  for (;; ++position) {
    to.push_back(position);
    const std::size_t at = position & 0xffff;
    if (at >= pattern.size() || pattern[at] != '*') return;
  }
}

RedactRules::Context RedactRules::known(Positions positions) {
  std::sort(positions.begin(), positions.end());
  positions.erase(std::unique(positions.begin(), positions.end()), positions.end());
  for (const std::uint32_t position : positions) {
    if ((position & 0xffff) == patterns_[position >> 16].size()) return kHidden;
  }
  const auto [it, is_new] = numbers_.try_emplace(positions, static_cast<Context>(contexts_.size()));
  if (is_new) contexts_.push_back(std::move(positions));
  return it->second;
}

// `from`: kNowhere stands for the beginning of every pattern.
RedactRules::Context RedactRules::enter(Context from, std::string_view text) {
  Positions now;
  if (from == kNowhere) {
    for (std::size_t i = 0; i < patterns_.size(); ++i) add(now, static_cast<std::uint32_t>(i << 16));
  } else {
    now = contexts_[from];
  }
  for (const char c : text) {
    Positions next;
    for (const std::uint32_t position : now) {
      const std::string& pattern = patterns_[position >> 16];
      const std::size_t at = position & 0xffff;
      if (at >= pattern.size()) continue;
      if (pattern[at] == '*') add(next, position);
      if (pattern[at] == '?' || pattern[at] == c) add(next, position + 1);
    }
    std::sort(next.begin(), next.end());
    next.erase(std::unique(next.begin(), next.end()), next.end());
    now = std::move(next);
  }
  return known(std::move(now));
}

// "*.password" is meant for a parameter of that name, too: as if it were a member of something.
RedactRules::Context RedactRules::root(std::string_view name) {
  if (patterns_.empty()) return kNowhere;
  return join(enter(kNowhere, name), enter(kNowhere, "." + std::string(name)));
}

RedactRules::Context RedactRules::member(Context of, std::string_view name) {
  if (of == kNowhere || of == kHidden) return of;
  const auto key = std::pair(of, std::string(name));
  if (const auto it = steps_.find(key); it != steps_.end()) return it->second;
  const Context result = enter(of, "." + key.second);
  return steps_[key] = result;
}

RedactRules::Context RedactRules::join(Context a, Context b) {
  if (a == b) return a;
  if (a == kHidden || b == kHidden) return kHidden;
  Positions both;
  std::set_union(contexts_[a].begin(), contexts_[a].end(), contexts_[b].begin(), contexts_[b].end(),
                 std::back_inserter(both));
  return known(std::move(both));
}

bool RedactRules::hides_type(std::string_view name) const {
  // "char[16]" is meant as it stands, too.
  return std::any_of(types_.begin(), types_.end(), [&](const std::string& pattern) {
    return pattern == name || glob_match(pattern, name);
  });
}

}  // namespace backsight::probes
