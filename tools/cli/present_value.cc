#include "tools/cli/present_value.h"

#include "tools/cli/text.h"
#include "tools/http/json_text.h"

#include <array>
#include <functional>
#include <limits>
#include <set>
#include <utility>

namespace backsight::tools {
namespace {

constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();
constexpr std::size_t kMaxNesting = 64;

// How much of a value is shown; each step shows less.
struct Detail {
  std::size_t string_columns;
  std::size_t elements;
  std::size_t members;
  std::size_t depth;
};
constexpr std::array<Detail, 6> kDetails = {{{kUnlimited, kUnlimited, kUnlimited, kMaxNesting},
                                             {48, 8, 16, 6},
                                             {24, 4, 8, 5},
                                             {16, 2, 6, 4},
                                             {12, 1, 4, 3},
                                             {8, 1, 3, 2}}};

bool is_return_path(std::string_view path) {
  return path.substr(0, 6) == "return" && (path.size() == 6 || path[6] == '.' || path[6] == '[');
}

// Inside '"': unambiguous, and nothing that steers a terminal.
std::string quotable(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return escape_controls(out);
}

class Writer {
 public:
  Writer(const boost::json::object* unavailable, Detail detail)
      : unavailable_(unavailable), detail_(detail) {}

  void value(std::string& out, const boost::json::value& value, const std::string& path, std::size_t depth) {
    const boost::json::value* reason = reason_of(path);
    if (value.is_null() && reason != nullptr) {
      out += "<" + reason_text(*reason) + ">";
    } else if (const auto* object = value.if_object()) {
      write_object(out, *object, path, depth);
    } else if (const auto* array = value.if_array()) {
      elements(out, *array, path, depth, reason);
    } else if (const auto* text = value.if_string()) {
      out += '"' + shorten(quotable(*text), detail_.string_columns) + '"';
      if (reason != nullptr) out += "…<" + reason_text(*reason) + ">";
    } else {
      out += to_json_text(value, JsonLayout::kCompact);
      if (reason != nullptr) out += "<" + reason_text(*reason) + ">";
    }
  }

  // name=value, name=value
  void members(std::string& out, const boost::json::object& object, const std::string& path,
               std::size_t depth) {
    std::size_t count = 0;
    for (const auto& member : object) {
      if (member.key() == "$type") continue;
      if (count > 0) out += ", ";
      if (count++ == detail_.members) {
        out += "…";
        return;
      }
      const std::string key(member.key());
      out += escape_controls(key) + "=";
      value(out, member.value(), path.empty() ? key : path + "." + key, depth + 1);
    }
  }

  // What `unavailable` names but the tree of arguments had no place for.
  std::string leftovers() const {
    std::string out;
    if (unavailable_ == nullptr) return out;
    for (const auto& entry : *unavailable_) {
      const std::string path(entry.key());
      if (seen_.count(path) != 0 || is_return_path(path)) continue;
      out += (out.empty() ? "" : ", ") + escape_controls(path) + "=<" + reason_text(entry.value()) + ">";
    }
    return out;
  }

 private:
  const boost::json::value* reason_of(const std::string& path) {
    if (unavailable_ == nullptr || path.empty()) return nullptr;
    const boost::json::value* reason = unavailable_->if_contains(path);
    if (reason != nullptr) seen_.insert(path);
    return reason;
  }

  static std::string reason_text(const boost::json::value& reason) {
    return reason.is_string() ? escape_controls(reason.get_string()) : "unavailable";
  }

