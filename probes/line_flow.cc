#include "probes/line_flow.h"

#include <algorithm>
#include <functional>

namespace backsight::probes {

namespace {

// Lines of which there are very many copies in a very large function are not looked at.
constexpr std::size_t kMostSteps = 400'000'000;
constexpr std::size_t kNone = FlowGraph::kNone;

class PlaceChoice {
 public:
  PlaceChoice(const FlowGraph& graph, const LineCode& line)
      : graph_(graph), line_(line), marks_(graph_.size()), node_of_(line.places, kNone), kept_(line.places) {
    for (const LineMark& mark : line.marks) {
      const std::size_t node = graph_.index_of(mark.address);
      if (node == kNone) continue;
      marks_[node].push_back(mark.place.value_or(kNone));
      if (mark.place && *mark.place < line.places) node_of_[*mark.place] = node;
    }
    for (std::size_t i = 0; i < line.places; ++i) kept_[i] = node_of_[i] != kNone;
  }

  std::vector<PlaceUse> run() {
    std::vector<PlaceUse> uses(line_.places);
    if (line_.places * line_.places > kMostSteps / (graph_.size() + 1)) return uses;
    if (!line_.marks_statements) {
      drop_jumps();
      drop_cleanups();
    }
    drop_parts();
    if (!line_.marks_statements) drop_pieces();
    for (std::size_t i = 0; i < line_.places; ++i) {
      if (node_of_[i] == kNone) continue;  // not in the code: not judged
      uses[i].is_needed = kept_[i];
      uses[i].is_repeated = kept_[i] && passed_after(i)[i];
    }
    return uses;
  }

 private:
  // Asked at each mark that is met; false: the path is not followed any further.
  using AtMark = std::function<bool(std::size_t place)>;

  // All paths from the beginnings of `nodes`, and from behind the mark of `place`.
  // Whether one of them ends with the function.
  bool follow(std::vector<std::size_t> nodes, std::size_t place, const AtMark& at_mark) const {
    std::vector<bool> seen(graph_.size());
    for (const std::size_t node : nodes) seen[node] = true;
    bool ends = false;
    const auto go_on = [&](std::size_t node, std::size_t first) {
      for (std::size_t i = first; i < marks_[node].size(); ++i) {
        if (!at_mark(marks_[node][i])) return;
      }
      ends |= graph_.next(node).empty();
      for (const std::size_t next : graph_.next(node)) {
        if (seen[next]) continue;
        seen[next] = true;
        nodes.push_back(next);
      }
    };
    if (place != kNone) {
      const auto& marks = marks_[node_of_[place]];
      const auto own = std::find(marks.begin(), marks.end(), place);
      go_on(node_of_[place], static_cast<std::size_t>(own - marks.begin()) + 1);
    }
    while (!nodes.empty()) {
      const std::size_t node = nodes.back();
      nodes.pop_back();
      go_on(node, 0);
    }
    return ends;
  }

  // Places that are passed after `from` while the line is not left.
  std::vector<bool> passed_after(std::size_t from) const {
    std::vector<bool> passed(line_.places);
    follow({}, from, [&](std::size_t place) {
      if (place == kNone) return false;
      passed[place] = true;
      return true;
    });
    return passed;
  }

  // Whether all of what begins at `from` passes `place` before the line is left.
  bool always_passes(std::size_t from, std::size_t place) const {
    bool leaves = false;
    const bool ends = follow({}, from, [&](std::size_t met) {
      leaves |= met == kNone;
      return met != place && met != kNone;
    });
    return !leaves && !ends;
  }

  // Whether `place` is only reached through `gate`.
  bool is_behind(std::size_t place, std::size_t gate) const {
    bool reached = false;
    follow(graph_.roots(), kNone, [&](std::size_t met) {
      reached |= met == place;
      return met != gate;
    });
    return !reached;
  }

