#include "tests/truth/compare.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace backsight::tests {
namespace json = boost::json;

namespace {

bool is_placeholder(const json::value& got) {
  const auto* object = got.if_object();
  return got.is_null() || (object != nullptr && object->size() == 1 && object->contains("$ptr"));
}

// Both sides went through decimal text.
bool equal_numbers(const json::value& a, const json::value& b) {
  const auto as_double = [](const json::value& v) {
    return v.is_double()  ? v.get_double()
           : v.is_int64() ? static_cast<double>(v.get_int64())
                          : static_cast<double>(v.get_uint64());
  };
  if (a.is_double() || b.is_double()) {
    const double x = as_double(a), y = as_double(b);
    return x == y || std::abs(x - y) <= 4e-16 * std::abs(x);
  }
  if (a.is_int64() && b.is_int64()) return a.get_int64() == b.get_int64();
  if (a.is_uint64() && b.is_uint64()) return a.get_uint64() == b.get_uint64();
  const std::int64_t s = a.is_int64() ? a.get_int64() : b.get_int64();
  const std::uint64_t u = a.is_uint64() ? a.get_uint64() : b.get_uint64();
  return s >= 0 && static_cast<std::uint64_t>(s) == u;
}

bool is_number(const json::value& v) {
  return v.is_double() || v.is_int64() || v.is_uint64();
}

bool equal_leaves(const json::value& expected, const json::value& got) {
  if (is_number(expected) && is_number(got)) return equal_numbers(expected, got);
  return expected == got;
}

std::string short_text(const json::value& value) {
  std::string text = json::serialize(value);
  if (text.size() > 300) text = text.substr(0, 300) + "…";
  return text;
}

// "a.b[3].c" → "a.b[].c"
std::string without_indexes(const std::string& path) {
  std::string out;
  bool inside = false;
  for (const char c : path) {
    if (c == ']') inside = false;
    if (!inside) out += c;
    if (c == '[') inside = true;
  }
  return out;
}

// How a member or a map's key continues a path.
std::string step(const std::string& path, const std::string& name) {
  if (!name.empty() && name.find_first_of(".[]\"\\") == std::string::npos)
    return (path.empty() ? "" : ".") + name;
  std::string out = "[\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"]";
}

// A map as it is shown where its keys are not all names: [{"key", "value"}].
json::array as_elements(const json::object& map) {
  json::array out;
  for (const auto& [key, value] : map) out.push_back(json::object{{"key", key}, {"value", value}});
  return out;
}

// Whether it may be what is shown: a key may be cut, or not there at all.
bool may_be(const json::value& element, const json::value& got) {
  const auto* shown = got.if_object();
  if (shown == nullptr || !shown->contains("key") || !shown->contains("value")) return false;
  if (!equal_leaves(element.at("value"), shown->at("value"))) return false;
  std::string all, beginning;
  if (is_placeholder(shown->at("key"))) return true;
  return bytes_of(element.at("key"), all) && bytes_of(shown->at("key"), beginning) &&
         all.starts_with(beginning);
}

std::size_t key_length(const json::value& got) {
  const auto* shown = got.if_object();
  std::string key;
  return shown != nullptr && shown->contains("key") && bytes_of(shown->at("key"), key) ? key.size() + 1 : 0;
}

// A copy of a hash table need not have the order of what it is a copy of: libc++'s has another.
// What is shown with most of its key is looked for first.
json::array in_order_of(const json::array& elements, const json::array& got) {
  const std::size_t count = std::min(elements.size(), got.size());
  std::vector<std::size_t> shown(count);
  std::iota(shown.begin(), shown.end(), 0);
  std::stable_sort(shown.begin(), shown.end(),
                   [&](std::size_t a, std::size_t b) { return key_length(got[a]) > key_length(got[b]); });
  std::vector<const json::value*> left;
  for (const json::value& element : elements) left.push_back(&element);
  std::vector<const json::value*> chosen(count);
  for (const std::size_t i : shown) {
    const auto found =
        std::find_if(left.begin(), left.end(), [&](const json::value* one) { return may_be(*one, got[i]); });
    if (found == left.end()) return elements;
    chosen[i] = *found;
    left.erase(found);
  }
  json::array out;
  for (const json::value* element : chosen) out.push_back(*element);
  for (const json::value* element : left) out.push_back(*element);
  return out;
}

