#include "query/args.h"

#include "query/text.h"

#include <boost/json.hpp>

#include <span>
#include <utility>

namespace backsight::query {
namespace {

// A tree in which a longer path may follow.
bool is_branch(const boost::json::value& value) {
  return value.is_object() && !is_pointer_value(value);
}

void merge(boost::json::value& into, boost::json::value value) {
  if (is_branch(into) && is_branch(value)) {
    for (auto& [name, member] : value.get_object()) {
      const auto [place, is_new] = into.get_object().emplace(name, nullptr);
      if (is_new) {
        place->value() = std::move(member);
      } else {
        merge(place->value(), std::move(member));
      }
    }
    return;
  }
  // What was captured as a value of its own says more than a null or a pointer
  // that was not followed.
  if (into.is_null() || (is_pointer_value(into) && !value.is_null())) into = std::move(value);
}

void insert(boost::json::object& tree, std::span<const std::string> path, boost::json::value value) {
  boost::json::value& place = tree[path.front()];
  if (path.size() == 1) return merge(place, std::move(value));
  if (!is_branch(place)) {
    if (value.is_null() && !place.is_null()) return;
    place = boost::json::object();
  }
  insert(place.get_object(), path.subspan(1), std::move(value));
}

// `ret`, or a part of it: "ret.code" belongs to {"code":…}.
void add_result(CallValues& values, const schema::Capture& capture, boost::json::value value) {
  values.has_result = true;
  if (capture.path.size() <= 1) return merge(values.result, std::move(value));
  if (!is_branch(values.result)) values.result = boost::json::object();
  insert(values.result.get_object(), std::span(capture.path).subspan(1), std::move(value));
}

// Whether another capture shows the value that has its place at `path`.
bool is_shown(const boost::json::value& tree, std::span<const std::string> path) {
  const boost::json::value* place = &tree;
  for (const std::string& step : path) {
    if (!is_branch(*place)) return false;
    place = place->get_object().if_contains(step);
    if (place == nullptr) return false;
  }
  return !place->is_null();
}

// A member that cannot be captured alone may have come with what holds it: then
// there is nothing to say about it.
void drop_reason_of_shown(CallValues& values, const schema::Capture& capture) {
  if (capture.unavailable == schema::Unavailable::kNone || capture.path.size() < 2) return;
  const auto path = std::span(capture.path);
  const auto below = path.subspan(1);
  if (is_result(capture)) {
    if (is_shown(values.result, below)) values.unavailable.erase(shown_path(capture));
    return;
  }
  const boost::json::value* root = values.args.if_contains(path.front());
  if (root != nullptr && is_shown(*root, below)) values.unavailable.erase(shown_path(capture));
}

}  // namespace

const std::string& shown_name(const schema::Capture& capture) {
  return capture.name.empty() ? capture.expression : capture.name;
}

std::string shown_path(const schema::Capture& capture) {
  if (is_result(capture) && capture.path.empty()) return "return";
  if (capture.path.empty()) return shown_name(capture);
  std::string path = is_result(capture) ? "return" : capture.path.front();
  for (std::size_t i = 1; i < capture.path.size(); ++i) path += "." + capture.path[i];
  return path;
}

bool is_result(const schema::Capture& capture) {
  return capture.path.empty() ? capture.name == "ret" : capture.path.front() == "ret";
}

void add_event(CallValues& values, const schema::EventView& event, const schema::Plan& plan,
               const std::vector<bool>* wanted, DecodeOptions options) {
  if (event.kind() == schema::EventKind::kTailCall) return;
  const bool at_return = event.kind() == schema::EventKind::kReturn;
  ValueDecoder decoder(event, plan, std::move(options), values.unavailable);
  for (std::size_t i = 0; i < plan.captures.size(); ++i) {
    const schema::Capture& capture = plan.captures[i];
    if (capture.at_return != at_return) continue;
    if (wanted != nullptr && (i >= wanted->size() || !(*wanted)[i])) continue;
    boost::json::value value = decoder.capture(i, shown_path(capture));
    if (is_result(capture)) {
      add_result(values, capture, std::move(value));
    } else if (capture.path.empty()) {
      values.args[shown_name(capture)] = std::move(value);
    } else {
      insert(values.args, capture.path, std::move(value));
    }
  }
  for (const schema::Capture& capture : plan.captures) {
    if (capture.at_return == at_return) drop_reason_of_shown(values, capture);
  }
}

}  // namespace backsight::query
