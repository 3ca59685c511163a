#include "collector/symbolizer.h"

#include "collector/clocks.h"
#include "probes/sandbox.h"
#include "probes/symbol_table.h"

#include <algorithm>
#include <set>

namespace backsight::collector {
namespace {

constexpr std::size_t kMostReadings = 512;

std::vector<std::string> names_in(const CodeMapping& mapping, const std::vector<std::uint64_t>& offsets) {
  auto names =
      probes::names_in_sandbox({mapping.path, mapping.file->path(), mapping.file->located()}, offsets, {});
  return names ? *std::move(names) : std::vector<std::string>(offsets.size());
}

const CodeMapping* find_mapping(const std::vector<CodeMapping>& mappings, std::uint64_t address) {
  const auto after =
      std::upper_bound(mappings.begin(), mappings.end(), address,
                       [](std::uint64_t value, const CodeMapping& mapping) { return value < mapping.begin; });
  if (after == mappings.begin()) return nullptr;
  const auto& mapping = *std::prev(after);
  return address < mapping.end ? &mapping : nullptr;
}

}  // namespace

Symbolizer::Reading* Symbolizer::reading_of(const ImageKey& image, bool again) {
  const auto known = readings_.find(image);
  if (known != readings_.end()) known->second.used = ++uses_;
  if (known != readings_.end() && !again) return &known->second;
  auto mappings = read_(image.pid);
  // Gone: what was read before still holds.
  if (!mappings) return known == readings_.end() ? nullptr : &known->second;
  if (readings_.size() >= kMostReadings && known == readings_.end()) {
    readings_.erase(std::min_element(readings_.begin(), readings_.end(), [](const auto& a, const auto& b) {
      return a.second.used < b.second.used;
    }));
  }
  std::sort(mappings->begin(), mappings->end(),
            [](const CodeMapping& a, const CodeMapping& b) { return a.begin < b.begin; });
  auto& reading = readings_[image];
  reading = {*std::move(mappings), boot_now_ns(), ++uses_};
  return &reading;
}

void Symbolizer::prepare(const ImageKey& image) {
  reading_of(image, true);
}

std::vector<CodeAnswer> Symbolizer::answer(const std::vector<CodeQuestion>& questions) {
  struct Place {
    std::size_t answer = 0;
    CodeAnswer::Name name;
    std::uint64_t offset = 0;
    bool is_data = false;
  };
  struct File {
    CodeMapping mapping;
    std::vector<Place> places;
  };
  std::map<FileId, File> files;
  std::vector<CodeAnswer> answers;
  std::set<ImageKey> read;
  for (const auto& question : questions) {
    const bool is_sure = std::any_of(question.addresses.begin(), question.addresses.end(),
                                     [](const CodeAddress& address) { return address.is_sure; });
    const auto* reading = reading_of(question.image, is_sure && read.insert(question.image).second);
    if (!reading) continue;
    answers.push_back({question.service, question.image, reading->boot_ns, {}});
    for (const auto& address : question.addresses) {
      const auto* mapping = find_mapping(reading->mappings, address.address);
      if (!mapping || !mapping->file) continue;
      auto& file = files[mapping->file_id];
      if (file.places.empty()) file.mapping = *mapping;
      file.places.push_back({answers.size() - 1,
                             {address.address, address.since_boot_ns, {}},
                             address.address - mapping->begin + mapping->offset,
                             !mapping->is_executable});
    }
  }
  for (auto& [id, file] : files) {
    std::vector<std::uint64_t> offsets;
    for (const auto& place : file.places) offsets.push_back(place.offset);
    auto names = names_in(file.mapping, offsets);
    for (std::size_t i = 0; i < file.places.size(); ++i) {
      auto& place = file.places[i];
      // Code is not in data, nor are virtual tables in code: what the file has there is not mapped.
      if (names[i].starts_with(probes::kVtableName) != place.is_data) continue;
      place.name.name = std::move(names[i]);
      if (!place.name.name.empty()) answers[place.answer].names.push_back(std::move(place.name));
    }
  }
  return answers;
}

}  // namespace backsight::collector
