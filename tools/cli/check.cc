#include "tools/cli/check.h"

#include "probes/file_cache.h"
#include "probes/planner.h"
#include "probes/sandbox.h"
#include "probes/site_cost.h"
#include "tools/cli/check_targets.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <utility>

namespace backsight::tools {
namespace {

using boost::json::array;
using boost::json::object;

std::string hex(std::uint64_t address) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "0x%llx", static_cast<unsigned long long>(address));
  return text.data();
}

array issue_list(const std::vector<probes::Issue>& issues) {
  array list;
  for (const probes::Issue& issue : issues)
    list.push_back(object{{"message", issue.message}, {"hint", issue.hint}});
  return list;
}

array capture_list(const schema::Plan& plan) {
  array list;
  for (const schema::Capture& capture : plan.captures) {
    object entry{{"expression", capture.expression.empty() ? capture.name : capture.expression},
                 {"available", capture.unavailable == schema::Unavailable::kNone}};
    if (capture.unavailable != schema::Unavailable::kNone) {
      entry["reason"] = schema::to_string(capture.unavailable);
    }
    entry["at"] = capture.at_return ? "return" : "entry";
    list.push_back(std::move(entry));
  }
  return list;
}

object instance_object(const probes::CompiledPlan& compiled, const probes::SiteCosts& costs) {
  const schema::Plan& plan = compiled.plan;
  object instance{{"function", plan.function}, {"signature", plan.signature}, {"module", plan.module_path},
                  {"build_id", plan.build_id}, {"inlined", plan.inlined},     {"address", hex(plan.address)}};
  const probes::Site* entry = nullptr;
  std::optional<std::uint32_t> return_cost;
  std::size_t return_sites = 0;
  for (const probes::Site& site : compiled.sites) {
    if (schema::is_global(plan.probe)) break;  // nothing is attached
    if (site.is_entry()) {
      entry = &site;
    } else if (site.kind == BS_SITE_RETURN) {
      ++return_sites;
      // A return probe is hit at its own instruction, too, unless the entry probe is there already.
      const bool is_shared = site.is_uretprobe && entry != nullptr && entry->address == site.address;
      const std::uint32_t cost =
          (site.is_uretprobe ? costs.uretprobe : 0) + (is_shared ? 0 : costs.of(site.site_class));
      return_cost = std::max(return_cost.value_or(0u), cost);
    }
  }
  instance["site"] = entry == nullptr ? boost::json::value() : boost::json::value(hex(entry->address));
  instance["site_class"] =
      entry == nullptr ? boost::json::value() : boost::json::value(schema::to_string(entry->site_class));
  instance["site_reason"] = plan.site_reason;
  instance["return_via"] = schema::to_string(plan.return_via);
  instance["return_reason"] = plan.return_reason;
  instance["return_sites"] = return_sites;
  instance["cost_ns"] =
      entry == nullptr ? boost::json::value() : boost::json::value(costs.of(entry->site_class));
  instance["return_cost_ns"] = return_cost ? boost::json::value(*return_cost) : boost::json::value();
  if (plan.stack != schema::StackKind::kNone) {
    instance["stack"] =
        object{{"kind", schema::to_string(plan.stack)}, {"cost_ns", probes::stack_cost_ns(plan.stack)}};
  }
  instance["cost_source"] = costs.measured ? "measured" : "reference";
  instance["captures"] = capture_list(plan);
  instance["issues"] = issue_list(compiled.issues);
  return instance;
}

class Checker {
 public:
  object probe(const probes::ServiceConfig& service, const probes::ProbeConfig& probe,
               const std::vector<CheckTarget>& targets) {
    array instances;
    Issues issues;
    if (targets.empty()) {
      issues.missing.push_back(
          {"no file and no running process matches service '" + service.name + "'",
           "check `match` at " + service.match.position.to_string() + ", or start the service"});
    }
    for (const CheckTarget& target : targets) look_into(probe, target, instances, issues);
    const bool has_any = !instances.empty();
    all_resolved_ = all_resolved_ && has_any;
    return {{"probe", probe.function},
            {"service", service.name},
            {"position", probe.position.to_string()},
            {"instances", std::move(instances)},
            {"issues", issue_list(has_any ? issues.refused : issues.missing)}};
  }

