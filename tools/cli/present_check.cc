#include "schema/time.h"
#include "tools/cli/present_parts.h"
#include "tools/cli/text.h"

#include <algorithm>

namespace backsight::tools {
namespace {

class CheckWriter {
 public:
  explicit CheckWriter(const PresentOptions& options) : options_(options) {}

  std::string write(const boost::json::object& answer) {
    const boost::json::array* probes = find_array(answer, "probes");
    if (probes == nullptr || probes->empty()) line(0, "no probe is configured");
    if (probes != nullptr) {
      for (const boost::json::value& probe : *probes) {
        if (probe.is_object()) write_probe(probe.get_object());
      }
    }
    issues(answer, 0);
    return out_;
  }

 private:
  // Shortens to what is left of the line.
  void line(std::size_t indent, const std::string& text, Style style = Style::kPlain) {
    const std::size_t columns = options_.width > indent + 20 ? options_.width - indent : 20;
    out_ += std::string(indent, ' ') + styled(shorten(text, columns), style, options_.color) + "\n";
  }

  // Explanations are sentences: wrapped between words, never cut.
  // Lines behind the first (an expression and the caret below it) stay as they are.
  void sentence(std::size_t indent, const std::string& text, Style style = Style::kPlain) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    bool first = true;
    for (const std::string& part :
         wrap(text.substr(0, end), options_.width > indent + 22 ? options_.width - indent - 2 : 20)) {
      line(std::exchange(first, false) ? indent : indent + 2, part, style);
    }
    for (std::size_t at = end; at < text.size();) {
      const std::size_t next = std::min(text.find('\n', at + 1), text.size());
      line(indent + 2, text.substr(at + 1, next - at - 1), style);
      at = next;
    }
  }

  void write_probe(const boost::json::object& probe) {
    std::string title = text_at(probe, "probe");
    if (const std::string service = text_at(probe, "service"); !service.empty())
      title += "  (" + service + ")";
    line(0, title, Style::kBold);
    if (const boost::json::array* instances = find_array(probe, "instances")) {
      for (const boost::json::value& instance : *instances) {
        if (instance.is_object()) write_instance(instance.get_object());
      }
    }
    issues(probe, 2);
  }

  void write_instance(const boost::json::object& instance) {
    const std::string signature = text_at(instance, "signature");
    const auto* inlined = instance.if_contains("inlined");
    const bool is_inlined = inlined != nullptr && inlined->is_bool() && inlined->get_bool();
    line(2,
         (signature.empty() ? text_at(instance, "function") : signature) + (is_inlined ? "  (inlined)" : ""),
         Style::kName);
    line(4, "in " + text_at(instance, "module") + " at " + text_at(instance, "address"), Style::kDim);
    if (const auto every_ns = integer_at(instance, "every_ns")) {
      sentence(4,
               "read every " + schema::format_duration(*every_ns) + ": " + text_at(instance, "site_reason"));
      captures(instance);
      return issues(instance, 4);
    }
    if (instance.contains("sleepable"))
      sentence(4, "reads may sleep: a page that is not in memory is brought in on the calling thread's time");
    std::string site = "entry at " + text_at(instance, "site") + ", " + text_at(instance, "site_class");
    if (const auto cost = integer_at(instance, "cost_ns")) {
      site += ", about " + std::to_string(*cost) + " ns per hit";
      const std::string source = text_at(instance, "cost_source");
      if (source == "measured") site += " on this machine";
      if (source == "reference") site += " on a reference machine";
    }
    if (const std::string reason = text_at(instance, "site_reason"); !reason.empty()) site += ": " + reason;
    sentence(4, site);
    if (const auto* stack = instance.if_contains("stack"); stack != nullptr && stack->is_object()) {
      sentence(4, "stack: " + text_at(stack->get_object(), "kind") + ", about " +
                      std::to_string(integer_at(stack->get_object(), "cost_ns").value_or(0)) +
                      " ns more on a reference machine");
    }
    std::string returned = "return: " + text_at(instance, "return_via");
    if (const auto cost = integer_at(instance, "return_cost_ns")) {
      returned += ", about " + std::to_string(*cost) + " ns";
    }
    if (const std::string reason = text_at(instance, "return_reason"); !reason.empty())
      returned += ": " + reason;
    sentence(4, returned);
    captures(instance);
    issues(instance, 4);
  }

  void captures(const boost::json::object& instance) {
    const boost::json::array* list = find_array(instance, "captures");
    if (list == nullptr) return;
    std::string available;
    for (const boost::json::value& element : *list) {
      if (!element.is_object()) continue;
      const boost::json::object& capture = element.get_object();
      const auto* is_there = capture.if_contains("available");
      if (is_there != nullptr && is_there->is_bool() && is_there->get_bool()) {
        available += (available.empty() ? "" : ", ") + text_at(capture, "expression");
      }
    }
    if (!available.empty()) sentence(4, "captures " + available);
    for (const boost::json::value& element : *list) {
      if (!element.is_object()) continue;
      const std::string reason = text_at(element.get_object(), "reason");
      if (reason.empty()) continue;
      sentence(4, "not available: " + text_at(element.get_object(), "expression") + "=<" + reason + ">",
               Style::kWarning);
    }
  }

  void issues(const boost::json::object& owner, std::size_t indent) {
    const boost::json::array* list = find_array(owner, "issues");
    if (list == nullptr) return;
    for (const boost::json::value& issue : *list) {
      if (!issue.is_object()) continue;
      const boost::json::value* message = issue.get_object().if_contains("message");
      if (message != nullptr && message->is_string())
        sentence(indent, "! " + escape_controls_in_lines(message->get_string()), Style::kError);
      const std::string hint = text_at(issue.get_object(), "hint");
      if (!hint.empty()) sentence(indent + 2, "hint: " + hint);
    }
  }

  const PresentOptions& options_;
  std::string out_;
};

}  // namespace

std::string present_check(const boost::json::object& answer, const PresentOptions& options) {
  return CheckWriter(options).write(answer);
}

}  // namespace backsight::tools
