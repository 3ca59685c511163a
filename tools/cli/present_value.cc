#include "tools/cli/present_value.h"

#include "tools/cli/text.h"
#include "tools/http/json_text.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>
#include <vector>

namespace backsight::tools {
namespace {

constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();
constexpr std::size_t kLeastColumns = 4;  // of a value that is worth showing

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

std::string reason_text(const boost::json::value& reason) {
  return reason.is_string() ? escape_controls(reason.get_string()) : "unavailable";
}

// Writes values in full, or within a number of columns: what is large gives way
// first, so that every member keeps a place as long as there is room.
class Writer {
 public:
  explicit Writer(const boost::json::object* unavailable) : unavailable_(unavailable) {}

  std::string value(const boost::json::value& value, const std::string& path, std::size_t columns) {
    const boost::json::value* reason = reason_of(path);
    if (value.is_null() && reason != nullptr) return shorten("<" + reason_text(*reason) + ">", columns);
    const std::string suffix = reason == nullptr ? "" : "…<" + reason_text(*reason) + ">";
    if (const auto* object = value.if_object()) return object_text(*object, path, columns);
    if (const auto* array = value.if_array()) return array_text(*array, path, suffix, columns);
    if (const auto* text = value.if_string()) return string_text("", *text, suffix, columns);
    return shorten(to_json_text(value, JsonLayout::kCompact) + suffix, columns);
  }