  bool all_resolved() const { return all_resolved_; }

 private:
  struct Issues {
    std::vector<probes::Issue> missing;  // of files that have it not: as long as none has it
    std::vector<probes::Issue> refused;  // parts and copies of it, of a file that has it
  };
  struct Opened {
    std::shared_ptr<const probes::Binary> binary;
    probes::Issue problem;
  };

  const Opened& open(const probes::ModuleFile& file) {
    const auto [place, is_new] = binaries_.try_emplace(file.path);
    if (is_new) {
      auto binary = probes::open_in_sandbox(file, {.files = files_});
      if (binary) {
        place->second.binary = std::move(*binary);
      } else {
        place->second.problem = {file.path + ": " + binary.error().message, binary.error().hint};
      }
    }
    return place->second;
  }

  void look_into(const probes::ProbeConfig& probe, const CheckTarget& target, array& instances,
                 Issues& issues) {
    const std::vector<probes::ModuleFile> files = probe_files(probe, target);
    if (files.empty()) {
      issues.missing.push_back(
          {"no library matches module '" + probe.module + "' of " + target.executable.path,
           "give its whole path, or start the service so that its libraries are known"});
    }
    for (std::size_t i = 0; i < files.size(); ++i) {
      const Opened& opened = open(files[i]);
      const bool is_main = i == 0 || !probe.module.empty();
      if (!opened.binary) {
        if (is_main) issues.missing.push_back(opened.problem);
        continue;
      }
      probes::ProbeConfig wanted = probe;
      wanted.exact_name = !is_main;
      if (!is_main && !opened.binary->has_function(probes::searched_text(wanted))) continue;
      const probes::PlanResult result = opened.binary->plan(wanted);
      for (const probes::CompiledPlan& plan : result.plans) {
        object instance = instance_object(plan, costs_);
        if (probe.every_ns > 0) instance["every_ns"] = probe.every_ns;
        if (probe.sleepable) instance["sleepable"] = true;
        instances.push_back(std::move(instance));
      }
      const bool is_here = !result.plans.empty();
      auto& told = is_here ? issues.refused : issues.missing;
      told.insert(told.end(), result.issues.begin(), result.issues.end());
      if (is_here) return;  // the first file that has it
      const auto& debug_issues = opened.binary->debug_issues();
      issues.missing.insert(issues.missing.end(), debug_issues.begin(), debug_issues.end());
    }
  }

  std::shared_ptr<probes::FileSource> files_ = std::make_shared<probes::FileCache>();
  const probes::SiteCosts costs_ = probes::known_site_costs();
  std::map<std::string, Opened> binaries_;
  bool all_resolved_ = true;
};

}  // namespace

schema::Result<CheckAnswer> check_config(const probes::Config& config,
                                         const std::optional<std::string>& service) {
  try {
    CheckTargets targets;
    Checker checker;
    array probes;
    bool found = false;
    for (const probes::ServiceConfig& candidate : config.services) {
      if (service && candidate.name != *service) continue;
      found = true;
      const std::vector<CheckTarget> files = targets.find(candidate.match);
      for (const probes::ProbeConfig& probe : candidate.probes) {
        probes.push_back(checker.probe(candidate, probe, files));
      }
    }
    if (service && !found) {
      return schema::make_error(schema::ErrorCode::kInvalid,
                                "the configuration has no service '" + *service + "'",
                                "leave --service out to check all");
    }
    CheckAnswer answer;
    answer.object = {{"schema_version", 1}, {"probes", std::move(probes)}};
    answer.all_resolved = checker.all_resolved();
    return answer;
  } catch (const std::exception& problem) {
    return schema::make_error(schema::ErrorCode::kInternal, std::string("check: ") + problem.what());
  }
}

}  // namespace backsight::tools