std::size_t size_of(const json::value& value) {
  if (const auto* array = value.if_array()) return array->size();
  if (const auto* object = value.if_object()) return object->size();
  return 0;
}

// Of text: how many code units, where characters beyond 16 bits take so many.
std::size_t units(const std::string& utf8, std::size_t beyond_16_bits) {
  std::size_t count = 0;
  for (const char c : utf8) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0) != 0x80) count += byte >= 0xf0 ? beyond_16_bits : 1;
  }
  return count;
}

class Scope {
 public:
  Scope(std::string& path, const std::string& more) : path_(path), size_(path.size()) { path_ += more; }
  ~Scope() { path_.resize(size_); }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  std::string& path_;
  std::size_t size_;
};

}  // namespace

const json::object* marked(const json::value& expected) {
  const auto* object = expected.if_object();
  return object != nullptr && object->contains("$truth") ? object : nullptr;
}

std::size_t Tally::unavailable_total() const {
  std::size_t total = 0;
  for (const auto& [reason, count] : unavailable) total += count;
  return total;
}

double Tally::available_share() const {
  std::size_t counted = compared;
  for (const auto& [reason, count] : unavailable) {
    if (reason.ends_with("_limit")) counted -= count;
  }
  for (const auto& [name, count] : gaps) counted -= count;
  return counted == 0 ? 0 : static_cast<double>(equal) / static_cast<double>(counted);
}

void Tally::add(const Tally& other) {
  calls += other.calls;
  compared += other.compared;
  equal += other.equal;
  returns_unseen += other.returns_unseen;
  for (const auto& [reason, count] : other.unavailable) unavailable[reason] += count;
  for (const auto& [place, count] : other.unsupported) unsupported[place] += count;
  for (const auto& [name, count] : other.gaps) gaps[name] += count;
  for (const auto& [place, count] : other.places) places[place] += count;
  wrong.insert(wrong.end(), other.wrong.begin(), other.wrong.end());
}

std::size_t leaves(const json::value& value) {
  std::size_t count = 0;
  if (const auto* marked_value = marked(value)) return leaves(marked_value->at("value"));
  if (const auto* object = value.if_object()) {
    for (const auto& [name, member] : *object) count += leaves(member);
  } else if (const auto* array = value.if_array()) {
    for (const auto& element : *array) count += leaves(element);
  }
  return std::max<std::size_t>(count, 1);
}

bool bytes_of(const json::value& value, std::string& bytes) {
  if (const auto* text = value.if_string()) {
    bytes.assign(text->data(), text->size());
    return true;
  }
  const auto* object = value.if_object();
  if (object == nullptr || object->size() != 1 || !object->contains("$bytes")) return false;
  const std::string digits(object->at("$bytes").as_string());
  bytes.clear();
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  }
  return true;
}

void Comparison::call(const json::object& expected, const json::object& recorded, const Passing& passing) {
  function_ = std::string(expected.at("function").as_string());
  passing_ = &passing;
  row_size_ = json::serialize(expected).size();
  unavailable_.clear();
  met_.clear();
  for (const auto& [path, reason] : recorded.at("unavailable").as_object()) {
    unavailable_.emplace(std::string(path), std::string(reason.as_string()));
  }
  ++tally_.calls;
  path_.clear();
  object(expected.at("args").as_object(), recorded.at("args").as_object());
  const std::string exit(recorded.at("exit_kind").as_string());
  path_ = "return";
  if (exit == "return") {
    value(expected.at("return"), recorded.at("return"));
  } else {
    unseen_return(expected, recorded);
  }
  for (const auto& [path, reason] : unavailable_) {
    path_ = path;
    if (!met_.contains(path)) wrong("unavailable, but there is no such value: " + reason, nullptr, nullptr);
  }
}

