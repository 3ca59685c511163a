#include "schema/time.h"
#include "tools/cli/present_parts.h"
#include "tools/cli/present_value.h"
#include "tools/cli/text.h"

#include <algorithm>

namespace backsight::tools {
namespace {

class StateWriter {
 public:
  StateWriter(const boost::json::object& answer, const PresentOptions& options)
      : answer_(answer), options_(options), times_(options.utc) {
    see_times(answer, 0);
    if (const auto* at = answer.if_contains("at"); at && at->is_string()) {
      if (const auto time = schema::parse_rfc3339(at->get_string())) at_ = *time;
    }
  }

  std::string write() {
    line(0, styled(text_at(answer_, "service"), Style::kBold, options_.color) + " at " + time(answer_, "at") +
                dim("  (" + times_.caption() + ")"));
    const boost::json::array* processes = find_array(answer_, "processes");
    if (processes == nullptr || processes->empty()) line(1, dim("no process was known then"));
    if (processes != nullptr) {
      for (const boost::json::value& process : *processes) {
        if (process.is_object()) write_process(process.get_object());
      }
    }
    return out_;
  }

 private:
  void see_times(const boost::json::value& value, int depth) {
    if (depth > 6) return;
    if (const auto* object = value.if_object()) {
      for (const auto& member : *object) {
        const std::string_view key = member.key();
        const bool is_time = key == "at" || key == "entry" || key == "exit" || key == "started";
        if (is_time && member.value().is_string()) times_.see(member.value().get_string());
        if (key != "args" && key != "return" && key != "value") see_times(member.value(), depth + 1);
      }
    } else if (const auto* array = value.if_array()) {
      for (const boost::json::value& element : *array) see_times(element, depth + 1);
    }
  }

  std::string dim(const std::string& text) const { return styled(text, Style::kDim, options_.color); }

  std::string time(const boost::json::object& object, std::string_view key) const {
    const auto* value = object.if_contains(key);
    return value != nullptr && value->is_string() ? times_.show(value->get_string()) : std::string("?");
  }

  // How long before the moment asked for.
  std::string ago(const boost::json::object& object, std::string_view key) const {
    const auto* value = object.if_contains(key);
    if (value == nullptr || !value->is_string() || !at_) return {};
    const auto then = schema::parse_rfc3339(value->get_string());
    if (!then || then->ns > at_->ns) return {};
    return schema::format_duration(at_->ns - then->ns) + " before";
  }

  // `text` may carry colours: its own parts are shortened, not the line.
  void line(std::size_t indent, const std::string& text) {
    out_ += std::string(indent * 2, ' ') + text + "\n";
  }
  std::size_t room(std::size_t indent) const {
    return options_.width > indent * 2 + 20 ? options_.width - indent * 2 : 20;
  }

  void write_process(const boost::json::object& process) {
    std::string head = "process " + text_at(process, "pid");
    std::string facts = "  " + text_at(process, "exe");
    if (const std::string host = text_at(process, "host"); !host.empty()) facts += "  on " + host;
    facts += "  since " + time(process, "started");
    const auto* alive = process.if_contains("alive");
    const bool ended = alive != nullptr && alive->is_bool() && !alive->get_bool();
    const std::size_t columns = room(1) - std::min(room(1), head.size() + (ended ? 7 : 0));
    line(1, styled(head, Style::kBold, options_.color) + dim(shorten(facts, columns)) +
                (ended ? styled("  ended", Style::kWarning, options_.color) : ""));
    write_threads(process);
    write_globals(process);
    write_last(process);
  }

  void write_threads(const boost::json::object& process) {
    const boost::json::array* threads = find_array(process, "threads");
    if (threads == nullptr || threads->empty()) return line(2, dim("no call is open"));
    for (const boost::json::value& element : *threads) {
      if (!element.is_object()) continue;
      const boost::json::object& thread = element.get_object();
      std::string name = "thread " + text_at(thread, "tid");
      if (const std::string text = text_at(thread, "name"); !text.empty()) name += " " + text;
      if (const std::string id = text_at(thread, "goroutine"); !id.empty()) name += " goroutine " + id;
      line(2, styled(shorten(name, room(2)), Style::kBold, options_.color));
      const boost::json::array* calls = find_array(thread, "calls");
      if (calls == nullptr) continue;
      std::size_t depth = 3;
      for (const boost::json::value& call : *calls) {
        if (call.is_object()) write_open_call(call.get_object(), std::min<std::size_t>(depth++, 16));
      }
    }
  }

  void write_open_call(const boost::json::object& call, std::size_t indent) {
    const std::string facts = "  open for " + open_for(call) + "  event " + text_at(call, "event");
    const std::size_t columns = room(indent) - std::min(room(indent) - 8, display_width(facts));
    line(indent, styled(shorten_front(text_at(call, "function"), columns), Style::kName, options_.color) +
                     dim(facts));
    write_arguments(call, indent + 1);
  }

  std::string open_for(const boost::json::object& call) const {
    const std::string text = ago(call, "entry");
    return text.empty() ? "?" : text.substr(0, text.find(' '));
  }

