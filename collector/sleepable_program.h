// The capture program whose reads may sleep: loaded when the first probe asks for
// it, on the maps of the one that is there. Only its capture buffers are its own,
// since it holds them while it waits for a page.
#pragma once

#include "bpf/abi/plan.h"
#include "schema/result.h"

#include <memory>

struct bpf_object;

namespace backsight::collector {

class SleepableProgram {
 public:
  // `shared` is loaded and outlives this. `for_multi`: for uprobe_multi links.
  static schema::Result<std::unique_ptr<SleepableProgram>> load(const bpf_object* shared,
                                                                const bs_options& options, bool for_multi);
  ~SleepableProgram();
  SleepableProgram(const SleepableProgram&) = delete;
  SleepableProgram& operator=(const SleepableProgram&) = delete;

  int fd() const;

 private:
  explicit SleepableProgram(bpf_object* object) : object_(object) {}
  bpf_object* object_;
};

}  // namespace backsight::collector