void Comparison::unseen_return(const json::object& expected, const json::object& recorded) {
  ++tally_.returns_unseen;
  if (recorded.at("exit_kind") != "unknown" || !conditions_.may_tail_call) {
    wrong("exit_kind " + std::string(recorded.at("exit_kind").as_string()), expected.at("return"), nullptr);
  }
  if (const auto* shown = recorded.if_contains("return"); shown != nullptr && !shown->is_null()) {
    wrong("shown, but the return was not seen", expected.at("return"), *shown);
  }
  if (unavailable_.contains("return")) met_.insert("return");
}

std::string_view Comparison::root() const {
  return std::string_view(path_).substr(0, path_.find_first_of(".["));
}

const std::string* Comparison::reason_here() {
  const auto found = unavailable_.find(path_);
  if (found == unavailable_.end()) return nullptr;
  met_.insert(path_);
  return &found->second;
}

// Whether something inside is not wholly there.
bool Comparison::has_reasons_below() const {
  const auto next = unavailable_.upper_bound(path_);
  return next != unavailable_.end() && next->first.starts_with(path_);
}

void Comparison::value(const json::value& expected, const json::value& got) {
  if (const std::string* reason = reason_here()) {
    unavailable_value(expected, got, *reason);
    return;
  }
  if (const auto* mark = marked(expected)) {
    if (mark->at("$truth") == "name") {  // perhaps with parameters
      ++tally_.compared;
      const std::string name(mark->at("value").as_string());
      const std::string shown = got.is_string() ? std::string(got.get_string()) : std::string();
      if (shown == name || shown.starts_with(name + "(")) {
        ++tally_.equal;
      } else {
        wrong("another name", expected, got);
      }
      return;
    }
    if (mark->at("$truth") == "text") {  // any name
      ++tally_.compared;
      if (got.is_string() && !got.get_string().empty()) {
        ++tally_.equal;
      } else {
        wrong("no name", expected, got);
      }
      return;
    }
    value(mark->at("value"), got);
    return;
  }
  if (expected.is_object() && got.is_object()) {
    object(expected.get_object(), got.get_object());
  } else if (expected.is_array() && got.is_array()) {
    array(expected.get_array(), got.get_array());
  } else if (expected.is_object() && got.is_array() && has_reasons_below()) {
    array(elements_of(expected.get_object(), got.get_array()), got.get_array());
  } else {
    ++tally_.compared;
    if (equal_leaves(expected, got)) {
      ++tally_.equal;
    } else {
      wrong("not equal", expected, got);
    }
  }
}

void Comparison::object(const json::object& expected, const json::object& got) {
  if (expected.empty()) ++tally_.compared, ++tally_.equal;
  for (const auto& [name, member] : expected) {
    const Scope scope(path_, step(path_, std::string(name)));
    if (const auto* shown = got.if_contains(name)) {
      value(member, *shown);
    } else {
      tally_.compared += leaves(member);
      // Clang does not describe all of those that nothing uses.
      const bool is_known =
          !conditions_.optimised && conditions_.by_clang && is_root() && passed_here() == "indirect";
      if (is_known) {
        tally_.gaps["clang -O0: an unused parameter is not in the debug information"] += leaves(member);
      } else {
        wrong("missing", member, nullptr);
      }
    }
  }
  for (const auto& [name, member] : got) {
    const Scope scope(path_, step(path_, std::string(name)));
    if (!expected.contains(name)) wrong("shown, but there is no such member", nullptr, member);
  }
}

json::array Comparison::elements_of(const json::object& map, const json::array& got) const {
  return is_copied() ? in_order_of(as_elements(map), got) : as_elements(map);
}

