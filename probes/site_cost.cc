#include "probes/site_cost.h"

#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>

namespace backsight::probes {

using schema::ErrorCode;
using schema::make_error;
using schema::Result;

namespace {

constexpr int kVersion = 1;
constexpr std::uint32_t kMostNs = 10'000'000;
constexpr std::uintmax_t kMostBytes = 64 * 1024;

std::string kernel_release() {
  utsname name{};
  return ::uname(&name) == 0 ? name.release : "";
}

std::string cpu_model() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    const std::size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) return line.substr(colon + 2);
  }
  return {};
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    if (static_cast<unsigned char>(c) >= ' ') result += c;
  }
  return result + "\"";
}

bool read_cost(const YAML::Node& file, const char* name, std::uint32_t& cost) {
  const YAML::Node node = file[name];
  if (!node) return false;
  cost = node.as<std::uint32_t>();
  return cost > 0 && cost <= kMostNs;
}

}  // namespace

std::string site_cost_path() {
  const char* directory = std::getenv("BACKSIGHT_CACHE_DIR");
  return std::string(directory && *directory ? directory : "/var/cache/backsight") + "/site-costs.json";
}

Result<SiteCosts> load_site_costs(const std::string& path) {
  try {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    if (error) return make_error(ErrorCode::kNotFound, path + ": " + error.message());
    if (size > kMostBytes) return make_error(ErrorCode::kCorrupt, path + " is too large");
    const YAML::Node file = YAML::LoadFile(path);  // JSON is YAML
    if (!file.IsMap() || file["version"].as<int>() != kVersion)
      return make_error(ErrorCode::kCorrupt, path + " holds no site costs");
    if (file["kernel"].as<std::string>() != kernel_release() || file["cpu"].as<std::string>() != cpu_model())
      return make_error(ErrorCode::kNotFound, path + " was measured with another kernel or CPU");
    SiteCosts costs;
    if (!read_cost(file, "nop5", costs.nop5) || !read_cost(file, "emulated", costs.emulated) ||
        !read_cost(file, "single_step", costs.single_step) || !read_cost(file, "uretprobe", costs.uretprobe))
      return make_error(ErrorCode::kCorrupt, path + " lacks a figure, or has an impossible one");
    costs.measured = true;
    return costs;
  } catch (const std::exception& problem) {
    return make_error(ErrorCode::kCorrupt, path + ": " + problem.what());
  }
}

Result<void> save_site_costs(const std::string& path, const SiteCosts& costs) {
  try {
    const std::filesystem::path target(path);
    std::error_code error;
    std::filesystem::create_directories(target.parent_path(), error);
    // Renamed into place: others read it at any time.
    const std::string temporary = path + "." + std::to_string(::getpid());
    std::ofstream file(temporary, std::ios::trunc);
    file << "{\n  \"version\": " << kVersion << ",\n  \"kernel\": " << quoted(kernel_release())
         << ",\n  \"cpu\": " << quoted(cpu_model()) << ",\n  \"nop5\": " << costs.nop5
         << ",\n  \"emulated\": " << costs.emulated << ",\n  \"single_step\": " << costs.single_step
         << ",\n  \"uretprobe\": " << costs.uretprobe << "\n}\n";
    file.close();
    const bool is_written = !file.fail();
    if (is_written) ::chmod(temporary.c_str(), 0644);
    if (!is_written || ::rename(temporary.c_str(), path.c_str()) != 0) {
      const int cause = errno;
      ::unlink(temporary.c_str());
      return make_error(ErrorCode::kIo, "cannot write " + path + ": " + std::strerror(cause),
                        "$BACKSIGHT_CACHE_DIR names another directory");
    }
    return {};
  } catch (const std::exception& problem) {
    return make_error(ErrorCode::kIo, path + ": " + problem.what());
  }
}

SiteCosts known_site_costs() {
  const auto costs = load_site_costs(site_cost_path());
  return costs ? *costs : SiteCosts{};
}

}  // namespace backsight::probes
