// The opened files that processes of our services run, by identity.
#pragma once

#include "collector/proc_fs.h"

#include <map>
#include <set>

namespace backsight::collector {

class FileTable {
 public:
  void put(const LoadedFile& file) { files_.try_emplace(file.id, file); }
  const LoadedFile* find(const FileId& id) const {
    const auto known = files_.find(id);
    return known == files_.end() ? nullptr : &known->second;
  }
  // Closes all others.
  void keep_only(const std::set<FileId>& used) {
    std::erase_if(files_, [&](const auto& entry) { return !used.contains(entry.first); });
  }

 private:
  std::map<FileId, LoadedFile> files_;
};

}  // namespace backsight::collector
