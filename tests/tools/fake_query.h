// A small vocabulary and an answer for it, in the place of the real query.
#pragma once

#include "tools/http/request.h"

#include <array>
#include <mutex>
#include <vector>

namespace backsight::tools {

inline const std::vector<query::VerbSpec>& fake_verbs() {
  static const std::vector<query::VerbSpec> kVerbs = {
      {"calls",
       "calls FUNCTION [--where E]",
       "The calls of a function.",
       {"FUNCTION"},
       {{"where", "E", "a condition"}, {"open", "", "only open ones"}},
       "calls",
       false,
       {"backsight calls f"}},
      {"state", "state --at TIME", "The state.", {}, {{"at", "TIME", "the moment"}}, "processes", false, {}},
      {"mark",
       "mark NAME [--at TIME] [--text TEXT]",
       "Names a moment.",
       {"NAME"},
       {{"at", "TIME", "the moment"}, {"text", "TEXT", "a note"}},
       "moments",
       true,
       {}},
      {"pair", "pair A [B]", "Two positionals.", {"A", "B?"}, {}, "rows", false, {}},
      {"store stats", "store stats", "The size.", {}, {}, "", false, {}},
      {"store verify", "store verify", "Looks for damage.", {}, {}, "damage", false, {}},
  };
  return kVerbs;
}

inline Vocabulary fake_vocabulary() {
  static constexpr std::array<query::OptionSpec, 6> kCommon = {{{"service", "NAME", "the service"},
                                                                {"process", "PID", "one process"},
                                                                {"from", "TIME", "beginning"},
                                                                {"to", "TIME", "end"},
                                                                {"limit", "N", "at most"},
                                                                {"store", "DIR", "never part of a request"}}};
  return {fake_verbs(), kCommon};
}

// Remembers what was asked; answers with `answer`.
struct FakeQuery {
  std::mutex mutex;
  std::vector<query::Request> requests;
  std::function<schema::Result<boost::json::object>(const query::Request&)> answer =
      [](const query::Request&) -> schema::Result<boost::json::object> {
    return boost::json::object{{"schema_version", 1}, {"complete", true}, {"calls", boost::json::array{}}};
  };

  Answer function() {
    return [this](const query::Request& request) {
      {
        const std::lock_guard lock(mutex);
        requests.push_back(request);
      }
      return answer(request);
    };
  }
};

}  // namespace backsight::tools