  // Whether `place` is passed again without `other` in between.
  bool repeats_without(std::size_t place, std::size_t other) const {
    bool repeated = false;
    follow({}, place, [&](std::size_t met) {
      repeated |= met == place;
      return met != place && met != other;
    });
    return repeated;
  }

  // Places at which control arrives from another line.
  std::vector<bool> arrived_at() const {
    std::vector<bool> arrived(line_.places);
    std::vector<bool> seen(2 * graph_.size());  // node, and whether inside the line
    std::vector<std::size_t> work;
    const auto offer = [&](std::size_t node, bool inside) {
      const std::size_t state = 2 * node + (inside ? 1 : 0);
      if (seen[state]) return;
      seen[state] = true;
      work.push_back(state);
    };
    for (const std::size_t root : graph_.roots()) offer(root, false);
    while (!work.empty()) {
      const std::size_t node = work.back() / 2;
      bool inside = work.back() % 2 != 0;
      work.pop_back();
      for (const std::size_t place : marks_[node]) {
        if (place != kNone && !inside) arrived[place] = true;
        inside = place != kNone;
      }
      for (const std::size_t next : graph_.next(node)) offer(next, inside);
    }
    return arrived;
  }

  // A lone jump has the line of what it ends, or leads to: where the line has more than
  // that, it is no execution of it.
  void drop_jumps() {
    std::vector<bool> jumps(line_.places);
    bool has_more = false;
    for (std::size_t i = 0; i < line_.places; ++i) {
      if (!kept_[i]) continue;
      jumps[i] = graph_.is_jump(node_of_[i]);
      has_more |= !jumps[i];
    }
    for (std::size_t i = 0; i < line_.places && has_more; ++i) {
      if (!jumps[i]) continue;
      kept_[i] = false;
      std::erase(marks_[node_of_[i]], i);
    }
  }

  // What only exceptions lead to and never comes back from there, of a line that is
  // reached without any: the destructors of its objects.
  void drop_cleanups() {
    if (graph_.entry() == kNone) return;
    const std::vector<bool> usual = graph_.reached({graph_.entry()});
    std::vector<std::size_t> ways_back;
    for (std::size_t node = 0; node < graph_.size(); ++node) {
      for (const std::size_t next : graph_.next(node)) {
        if (!usual[node] && usual[next]) ways_back.push_back(node);
      }
    }
    const std::vector<bool> returns = graph_.reached(ways_back, true);
    const auto is_usual = [&](std::size_t i) { return kept_[i] && usual[node_of_[i]]; };
    bool has_usual = false;
    for (std::size_t i = 0; i < line_.places; ++i) has_usual |= is_usual(i);
    for (std::size_t i = 0; i < line_.places && has_usual; ++i)
      kept_[i] = kept_[i] && (is_usual(i) || returns[node_of_[i]]);
  }

  bool is_copy(std::size_t one, std::size_t other) const {
    if (line_.origins.empty()) return false;
    std::vector<Origin> common;
    return repeats(other, line_.origins[one], common);
  }

  // No execution of the line is to pass two places.
  void drop_parts() {
    const std::vector<bool> arrived = arrived_at();
    std::vector<std::vector<bool>> passed(line_.places, std::vector<bool>(line_.places));
    for (std::size_t i = 0; i < line_.places; ++i) {
      if (kept_[i] && arrived[i]) passed[i] = passed_after(i);
      for (std::size_t to = 0; to < line_.places; ++to) passed[i][to] = passed[i][to] && !is_copy(i, to);
    }
    for (std::size_t from = 0; from < line_.places; ++from) {
      for (std::size_t to = 0; to < line_.places; ++to) {
        if (passed[from][to] && !arrived[to]) kept_[to] = false;
      }
    }
    for (std::size_t from = 0; from < line_.places; ++from) {
      for (std::size_t to = 0; to < line_.places && kept_[from]; ++to) {
        if (to == from || !kept_[to] || !passed[from][to]) continue;
        // The one that sees more executions stays: the later one where nothing gets past
        // it, where it is the line's beginning (of a loop whose end leads back to it), or
        // where it is in a loop that the earlier one is not in.
        const bool later = always_passes(from, to) || is_behind(from, to) || repeats_without(to, from);
        kept_[later ? from : to] = false;
      }
    }
  }

