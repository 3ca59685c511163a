// Common to the planner's tests: target programs, probes in short, text files.
#pragma once

#include "probes/plan_dump.h"
#include "probes/planner.h"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace backsight::probes {

inline std::string target(const std::string& name) {
  return std::string(BACKSIGHT_TARGET_DIR "/") + name;
}

inline std::shared_ptr<const Binary> open_target(const std::string& path,
                                                 const Binary::Options& options = {}) {
  auto binary = Binary::open({path, path}, options);
  if (!binary) FAIL(binary.error().to_string());
  return *binary;
}

inline ProbeConfig probe_of(const std::string& function, const std::vector<std::string>& captures = {}) {
  ProbeConfig probe;
  probe.function = function;
  probe.capture_default = captures.empty();
  for (const std::string& expression : captures) {
    CaptureConfig capture;
    capture.expression = expression;
    probe.capture.push_back(capture);
  }
  return probe;
}

inline std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A directory that is gone at the end.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "backsight-planner-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline void run(const std::string& command) {
  INFO(command);
  REQUIRE(std::system(command.c_str()) == 0);
}

}  // namespace backsight::probes
