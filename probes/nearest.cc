#include "probes/nearest.h"

#include <algorithm>
#include <array>

namespace backsight::probes {
namespace {

constexpr std::size_t kEdit = 2;       // in half edits
constexpr std::size_t kMaxName = 512;  // longer names are compared by their beginning

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::size_t replace_cost(char a, char b) {
  if (a == b) return 0;
  return lower(a) == lower(b) ? 1 : kEdit;
}

std::string_view last_component(std::string_view name) {
  name = name.substr(0, name.find('('));
  const std::size_t colons = name.rfind("::");
  return colons == std::string_view::npos ? name : name.substr(colons + 2);
}

}  // namespace

std::size_t edit_cost(std::string_view from, std::string_view to, std::size_t limit) {
  from = from.substr(0, kMaxName);
  to = to.substr(0, kMaxName);
  const std::size_t difference = from.size() > to.size() ? from.size() - to.size() : to.size() - from.size();
  if (difference * kEdit > limit) return limit + 1;

  // Optimal string alignment over three rows (Damerau, 1964, without moved substrings).
  std::array<std::array<std::size_t, kMaxName + 1>, 3> rows;
  for (std::size_t j = 0; j <= to.size(); ++j) rows[0][j] = j * kEdit;
  for (std::size_t i = 1; i <= from.size(); ++i) {
    auto& row = rows[i % 3];
    const auto& above = rows[(i - 1) % 3];
    const auto& before = rows[(i + 1) % 3];  // i - 2
    row[0] = i * kEdit;
    std::size_t lowest = row[0];
    for (std::size_t j = 1; j <= to.size(); ++j) {
      row[j] = std::min(
          {above[j] + kEdit, row[j - 1] + kEdit, above[j - 1] + replace_cost(from[i - 1], to[j - 1])});
      if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + kEdit);
      }
      lowest = std::min(lowest, row[j]);
    }
    if (lowest > limit + kEdit) return limit + 1;  // a swap may still look back one row
  }
  return rows[from.size() % 3][to.size()];
}

NearestNames::NearestNames(std::string_view wanted, std::size_t max_count)
    : wanted_(wanted.substr(0, kMaxName)),
      max_count_(max_count),
      limit_(kEdit * std::max<std::size_t>(2, wanted_.size() / 3)) {}

void NearestNames::offer(std::string_view name) {
  if (max_count_ == 0) return;
  std::size_t cost = edit_cost(wanted_, name, limit_);
  const std::string_view component = last_component(wanted_);
  if (cost > 1 && component.size() > 1 && component == last_component(name)) {
    cost = std::min(cost, kEdit);  // right function, wrong or missing scope
  }
  if (cost > limit_) return;
  const auto worse = std::find_if(best_.begin(), best_.end(), [&](const Candidate& other) {
    return other.cost > cost || (other.cost == cost && other.name >= name);
  });
  if (worse == best_.end() && best_.size() == max_count_) return;
  if (worse != best_.end() && worse->cost == cost && worse->name == name) return;
  best_.insert(worse, Candidate{cost, std::string(name)});
  if (best_.size() > max_count_) best_.pop_back();
}

std::vector<std::string> NearestNames::names() const {
  std::vector<std::string> names;
  for (const Candidate& candidate : best_) names.push_back(candidate.name);
  return names;
}

std::vector<std::string> nearest_names(std::string_view wanted, std::span<const std::string_view> names,
                                       std::size_t max_count) {
  NearestNames nearest(wanted, max_count);
  for (const std::string_view name : names) nearest.offer(name);
  return nearest.names();
}

std::string suggestion(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    text += i == 0 ? "did you mean " : i + 1 == names.size() ? " or " : ", ";
    text += '"' + names[i] + '"';
  }
  return text.empty() ? text : text + "?";
}

}  // namespace backsight::probes