  using Origins = std::vector<std::vector<Origin>>;  // of each place

  // A place that always follows others is a further piece of what began there, if it
  // is not a copy of it.
  void drop_pieces() {
    std::vector<bool> begins(line_.places);
    Origins seen = line_.origins;
    seen.resize(line_.places);
    Origins again(line_.places);  // of what was seen, what the pieces since have, too
    for (const std::size_t node : graph_.in_order()) {
      for (const std::size_t place : marks_[node]) {
        if (place != kNone && kept_[place]) judge(place, begins, seen, again);
      }
    }
  }

  void judge(std::size_t place, std::vector<bool>& begins, Origins& seen, Origins& again) {
    const Before before = look_back(place, begins);
    bool is_copy = false;
    for (const std::size_t begin : before.places) is_copy |= repeats(place, seen[begin], again[begin]);
    kept_[place] = begins[place] = before.nothing || is_copy;
    if (begins[place] || line_.origins.empty()) return;
    for (const std::size_t begin : before.places) add(line_.origins[place], seen[begin]);
  }

  static bool has(const std::vector<Origin>& origins, const Origin& origin) {
    return std::find(origins.begin(), origins.end(), origin) != origins.end();
  }
  static void add(const std::vector<Origin>& from, std::vector<Origin>& to) {
    for (const Origin& origin : from) {
      if (!has(to, origin)) to.push_back(origin);
    }
  }

  // Most of what was seen stands there again: compilers repeat a comparison, but not more.
  bool repeats(std::size_t place, const std::vector<Origin>& seen, std::vector<Origin>& again) const {
    if (line_.origins.empty()) return false;
    std::vector<Origin> common;
    for (const Origin& origin : line_.origins[place]) {
      if (!has(seen, origin)) continue;
      if (origin.is_call) return true;
      common.push_back(origin);
    }
    add(common, again);
    return !common.empty() && 2 * again.size() > seen.size();
  }

  struct Before {
    std::vector<std::size_t> places;  // the last of them, on each path
    bool nothing = false;             // on some path: since the function was entered, or it was there last
  };

  // Which of `begins` came before `place`.
  Before look_back(std::size_t place, const std::vector<bool>& begins) const {
    Before before;
    std::vector<bool> seen(graph_.size());
    std::vector<std::size_t> nodes;
    // The marks of a node that stand before `end`.
    const auto go_back = [&](std::size_t node, std::size_t end) {
      while (end-- > 0) {
        const std::size_t met = marks_[node][end];
        before.nothing |= met == place;
        if (met == place) return;
        if (met == kNone || !begins[met]) continue;
        before.places.push_back(met);
        return;
      }
      before.nothing |= graph_.is_root(node);
      for (const std::size_t previous : graph_.previous(node)) {
        if (seen[previous]) continue;
        seen[previous] = true;
        nodes.push_back(previous);
      }
    };
    const auto& marks = marks_[node_of_[place]];
    go_back(node_of_[place],
            static_cast<std::size_t>(std::find(marks.begin(), marks.end(), place) - marks.begin()));
    while (!nodes.empty()) {
      const std::size_t node = nodes.back();
      nodes.pop_back();
      go_back(node, marks_[node].size());
    }
    return before;
  }

  const FlowGraph& graph_;
  const LineCode& line_;
  std::vector<std::vector<std::size_t>> marks_;  // of each node: places, kNone: another line
  std::vector<std::size_t> node_of_;             // of each place
  std::vector<bool> kept_;
};

}  // namespace

std::vector<PlaceUse> choose_places(const FlowGraph& graph, const LineCode& line) {
  return PlaceChoice(graph, line).run();
}

}  // namespace backsight::probes
