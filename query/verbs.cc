#include "query/verbs.h"

#include "query/answers.h"
#include "query/suggest.h"

#include <algorithm>
#include <array>
#include <exception>
#include <new>

namespace backsight::query {
namespace {

using schema::ErrorCode;
using schema::make_error;

constexpr OptionSpec kAt{"at", "TIME", "the moment; default: now"};
constexpr OptionSpec kWhere{"where", "EXPR", "only calls for which the expression holds"};

struct Verb {
  VerbSpec spec;
  Answer (*answer)(Session&);
};

const std::vector<Verb>& table() {
  static const std::vector<Verb> verbs = {
      {{"services",
        "services",
        "What is recorded: services, their span and number of events.",
        {},
        {},
        "services",
        false,
        {"backsight services"}},
       answer_services},
      {{"processes",
        "processes",
        "The processes recorded, with program, build and span of life.",
        {},
        {},
        "processes",
        false,
        {"backsight processes -s checkout --from -1h"}},
       answer_processes},
      {{"probes",
        "probes",
        "The probes: site, state, cost, hits, kept and lost by reason.",
        {},
        {},
        "probes",
        false,
        {"backsight probes -s checkout"}},
       answer_probes},
      {{"state",
        "state --at TIME",
        "The service as it was at a moment: open calls with their arguments, globals, "
        "last completed calls.",
        {},
        {kAt},
        "processes",
        false,
        {"backsight state --at alert:latest-500ms",
         "backsight state -s checkout --at 2026-11-22T10:03:00.5Z"}},
       answer_state},
      {{"calls",
        "calls FUNCTION [--where EXPR]",
        "The calls of a function that were open in a span, oldest entry "
        "first. FUNCTION may be a glob, or 'any'.",
        {"FUNCTION"},
        {kWhere},
        "calls",
        false,
        {"backsight calls shop::Checkout::reserve --from -5m --where 'order.total > 100 && ret < 0'"}},
       answer_calls},
      {{"history",
        "history EXPR",
        "Each observed change of an expression: FUNCTION:expr, TYPE@ADDRESS:field or global:expr.",
        {"EXPR"},
        {},
        "changes",
        false,
        {"backsight history 'shop::Stock::take:this->quantity' --from -10m"}},
       answer_history},
      {{"last",
        "last EXPR --before TIME",
        "The last observed change of an expression before a moment.",
        {"EXPR"},
        {{"before", "TIME", "the moment; default: now"}},
        "changes",
        false,
        {"backsight last 'shop::Stock::take:this->quantity' --before alert:latest"}},
       answer_last},
      {{"gaps",
        "gaps",
        "When and why something is missing from the record.",
        {},
        {},
        "gaps",
        false,
        {"backsight gaps --from -1h"}},
       answer_gaps},
      {{"mark",
        "mark NAME [--at TIME] [--text TEXT]",
        "Names a moment; later: --at mark:NAME.",
        {"NAME"},
        {kAt, {"text", "TEXT", "a note"}},
        "moments",
        true,
        {"backsight mark deploy-41 --text 'release 41'"}},
       answer_mark},
      {{"moments",
        "moments",
        "The named moments: alerts and marks; and the pinned spans.",
        {},
        {},
        "moments",
        false,
        {"backsight moments"}},
       answer_moments},
      {{"pin",
        "pin NAME --from TIME --to TIME",
        "Keeps a span beyond retention.",
        {"NAME"},
        {},
        "pins",
        true,
        {"backsight pin incident-7 --from alert:latest-5m --to alert:latest+1m"}},
       answer_pin},
      {{"unpin",
        "unpin NAME",
        "Gives a pinned span back to retention.",
        {"NAME"},
        {},
        "pins",
        true,
        {"backsight unpin incident-7"}},
       answer_unpin},
      {{"store stats",
        "store stats",
        "Size of the store: events, bytes, ratio, partitions, span.",
        {},
        {},
        "",
        false,
        {"backsight store stats"}},
       answer_store_stats},
      {{"store verify",
        "store verify",
        "Reads every byte of the store and names what is damaged.",
        {},
        {},
        "damage",
        false,
        {"backsight store verify"}},
       answer_store_verify},
  };
  return verbs;
}

constexpr std::array kCommonOptions = {
    OptionSpec{"service", "NAME", "the service; default: the only one, or all where that makes sense"},
    OptionSpec{"process", "PID", "only this process"},
    OptionSpec{"thread", "TID", "only this thread"},
    OptionSpec{"host", "HOST", "only processes of this host"},
    OptionSpec{"from", "TIME", "beginning of the span; default: of the record"},
    OptionSpec{"to", "TIME", "end of the span; default: of the record"},
    OptionSpec{"limit", "N", "at most N rows, the oldest; default: all"},
};

// Options about where the store is and how the answer is shown: the caller's.
constexpr std::array<std::string_view, 9> kCallerOptions = {"store", "server", "format", "strict", "no-color",
                                                            "utc",   "config", "color",  "token"};

schema::Result<void> check_request(const Request& request, const VerbSpec& verb) {
  for (const auto& [name, value] : request.options) {
    const auto named = [&wanted = name](const OptionSpec& option) { return option.name == wanted; };
    if (std::any_of(verb.options.begin(), verb.options.end(), named) ||
        std::any_of(kCommonOptions.begin(), kCommonOptions.end(), named) ||
        std::find(kCallerOptions.begin(), kCallerOptions.end(), name) != kCallerOptions.end()) {
      continue;
    }
    std::vector<std::string> names;
    for (const OptionSpec& option : verb.options) names.emplace_back(option.name);
    for (const OptionSpec& option : kCommonOptions) names.emplace_back(option.name);
    return make_error(ErrorCode::kInvalid, "'" + request.verb + "' has no option --" + name,
                      suggestion(name, names));
  }
  const auto required = static_cast<std::size_t>(
      std::count_if(verb.positionals.begin(), verb.positionals.end(),
                    [](std::string_view positional) { return !positional.ends_with('?'); }));
  if (request.positionals.size() < required) {
    return make_error(ErrorCode::kInvalid,
                      std::string(verb.positionals[request.positionals.size()]) + " is missing",
                      "usage: backsight " + std::string(verb.usage));
  }
  if (request.positionals.size() > verb.positionals.size()) {
    return make_error(ErrorCode::kInvalid,
                      "unexpected '" + request.positionals[verb.positionals.size()] + "'",
                      "usage: backsight " + std::string(verb.usage));
  }
  return {};
}

}  // namespace

std::span<const VerbSpec> verbs() {
  static const std::vector<VerbSpec> specs = [] {
    std::vector<VerbSpec> all;
    for (const Verb& verb : table()) all.push_back(verb.spec);
    return all;
  }();
  return specs;
}

const VerbSpec* find_verb(std::string_view name) {
  for (const VerbSpec& verb : verbs()) {
    if (verb.name == name) return &verb;
  }
  return nullptr;
}

std::span<const OptionSpec> common_options() {
  return kCommonOptions;
}

Answer answer_from(const Request& request, Source& source) {
  const auto verb = std::find_if(table().begin(), table().end(),
                                 [&](const Verb& candidate) { return candidate.spec.name == request.verb; });
  if (verb == table().end()) {
    std::vector<std::string> names;
    for (const VerbSpec& spec : verbs()) names.emplace_back(spec.name);
    return make_error(ErrorCode::kInvalid, "unknown verb '" + request.verb + "'",
                      suggestion(request.verb, names));
  }
  BACKSIGHT_TRY(check_request(request, verb->spec));
  try {
    Session session(request, source);
    auto computed = verb->answer(session);
    if (!computed) return computed;
    boost::json::object answer;
    answer["schema_version"] = 1;
    for (auto& [key, value] : *computed) answer[key] = std::move(value);
    return answer;
  } catch (const std::bad_alloc&) {
    return make_error(ErrorCode::kNoSpace, "the answer needs more memory than there is",
                      "narrow it with --from, --to, --where or --limit");
  } catch (const std::exception& error) {
    return make_error(ErrorCode::kInternal, request.verb + ": " + error.what());
  }
}

schema::Result<boost::json::object> answer(const Request& request) {
  const auto source = make_store_source(request.store_path);
  return answer_from(request, *source);
}

}  // namespace backsight::query
