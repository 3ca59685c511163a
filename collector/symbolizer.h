// Addresses of code and of virtual tables to names: address ─▶ mapping of the
// process ─▶ file and offset ─▶ symbol. Mappings are read while the process lives and kept, with their files
// open, so that a name can still be found when it is gone. Blocks on files: for a
// worker thread, one at a time.
#pragma once

#include "collector/proc_fs.h"
#include "probes/sandbox.h"
#include "schema/result.h"

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace backsight::collector {

// A mapping of a file that has code.
struct CodeMapping {
  std::uint64_t begin = 0, end = 0;  // in the process
  std::uint64_t offset = 0;          // of `begin` in the file
  FileId file_id;                    // without content
  std::string path;                  // as the process sees it
  std::shared_ptr<const OpenFile> file;
  bool is_executable = true;
};

// kNotFound: the process is gone.
using ReadMappings = std::function<schema::Result<std::vector<CodeMapping>>(std::uint32_t pid)>;
ReadMappings make_mapping_reader();
// Pure: the executable mappings in a text of /proc/PID/maps, and the others of the
// same files; no file is opened.
struct MappingText {
  CodeMapping mapping;
  std::string range;  // name in map_files
};
std::vector<MappingText> parse_code_mappings(const std::string& text);

// One program image.
struct ImageKey {
  std::uint32_t pid = 0;
  std::int64_t started_boot_ns = 0;
  auto operator<=>(const ImageKey&) const = default;
};

struct CodeAddress {
  std::uint64_t address = 0;
  std::int64_t since_boot_ns = 0;  // of the row that shows it
  bool is_sure = true;             // it is code, if anything is known there
};

struct CodeQuestion {
  std::string service;
  ImageKey image;
  std::vector<CodeAddress> addresses;
};

struct CodeAnswer {
  std::string service;
  ImageKey image;
  std::int64_t read_boot_ns = 0;  // when the mappings were read
  struct Name {
    std::uint64_t address = 0;
    std::int64_t since_boot_ns = 0;
    std::string name;
  };
  std::vector<Name> names;  // of those that are known
};

class Symbolizer {
 public:
  explicit Symbolizer(ReadMappings read);

  // Reads the mappings of a process, if it is still there.
  void prepare(const ImageKey& image);
  // Each file is read once for all questions.
  std::vector<CodeAnswer> answer(const std::vector<CodeQuestion>& questions);

 private:
  struct Reading {
    std::vector<CodeMapping> mappings;  // by address
    std::int64_t boot_ns = 0;
    std::uint64_t used = 0;
  };
  Reading* reading_of(const ImageKey& image, bool again);

  // A planning process for one file, and what keeps the file's inode its own.
  struct OpenPlaces {
    FileId file_id;
    std::shared_ptr<const OpenFile> file;
    std::shared_ptr<probes::SandboxedPlaces> places;
  };
  // Empty where the file cannot be read.
  std::vector<std::string> places_in(const CodeMapping& mapping, const std::vector<std::uint64_t>& offsets);

  ReadMappings read_;
  std::list<OpenPlaces> open_places_;  // newest use first
  std::shared_ptr<probes::FileSource> files_;
  std::map<ImageKey, Reading> readings_;
  std::uint64_t uses_ = 0;
};

}  // namespace backsight::collector