  // name=value, name=value
  std::string members(const boost::json::object& object, const std::string& path, std::size_t columns) {
    std::vector<Member> list;
    std::size_t total = 0;
    for (const auto& member : object) {
      const std::string key(member.key());
      if (key == "$type") continue;
      Member one{escape_controls(key) + "=", path.empty() ? key : path + "." + key, &member.value(), {}, 0};
      one.text = one.name + value(*one.value, one.path, kUnlimited);
      one.columns = display_width(one.text);
      total += one.columns + (list.empty() ? 0 : 2);
      list.push_back(std::move(one));
    }
    if (total > columns) narrow(list, columns);
    std::string out;
    for (const Member& member : list) out += (out.empty() ? "" : ", ") + member.text;
    return out;
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
  struct Member {
    std::string name;
    std::string path;
    const boost::json::value* value;
    std::string text;
    std::size_t columns;
  };

  // Gives small members what they need and the others equal shares of the rest;
  // the last members go where not even the least fits.
  void narrow(std::vector<Member>& list, std::size_t columns) {
    const auto least = [](const Member& member) {
      return std::min(member.columns, display_width(member.name) + kLeastColumns);
    };
    std::size_t needed = 0, kept = 0;
    for (; kept < list.size(); ++kept) {
      const std::size_t next = needed + least(list[kept]) + (kept == 0 ? 0 : 2);
      if (next + (kept + 1 < list.size() ? 3 : 0) > columns) break;
      needed = next;
    }
    const bool is_cut = kept < list.size();
    if (kept == 0) {
      list.resize(1);
      list[0].text = shorten(list[0].text, columns);
      return;
    }
    list.resize(kept);
    std::size_t room = columns - 2 * (kept - 1) - (is_cut ? 3 : 0);
    std::vector<Member*> open;
    for (Member& member : list) open.push_back(&member);
    std::sort(open.begin(), open.end(),
              [](const Member* a, const Member* b) { return a->columns < b->columns; });
    for (std::size_t i = 0; i < open.size(); ++i) {
      Member& member = *open[i];
      std::size_t share = room / (open.size() - i);
      share = std::min(member.columns, std::max(share, std::min(least(member), room)));
      room -= share;
      if (share >= member.columns) continue;
      const std::size_t name = display_width(member.name);
      member.text = share <= name ? shorten(member.name, share)
                                  : member.name + value(*member.value, member.path, share - name);
    }
    if (is_cut) list.back().text += ", …";
  }

  const boost::json::value* reason_of(const std::string& path) {
    if (unavailable_ == nullptr || path.empty()) return nullptr;
    const boost::json::value* reason = unavailable_->if_contains(path);
    if (reason != nullptr) seen_.insert(path);
    return reason;
  }

  static std::string string_text(const std::string& prefix, std::string_view text, const std::string& suffix,
                                 std::size_t columns) {
    std::string full = prefix + '"' + quotable(text) + '"' + suffix;
    if (columns == kUnlimited || display_width(full) <= columns) return full;
    if (columns < prefix.size() + 3) return shorten(full, columns);
    return prefix + '"' + shorten(quotable(text), columns - prefix.size() - 2) + '"';
  }

  std::string object_text(const boost::json::object& object, const std::string& path, std::size_t columns) {
    if (object.size() == 1) {
      const auto& only = *object.begin();
      const auto* text = only.value().if_string();
      if (text != nullptr && only.key() == "$ptr") return shorten(escape_controls(*text), columns);
      if (text != nullptr && only.key() == "$ref") return shorten("→" + escape_controls(*text), columns);
      if (text != nullptr && only.key() == "$bytes") return string_text("hex", *text, "", columns);
    }
    const auto around = [&](const std::string& before, const char* after, const auto& inner) {
      const std::size_t used = display_width(before) + 1;
      if (columns != kUnlimited && columns <= used) return shorten(before + "…", columns);
      return before + inner(columns == kUnlimited ? kUnlimited : columns - used) + after;
    };
    if (const auto* alternative = object.if_contains("$alt"); alternative && alternative->is_string()) {
      const auto* inner = object.if_contains("value");
      return around(escape_controls(alternative->get_string()) + "(", ")", [&](std::size_t room) {
        return inner == nullptr ? std::string() : value(*inner, path + ".value", room);
      });
    }
    const auto* type = object.if_contains("$type");
    const std::string name = type && type->is_string() ? escape_controls(type->get_string()) : std::string();
    return around(name + "{", "}", [&](std::size_t room) { return members(object, path, room); });
  }

  std::string array_text(const boost::json::array& array, const std::string& path, const std::string& suffix,
                         std::size_t columns) {
    std::string out = "[";
    for (std::size_t i = 0; i < array.size(); ++i) {
      const std::string place = path + "[" + std::to_string(i) + "]";
      const std::string before = i == 0 ? "" : ", ";
      const std::string text = value(array[i], place, kUnlimited);
      const std::string more = ", …" + std::to_string(array.size() - i - 1) + " more]";
      const std::size_t end = i + 1 == array.size() ? 1 : display_width(more);
      const std::size_t used = columns == kUnlimited ? 0 : display_width(out) + before.size() + end;
      if (columns == kUnlimited || used + display_width(text) <= columns) {
        out += before + text;
        continue;
      }
      if (i == 0 && columns > used + 2 * kLeastColumns) {
        return out + value(array[0], place, columns - used) + (array.size() == 1 ? "]" : more);
      }
      return shorten(
          out + (i == 0 ? "…" : ", …") + std::to_string(array.size() - i) + (i == 0 ? "]" : " more]"),
          columns);
    }
    if (!suffix.empty()) out += (array.empty() ? "" : ", ") + suffix;
    return shorten(out + "]", columns);
  }

  const boost::json::object* unavailable_;
  std::set<std::string> seen_;
};

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
  return Writer(captured.unavailable).value(*captured.value, captured.path, columns);
}

std::string arguments_text(const boost::json::object& call) {
  return arguments_text(call, kUnlimited);
}

std::string arguments_text(const boost::json::object& call, std::size_t columns) {
  const boost::json::object* arguments = member_object(call, "args");
  Writer writer(member_object(call, "unavailable"));
  std::string text = arguments == nullptr ? std::string() : writer.members(*arguments, "", kUnlimited);
  const std::string rest = writer.leftovers();  // known only after everything was written
  const std::string separator = text.empty() || rest.empty() ? "" : ", ";
  if (columns == kUnlimited || display_width(text + separator + rest) <= columns)
    return text + separator + rest;
  const std::size_t room =
      columns - std::min(columns, std::min(display_width(separator + rest), columns / 3));
  if (arguments != nullptr) text = writer.members(*arguments, "", room);
  return shorten(text + separator + rest, columns);
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