  void write_object(std::string& out, const boost::json::object& object, const std::string& path,
                    std::size_t depth) {
    if (object.size() == 1) {
      const auto& only = *object.begin();
      const auto* text = only.value().if_string();
      if (text != nullptr && only.key() == "$ptr") return void(out += escape_controls(*text));
      if (text != nullptr && only.key() == "$ref") return void(out += "→" + escape_controls(*text));
      if (text != nullptr && only.key() == "$bytes") {
        out += "hex\"" + shorten(escape_controls(*text), detail_.string_columns) + "\"";
        return;
      }
    }
    if (const auto* alternative = object.if_contains("$alt"); alternative && alternative->is_string()) {
      out += escape_controls(alternative->get_string()) + "(";
      if (const auto* inner = object.if_contains("value")) value(out, *inner, path + ".value", depth + 1);
      out += ")";
      return;
    }
    if (const auto* type = object.if_contains("$type"); type && type->is_string()) {
      out += escape_controls(type->get_string());
    }
    if (depth >= detail_.depth && !object.empty()) return void(out += "{…}");
    out += "{";
    members(out, object, path, depth);
    out += "}";
  }

  void elements(std::string& out, const boost::json::array& array, const std::string& path, std::size_t depth,
                const boost::json::value* reason) {
    if (depth >= detail_.depth && !array.empty()) {
      out += "[…" + std::to_string(array.size()) + "]";
      return;
    }
    out += "[";
    for (std::size_t i = 0; i < array.size(); ++i) {
      if (i > 0) out += ", ";
      if (i == detail_.elements) {
        out += "…" + std::to_string(array.size() - i) + " more";
        break;
      }
      value(out, array[i], path + "[" + std::to_string(i) + "]", depth + 1);
    }
    if (reason != nullptr) {
      out += array.empty() ? "…<" : ", …<";
      out += reason_text(*reason) + ">";
    }
    out += "]";
  }

  const boost::json::object* unavailable_;
  Detail detail_;
  std::set<std::string> seen_;
};

// The first detail that fits; else the last one, cut.
std::string fit(std::size_t columns, const std::function<std::string(Detail)>& write) {
  std::string text;
  for (const Detail& detail : kDetails) {
    text = write(detail);
    if (display_width(text) <= columns) return text;
  }
  return shorten(text, columns);
}

const boost::json::object* member_object(const boost::json::object& object, std::string_view key) {
  const boost::json::value* value = object.if_contains(key);
  return value == nullptr ? nullptr : value->if_object();
}

}  // namespace

std::string value_text(const CapturedValue& captured) {
  return value_text(captured, kUnlimited);
}

std::string value_text(const CapturedValue& captured, std::size_t columns) {
  if (captured.value == nullptr) return {};
  return fit(columns, [&](Detail detail) {
    std::string out;
    Writer(captured.unavailable, detail).value(out, *captured.value, captured.path, 0);
    return out;
  });
}

std::string arguments_text(const boost::json::object& call) {
  return arguments_text(call, kUnlimited);
}

std::string arguments_text(const boost::json::object& call, std::size_t columns) {
  const boost::json::object* arguments = member_object(call, "args");
  const boost::json::object* unavailable = member_object(call, "unavailable");
  const auto write = [&](Detail detail, std::string* leftovers) {
    std::string out;
    Writer writer(unavailable, detail);
    if (arguments != nullptr) writer.members(out, *arguments, "", 0);
    if (leftovers != nullptr) *leftovers = writer.leftovers();
    return out;
  };
  std::string leftovers;  // known only after everything was written
  write(kDetails[0], &leftovers);
  return fit(columns, [&](Detail detail) {
    const std::string out = write(detail, nullptr);
    return out.empty() || leftovers.empty() ? out + leftovers : out + ", " + leftovers;
  });
}

std::string return_text(const boost::json::object& call, std::size_t columns) {
  const boost::json::value* kind = call.if_contains("exit_kind");
  const std::string ended = kind != nullptr && kind->is_string() ? std::string(kind->get_string()) : "return";
  if (ended != "return") return shorten("(" + escape_controls(ended) + ")", columns);
  const boost::json::object* unavailable = member_object(call, "unavailable");
  const boost::json::value* value = call.if_contains("return");
  const bool is_missing = unavailable != nullptr && unavailable->if_contains("return") != nullptr;
  if (value == nullptr || (value->is_null() && !is_missing)) return {};  // nothing is returned
  return value_text({value, "return", unavailable}, columns);
}

}  // namespace backsight::tools
