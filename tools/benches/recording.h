// A collector at work for a bench: its store, its configuration, and the
// questions to ask it.
#pragma once

#include "tools/benches/process.h"

#include <boost/json/value.hpp>

#include <memory>
#include <string>
#include <vector>

namespace backsight::tools::benches {

class Recording {
 public:
  // Records the functions (a YAML list of probes) of every process of `exe`.
  Recording(const std::string& exe, const std::string& probes);

  // Waits until `function` is attached; a process of the service must run.
  void wait_active(const std::string& function);
  // The answer of a verb, from the store.
  boost::json::value ask(std::vector<std::string> arguments);
  Child& collector() { return *collector_; }
  std::string file(const std::string& name) const { return dir_.file(name); }
  std::string store() const { return dir_.file("store"); }
  void stop() { collector_->stop(); }

 private:
  TempDir dir_;
  std::unique_ptr<Child> collector_;
};

}  // namespace backsight::tools::benches
