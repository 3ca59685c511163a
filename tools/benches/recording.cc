#include "tools/benches/recording.h"

#include <boost/json.hpp>

#include <stdexcept>

namespace backsight::tools::benches {

Recording::Recording(const std::string& exe, const std::string& probes) {
  write_file(file("config.yaml"), "store: { path: " + store() +
                                      " }\nservices:\n  - name: bench\n    match: { exe: \"" + exe +
                                      "\" }\n    probes:\n" + probes);
  collector_ = std::make_unique<Child>(
      std::vector<std::string>{beside("backsightd"), "--config", file("config.yaml")}, file("collector.log"));
}

boost::json::value Recording::ask(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), beside("backsight"));
  arguments.insert(arguments.end(), {"--store", store(), "--format", "json"});
  return boost::json::parse(run(arguments, file("answer.json")));
}

void Recording::wait_active(const std::string& function) {
  const auto is_active = [&] {
    if (!collector_->running()) throw std::runtime_error("backsightd ended: " + collector_->output());
    try {
      const auto answer = ask({"probes"});
      for (const auto& probe : answer.at("probes").as_array())
        if (probe.at("function").is_string() && probe.at("function").as_string() == function &&
            probe.at("state").as_string() == "active")
          return true;
    } catch (const std::runtime_error&) {
      // The store is not there yet.
    }
    return false;
  };
  if (!eventually(is_active, std::chrono::seconds(30)))
    throw std::runtime_error(function + " is not attached: " + collector_->output());
}

}  // namespace backsight::tools::benches