void Comparison::array(const json::array& expected, const json::array& got) {
  if (expected.empty()) ++tally_.compared, ++tally_.equal;
  if (expected.size() != got.size()) wrong("other number of elements", expected, got);
  for (std::size_t i = 0; i < std::min(expected.size(), got.size()); ++i) {
    const Scope scope(path_, "[" + std::to_string(i) + "]");
    value(expected[i], got[i]);
  }
}

void Comparison::unavailable_value(const json::value& expected, const json::value& got,
                                   const std::string& reason) {
  const std::string word = reason.substr(0, reason.find(' '));
  const auto* mark = marked(expected);
  const json::value& plain = mark != nullptr ? mark->at("value") : expected;
  if (!is_allowed(word, expected, got)) {
    if (const std::string known = gap(word); !known.empty()) {
      tally_.gaps[known] += leaves(plain);
    } else if (word == "unsupported_type") {
      ++tally_.unsupported[function_ + ": " + without_indexes(path_)];
    } else {
      wrong("unavailable without need: " + reason, plain, got);
    }
  }
  const std::size_t compared_before = tally_.compared;
  shown_part(plain, got, mark != nullptr);
  // What was not shown is unavailable.
  const std::size_t total = leaves(plain);
  const std::size_t looked_at = tally_.compared - compared_before;
  const std::size_t not_there = total - std::min(total, looked_at);
  tally_.unavailable[word] += not_there;
  tally_.places[word + " " + function_ + ": " + without_indexes(path_)] += not_there;
  tally_.compared = compared_before + std::max(total, looked_at);
  if (word == "element_limit" || word == "string_limit") {
    std::string all, shown;
    const bool text = bytes_of(plain, all) && bytes_of(got, shown);
    const std::size_t have = text ? shown.size() : size_of(got);
    const std::size_t there = text ? all.size() : size_of(plain);
    for (const std::size_t beyond_16_bits : {1u, 2u}) {
      if (text && is_cut_there(reason, units(shown, beyond_16_bits), units(all, beyond_16_bits))) return;
    }
    if (!got.is_null() && !is_cut_there(reason, have, there)) wrong(reason, plain, got);
  }
}

// What is shown of a value that is not wholly there: nothing, a placeholder, or
// its beginning.
void Comparison::shown_part(const json::value& expected, const json::value& got, bool is_marked) {
  std::string all, shown;
  if (is_placeholder(got)) {
    const auto* truth = expected.if_object();
    // Of a pointer to a pointer the first address is as good.
    const bool is_address = truth != nullptr && truth->contains("$ptr");
    if (is_address && is_marked && !got.is_null() && expected != got) wrong("another address", expected, got);
  } else if (bytes_of(expected, all) && bytes_of(got, shown)) {
    if (!all.starts_with(shown)) wrong("not a beginning of it", expected, got);
  } else if (expected.is_object() && got.is_array() && has_reasons_below()) {
    shown_part(elements_of(expected.get_object(), got.get_array()), got, is_marked);
  } else if (expected.is_array() && got.is_array() && got.get_array().size() <= expected.get_array().size()) {
    for (std::size_t i = 0; i < got.get_array().size(); ++i) {
      const Scope scope(path_, "[" + std::to_string(i) + "]");
      value(expected.get_array()[i], got.get_array()[i]);
    }
  } else if (expected.is_object() && got.is_object()) {
    for (const auto& [name, member] : got.get_object()) {
      const Scope scope(path_, step(path_, std::string(name)));
      const auto* truth = expected.get_object().if_contains(name);
      if (truth == nullptr) {
        wrong("shown, but there is no such member", nullptr, member);
      } else {
        value(*truth, member);
      }
    }
  } else {
    wrong("not a beginning of it", expected, got);
  }
}

void Comparison::wrong(const std::string& what, const json::value& expected, const json::value& got) {
  tally_.wrong.push_back(function_ + " " + path_ + ": " + what + ": expected " + short_text(expected) +
                         ", got " + short_text(got));
}

}  // namespace backsight::tests
