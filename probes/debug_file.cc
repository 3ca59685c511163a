#include "probes/debug_file.h"

#include "probes/dwarf_sections.h"

#include <cstdio>

namespace backsight::probes {

namespace {

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::string hex(std::uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof(text), "%08x", value);
  return text;
}

struct Search {
  std::shared_ptr<const ElfFile> binary;
  std::string shown;
  DebugFile result;
  std::string looked_in;
  Reading reading;

  void note(const std::string& place) { looked_in += (looked_in.empty() ? "" : ", ") + place; }

  // Takes the candidate if it belongs to the binary. `crc`: demanded of a debuglink.
  bool try_candidate(const std::string& path, const std::uint32_t* crc) {
    note(path);
    auto opened = ElfFile::open(path, reading.files.get(), reading.access);
    if (!opened) {
      if (opened.error().code != schema::ErrorCode::kNotFound) {
        result.issues.push_back(
            {"debug file of " + shown + ": " + opened.error().message, opened.error().hint});
      }
      return false;
    }
    if (opened->build_id() != binary->build_id()) {
      const std::string theirs = opened->build_id().empty() ? "(none)" : opened->build_id();
      result.issues.push_back({"build-id " + (binary->build_id().empty() ? "(none)" : binary->build_id()) +
                                   " of " + shown + " does not match debug file " + path + " with build-id " +
                                   theirs,
                               "install the debug file of exactly this build"});
      return false;
    }
    if (crc) {
      const auto actual = opened->crc32();
      if (!actual || *actual != *crc) {
        result.issues.push_back({"CRC of debug file " + path + " is " +
                                     (actual ? hex(*actual) : "unreadable") + ", " + shown + " expects " +
                                     hex(*crc),
                                 "install the debug file of exactly this build"});
        return false;
      }
    }
    if (!has_debug_info(*opened, DwarfSections::Kind::kMain)) {
      result.issues.push_back({"debug file " + path + " of " + shown + " has no .debug_info", ""});
      return false;
    }
    result.file = std::make_shared<const ElfFile>(std::move(*opened));
    return true;
  }
};

}  // namespace

DebugFile find_debug_file(const std::shared_ptr<const ElfFile>& binary, const std::string& shown,
                          const std::vector<std::string>& debug_roots, const Reading& reading) {
  if (has_debug_info(*binary, DwarfSections::Kind::kMain)) return {binary, {}};
  Search search{binary, shown, {}, shown, reading};
  const std::string& id = binary->build_id();
  if (id.size() > 2) {
    for (const std::string& root : debug_roots) {
      if (search.try_candidate(root + "/.build-id/" + id.substr(0, 2) + "/" + id.substr(2) + ".debug",
                               nullptr)) {
        return search.result;
      }
    }
  }
  if (const auto link = binary->debug_link()) {
    const std::string directory = directory_of(binary->path());
    std::vector<std::string> candidates = {directory + "/" + link->file, directory + "/.debug/" + link->file};
    for (const std::string& root : debug_roots)
      candidates.push_back(root + directory_of(shown) + "/" + link->file);
    for (const std::string& candidate : candidates) {
      if (search.try_candidate(candidate, &link->crc)) return search.result;
    }
  }
  search.result.issues.push_back(
      {"no debug information found for " + shown + "; looked in " + search.looked_in,
       "build it with -g, or install its debug symbol package"});
  return search.result;
}

AlternateFile find_alternate_file(const ElfFile& debug, const std::vector<std::string>& debug_roots,
                                  const Reading& reading) {
  AlternateFile result;
  const auto link = debug.alt_link();
  if (!link) return result;
  const std::string& id = link->build_id;
  std::vector<std::string> candidates;
  const bool is_absolute = link->file.front() == '/';
  candidates.push_back(is_absolute ? link->file : directory_of(debug.path()) + "/" + link->file);
  const std::string base = link->file.substr(link->file.rfind('/') + 1);
  for (const std::string& root : debug_roots) {
    if (is_absolute) candidates.push_back(root + link->file);
    if (id.size() > 2)
      candidates.push_back(root + "/.build-id/" + id.substr(0, 2) + "/" + id.substr(2) + ".debug");
    candidates.push_back(root + "/.dwz/" + base);
  }
  std::string looked_in;
  for (const std::string& path : candidates) {
    looked_in += (looked_in.empty() ? "" : ", ") + path;
    auto opened = ElfFile::open(path, reading.files.get(), reading.access);
    if (!opened) continue;
    if (id.empty() || opened->build_id() != id) {
      result.issues.push_back({"build-id " + opened->build_id() + " of alternate debug file " + path +
                                   " is not the one that " + debug.path() + " names, " +
                                   (id.empty() ? "(none)" : id),
                               "install the debug files of exactly this build"});
      continue;
    }
    result.file = std::make_shared<const ElfFile>(std::move(*opened));
    return result;
  }
  result.issues.push_back(
      {"the alternate debug file of " + debug.path() + " is not there; looked in " + looked_in,
       "install its debug symbol package again"});
  return result;
}

}  // namespace backsight::probes
