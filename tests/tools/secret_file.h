// A folder for files of tests, gone afterwards; files in it with the mode that is asked for.
#pragma once

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace backsight::tools {

class SecretFolder {
 public:
  SecretFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "backsight-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~SecretFolder() { std::filesystem::remove_all(path_); }
  SecretFolder(const SecretFolder&) = delete;
  SecretFolder& operator=(const SecretFolder&) = delete;

  std::string path(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) const {
    std::ofstream(path(name)) << text;
    ::chmod(path(name).c_str(), mode);
    return path(name);
  }
  std::string read(const std::string& name) const {
    std::ifstream file(path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string path_;
};

}  // namespace backsight::tools
