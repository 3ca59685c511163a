#include "collector/sleepable_program.h"

#include "collector/bpf_object.h"
#include "collector/libbpf_log.h"
#include "collector/uprobe_multi.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

namespace backsight::collector {
namespace {

constexpr const char* kScratch = "scratch";
constexpr const char* kOptions = ".rodata.options";

schema::Error damaged() {
  return schema::make_error(schema::ErrorCode::kInternal, "the sleepable capture program is damaged");
}

// Every map but those of the program's own data.
schema::Result<void> share_maps(bpf_object* object, const bpf_object* shared) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (bpf_map__is_internal(map) || std::string_view(bpf_map__name(map)) == kScratch) continue;
    const int fd = bpf_object__find_map_fd_by_name(shared, bpf_map__name(map));
    if (fd < 0 || bpf_map__reuse_fd(map, fd) != 0) return damaged();
  }
  return {};
}

}  // namespace

schema::Result<std::unique_ptr<SleepableProgram>> SleepableProgram::load(const bpf_object* shared,
                                                                         const bs_options& options,
                                                                         bool for_multi) {
  LibbpfLog log;
  const auto bytes = capture_sleepable_object();
  bpf_object_open_opts open_options{};
  open_options.sz = sizeof open_options;
  open_options.object_name = "backsight_sleep";
  std::unique_ptr<SleepableProgram> result(
      new SleepableProgram(bpf_object__open_mem(bytes.data(), bytes.size(), &open_options)));
  if (!result->object_) return damaged();
  BACKSIGHT_TRY(share_maps(result->object_, shared));
  bpf_map* scratch = bpf_object__find_map_by_name(result->object_, kScratch);
  bpf_map* constants = bpf_object__find_map_by_name(result->object_, kOptions);
  bpf_program* capture = bpf_object__find_program_by_name(result->object_, "capture");
  if (!scratch || !constants || !capture ||
      bpf_map__set_max_entries(scratch, options.cpus * BS_SLEEPABLE_SLOTS) != 0 ||
      bpf_map__set_initial_value(constants, &options, sizeof options) != 0)
    return damaged();
  if (for_multi)
    bpf_program__set_expected_attach_type(capture, static_cast<bpf_attach_type>(kUprobeMultiAttachType));
  if (const int error = -bpf_object__load(result->object_); error != 0)
    return schema::make_error(schema::ErrorCode::kUnsupported,
                              std::string("the kernel did not accept the sleepable capture program (") +
                                  std::strerror(error) + "): " + log.last_lines(12),
                              "remove `sleepable` from the probe");
  return result;
}

SleepableProgram::~SleepableProgram() {
  bpf_object__close(object_);
}

int SleepableProgram::fd() const {
  return bpf_program__fd(bpf_object__find_program_by_name(object_, "capture"));
}

}  // namespace backsight::collector
