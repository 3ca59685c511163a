#include "tools/daemon/plain_files.h"

#include <filesystem>
#include <system_error>

namespace backsight::tools {
namespace {

std::string folder_of(const std::string& file) {
  return std::filesystem::path(file).parent_path().string();
}

}  // namespace

std::string access_log_of(const probes::Config& config) {
  const std::string chosen = config.listen ? config.listen->access_log : "";
  return chosen.empty() ? config.store.path + "/access.log" : chosen;
}

FileAccess plain_files(const probes::Config& config) {
  std::error_code problem;  // told by who opens the store
  const std::filesystem::path store(config.store.path);
  if (std::filesystem::create_directories(store, problem)) {
    std::filesystem::permissions(store,
                                 std::filesystem::perms::owner_all | std::filesystem::perms::group_read |
                                     std::filesystem::perms::group_exec,
                                 problem);
  }
  FileAccess files;
  // Readers of a store that is being written have a folder of their own for what RocksDB leaves.
  files.writable = {config.store.path, std::filesystem::temp_directory_path(problem).string()};
  files.readable = {"/proc", "/sys", "/usr", "/etc/localtime", "/etc/ssl", "/dev/null", "/dev/urandom"};
  if (!config.listen) return files;
  if (access_log_of(config) != "journal") files.writable.push_back(folder_of(access_log_of(config)));
  // Their folders: whoever replaces a file renames another to its name.
  for (const std::string& file :
       {config.listen->token_file, config.listen->certificate, config.listen->key}) {
    if (!file.empty()) files.readable.push_back(folder_of(file));
  }
  return files;
}

}  // namespace backsight::tools
