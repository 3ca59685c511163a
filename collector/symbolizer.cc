#include "collector/symbolizer.h"

#include "collector/clocks.h"
#include "probes/file_cache.h"
#include "probes/symbol_table.h"
#include "schema/stack.h"

#include <algorithm>
#include <set>

namespace backsight::collector {
namespace {

constexpr std::size_t kMostReadings = 512;
constexpr std::size_t kMostOpenPlaces = 4;
constexpr std::uint64_t kStackBits = schema::kStackAddress | schema::kStackCallAddress;

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

Symbolizer::Symbolizer(ReadMappings read)
    : read_(std::move(read)), files_(std::make_shared<probes::FileCache>()) {}

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

std::vector<std::string> Symbolizer::places_in(const CodeMapping& mapping,
                                               const std::vector<std::uint64_t>& offsets) {
  const auto same = [&](const OpenPlaces& open) { return open.file_id == mapping.file_id; };
  auto open = std::find_if(open_places_.begin(), open_places_.end(), same);
  if (open == open_places_.end()) {
    auto places = probes::open_places_in_sandbox(
        {mapping.path, mapping.file->path(), mapping.file->located()}, {.files = files_});
    if (!places) return {};
    if (open_places_.size() >= kMostOpenPlaces) open_places_.pop_back();
    open_places_.push_front({mapping.file_id, mapping.file, *std::move(places)});
    open = open_places_.begin();
  }
  open_places_.splice(open_places_.begin(), open_places_, open);
  auto texts = open->places->at(offsets);
  if (texts) return *std::move(texts);
  open_places_.pop_front();
  return {};
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
    std::vector<Place> stack_places;
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
      const bool in_stack = (address.address & schema::kStackAddress) != 0;
      const auto* mapping = find_mapping(reading->mappings, address.address & ~kStackBits);
      if (!mapping && in_stack && read.insert(question.image).second) {
        reading = reading_of(question.image, true);
        answers.back().read_boot_ns = reading->boot_ns;
        mapping = find_mapping(reading->mappings, address.address & ~kStackBits);
      }
      if (in_stack && (!mapping || !mapping->is_executable)) {
        answers.back().names.push_back({address.address, address.since_boot_ns, {}});
        continue;
      }
      if (!mapping || !mapping->file) continue;
      auto& file = files[mapping->file_id];
      if (file.places.empty() && file.stack_places.empty()) file.mapping = *mapping;
      auto& places = in_stack ? file.stack_places : file.places;
      places.push_back({answers.size() - 1,
                        {address.address, address.since_boot_ns, {}},
                        (address.address & ~kStackBits) - mapping->begin + mapping->offset,
                        !mapping->is_executable});
    }
  }
  for (auto& [id, file] : files) {
    std::vector<std::uint64_t> offsets;
    for (const auto& place : file.stack_places) {
      const bool ends_call = (place.name.address & schema::kStackCallAddress) != 0;
      offsets.push_back(place.offset | (ends_call ? probes::kEndsCall : 0));
    }
    if (!offsets.empty()) {
      auto texts = places_in(file.mapping, offsets);
      for (std::size_t i = 0; i < texts.size(); ++i) {
        auto& place = file.stack_places[i];
        place.name.name = std::move(texts[i]);
        answers[place.answer].names.push_back(std::move(place.name));
      }
    }
    offsets.clear();
    for (const auto& place : file.places) offsets.push_back(place.offset);
    if (offsets.empty()) continue;
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