  // One line where it fits, else one argument per line.
  void write_arguments(const boost::json::object& call, std::size_t indent) {
    const std::string whole = arguments_text(call);
    if (whole.empty()) return;
    const boost::json::object* arguments = find_object(call, "args");
    if (display_width(whole) <= room(indent) || arguments == nullptr || arguments->empty()) {
      return line(indent, arguments_text(call, room(indent)));
    }
    for (const auto& member : *arguments) {
      write_member(std::string(member.key()), std::string(member.key()), member.value(),
                   find_object(call, "unavailable"), indent, 0);
    }
    boost::json::object rest{{"args", boost::json::object()}};
    if (const boost::json::object* unavailable = find_object(call, "unavailable")) {
      boost::json::object left;
      for (const auto& entry : *unavailable) {
        const std::string_view path = entry.key();
        if (arguments->if_contains(path.substr(0, path.find_first_of(".["))) == nullptr) left.insert(entry);
      }
      rest["unavailable"] = std::move(left);
    }
    if (const std::string text = arguments_text(rest, room(indent)); !text.empty()) line(indent, text);
  }

  // name=value on one line where it fits, else its members below it.
  void write_member(const std::string& name, const std::string& path, const boost::json::value& value,
                    const boost::json::object* unavailable, std::size_t indent, int depth) {
    const std::string start = escape_controls(name) + "=";
    const std::size_t columns = room(indent) - std::min(room(indent) - 8, display_width(start));
    const CapturedValue captured{&value, path, unavailable};
    const boost::json::object* object = value.if_object();
    const bool is_plain =
        object == nullptr || object->size() < 2 || object->if_contains("$alt") || depth == 3;
    if (is_plain || display_width(value_text(captured)) <= columns) {
      return line(indent, shorten(start, room(indent) - 8) + value_text(captured, columns));
    }
    const std::string type = text_at(*object, "$type");
    line(indent, shorten(escape_controls(name) + (type.empty() ? "" : " " + type) + ":", room(indent)));
    for (const auto& member : *object) {
      const std::string key(member.key());
      if (key != "$type")
        write_member(key, path + "." + key, member.value(), unavailable, indent + 1, depth + 1);
    }
  }

  void write_globals(const boost::json::object& process) {
    const boost::json::object* globals = find_object(process, "globals");
    if (globals == nullptr || globals->empty()) return;
    line(2, styled("globals", Style::kBold, options_.color));
    for (const auto& member : *globals) {
      if (!member.value().is_object()) continue;
      const boost::json::object& global = member.value().get_object();
      const std::string name = escape_controls(member.key()) + " = ";
      const std::string age = integer_at(global, "age_ns")
                                  ? "  " + schema::format_duration(*integer_at(global, "age_ns")) + " old"
                                  : std::string();
      const std::size_t used = display_width(name) + display_width(age);
      const std::size_t columns = room(3) - std::min(room(3) - 10, used);
      line(3, name +
                  value_text({global.if_contains("value"), {}, find_object(global, "unavailable")}, columns) +
                  dim(age));
    }
  }

  void write_last(const boost::json::object& process) {
    const boost::json::object* last = find_object(process, "last");
    if (last == nullptr || last->empty()) return;
    line(2, styled("last completed calls", Style::kBold, options_.color));
    for (const auto& member : *last) {
      if (member.value().is_object()) write_last_call(std::string(member.key()), member.value().get_object());
    }
  }

  void write_last_call(const std::string& function, const boost::json::object& call) {
    const std::string before = ago(call, "exit");
    std::string facts = before.empty() ? "  " + time(call, "exit") : "  " + before;
    if (const std::string took = duration(call); !took.empty()) facts += "  took " + took;
    if (const boost::json::object* thread = find_object(call, "thread")) {
      facts += "  thread " + text_at(*thread, "tid");
    }
    facts += "  event " + text_at(call, "event");
    const std::size_t columns = room(3) - std::min(room(3) - 8, display_width(facts));
    line(3, styled(shorten_front(escape_controls(function), columns), Style::kName, options_.color) +
                dim(facts));
    std::string returned = return_text(call, room(4) / 2);
    if (!returned.empty()) returned = "→ " + returned;
    const std::size_t rest = room(4) - display_width(returned) - 1;
    std::string text = arguments_text(call, rest);
    if (!text.empty() && !returned.empty()) text += ' ';
    if (!text.empty() || !returned.empty()) line(4, text + returned);
  }

  static std::string duration(const boost::json::object& call) {
    const auto* entry = call.if_contains("entry");
    const auto* exit = call.if_contains("exit");
    if (entry == nullptr || exit == nullptr || !entry->is_string() || !exit->is_string()) return {};
    const auto from = schema::parse_rfc3339(entry->get_string());
    const auto to = schema::parse_rfc3339(exit->get_string());
    return from && to && *from <= *to ? schema::format_duration(to->ns - from->ns) : std::string();
  }

  const boost::json::object& answer_;
  const PresentOptions& options_;
  TimeStyle times_;
  std::optional<schema::WallTime> at_;
  std::string out_;
};

}  // namespace

std::string present_state(const boost::json::object& answer, const PresentOptions& options) {
  return StateWriter(answer, options).write();
}

}  // namespace backsight::tools
