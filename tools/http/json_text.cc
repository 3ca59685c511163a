#include "tools/http/json_text.h"

#include "tools/http/utf8.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace backsight::tools {
namespace {

constexpr std::size_t kShortLeaf = 72;  // pretty: what fits stays on one line

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = read_code_point(text, at);
    if (c.value == kInvalidCodePoint) {
      out += "\xef\xbf\xbd";
    } else if (c.value == '"' || c.value == '\\') {
      out += '\\';
      out += static_cast<char>(c.value);
    } else if (c.value == '\n') {
      out += "\\n";
    } else if (c.value == '\t') {
      out += "\\t";
    } else if (c.value == '\r') {
      out += "\\r";
    } else if (is_control(c.value)) {
      std::array<char, 16> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c.value));
      out += escape.data();
    } else {
      out += text.substr(at, c.bytes);
    }
    at += c.bytes;
  }
  out += '"';
}

// JSON has no infinities; the query writes them as strings, so these are only a safety net.
void append_double(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "\"NaN\"";
    return;
  }
  if (std::isinf(value)) {
    out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
    return;
  }
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  const std::string_view digits(text.data(), static_cast<std::size_t>(end - text.data()));
  out += digits;
  if (digits.find_first_of(".e") == std::string_view::npos) out += ".0";
}

void append_scalar(std::string& out, const boost::json::value& value) {
  switch (value.kind()) {
    case boost::json::kind::string:
      append_quoted(out, value.get_string());
      break;
    case boost::json::kind::double_:
      append_double(out, value.get_double());
      break;
    case boost::json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      break;
    case boost::json::kind::int64:
      out += std::to_string(value.get_int64());
      break;
    case boost::json::kind::uint64:
      out += std::to_string(value.get_uint64());
      break;
    default:
      out += "null";
      break;
  }
}

void append_compact(std::string& out, const boost::json::value& value) {
  if (const auto* object = value.if_object()) {
    out += '{';
    bool first = true;
    for (const auto& member : *object) {
      if (!std::exchange(first, false)) out += ',';
      append_quoted(out, member.key());
      out += ':';
      append_compact(out, member.value());
    }
    out += '}';
  } else if (const auto* array = value.if_array()) {
    out += '[';
    bool first = true;
    for (const auto& element : *array) {
      if (!std::exchange(first, false)) out += ',';
      append_compact(out, element);
    }
    out += ']';
  } else {
    append_scalar(out, value);
  }
}

bool is_leafy(const boost::json::value& value) {
  const auto scalar = [](const boost::json::value& v) { return !v.is_object() && !v.is_array(); };
  if (const auto* object = value.if_object()) {
    for (const auto& member : *object)
      if (!scalar(member.value())) return false;
  } else if (const auto* array = value.if_array()) {
    for (const auto& element : *array)
      if (!scalar(element)) return false;
  }
  return true;
}

void append_pretty(std::string& out, const boost::json::value& value, std::size_t indent) {
  if (is_leafy(value)) {
    std::string compact;
    append_compact(compact, value);
    if (compact.size() <= kShortLeaf || (!value.is_object() && !value.is_array())) {
      out += compact;
      return;
    }
  }
  const std::string inner(indent + 2, ' ');
  bool first = true;
  const auto begin_entry = [&] {
    out += std::exchange(first, false) ? "\n" : ",\n";
    out += inner;
  };
  if (const auto* object = value.if_object()) {
    out += '{';
    for (const auto& member : *object) {
      begin_entry();
      append_quoted(out, member.key());
      out += ": ";
      append_pretty(out, member.value(), indent + 2);
    }
  } else {
    out += '[';
    for (const auto& element : value.get_array()) {
      begin_entry();
      append_pretty(out, element, indent + 2);
    }
  }
  out += '\n' + std::string(indent, ' ') + (value.is_object() ? '}' : ']');
}

}  // namespace

std::string to_json_text(const boost::json::value& value, JsonLayout layout) {
  std::string out;
  if (layout == JsonLayout::kPretty) {
    append_pretty(out, value, 0);
  } else {
    append_compact(out, value);
  }
  return out;
}

std::string to_ndjson(const boost::json::object& answer, std::string_view rows_key) {
  std::string out;
  const boost::json::value* rows = rows_key.empty() ? nullptr : answer.if_contains(rows_key);
  if (rows == nullptr || !rows->is_array()) {
    append_compact(out, boost::json::value(answer));
    return out + '\n';
  }
  for (const boost::json::value& row : rows->get_array()) {
    append_compact(out, row);
    out += '\n';
  }
  return out;
}

std::string json_quoted(std::string_view text) {
  std::string out;
  append_quoted(out, text);
  return out;
}

}  // namespace backsight::tools
