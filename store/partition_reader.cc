#include "store/partition_reader.h"

#include "store/bytes.h"

#include <filesystem>

namespace backsight::store {

using schema::BootTime;
using schema::ErrorCode;
using schema::make_error;
using schema::Result;
using schema::Sequence;

namespace {

Result<std::string> load_sealed(const Database& database, std::string_view key) {
  auto value = database.get(Family::kMeta, key);
  if (!value) return value.error();
  const auto payload = open_value(key, *value);
  if (!payload) return make_error(ErrorCode::kCorrupt, std::string(key) + ": checksum differs");
  return std::string(*payload);
}

}  // namespace

Result<PartitionHead> load_head(const Database& database) {
  auto payload = load_sealed(database, kHeadKey);
  if (!payload) return payload.error();
  return decode_head(*payload);
}

Result<Watermarks> load_watermarks(const Database& database) {
  auto payload = load_sealed(database, kWatermarksKey);
  if (!payload) return payload.error();
  return decode_watermarks(*payload);
}

void DamageList::add(const std::string& file, const std::string& what) {
  if (seen_.insert(file + '\n' + what).second) all_.push_back({file, what});
}

std::unique_ptr<PartitionReader> PartitionReader::open(const std::string& store_path, const std::string& file,
                                                       bool is_last, DamageList& damage) {
  const std::string path = store_path + "/" + file;
  auto opened = is_last ? open_live(path) : open_sealed(path);
  std::error_code ignored;
  if (!opened) {
    if (std::filesystem::exists(path, ignored)) damage.add(file, opened.error().message);
    return nullptr;
  }
  std::unique_ptr<PartitionReader> reader(new PartitionReader());
  reader->file_ = file;
  reader->database_ = std::move(opened->database);
  if (opened->log_end == LogEnd::kDamaged) {
    damage.add(file, "the write-ahead log is damaged; what was written after the damage is lost");
  }
  auto head = load_head(*reader->database_);
  auto marks = head ? load_watermarks(*reader->database_) : schema::Result<Watermarks>(head.error());
  if (!marks) {
    damage.add(file, marks.error().to_string());
    return nullptr;
  }
  reader->head_ = *head;
  reader->marks_ = *marks;
  return reader;
}

void PartitionReader::load_facts(Facts& facts, DamageList& damage) const {
  const auto entries = database_->iterate(Family::kMeta);
  for (entries->SeekToFirst(); entries->Valid(); entries->Next()) {
    const auto added = facts.add(view(entries->key()), view(entries->value()));
    if (!added) damage.add(file_, added.error().message);
  }
  if (!entries->status().ok()) damage.add(file_, "meta: " + entries->status().ToString());
}

namespace {

std::optional<Fold> read_keyframe(const rocksdb::Iterator& at, const std::string& file, DamageList& damage) {
  const std::string_view key = view(at.key());
  const std::string where = "keyframe " + (key.size() == 8 ? std::to_string(read_be64_signed(key)) : "?");
  const auto payload = open_value(key, view(at.value()));
  if (!payload || key.size() != 8) {
    damage.add(file, where + ": checksum differs");
    return std::nullopt;
  }
  auto fold = decode_keyframe(*payload);
  if (!fold || fold->at.ns != read_be64_signed(key)) {
    damage.add(file, where + ": it cannot be read");
    return std::nullopt;
  }
  return std::move(*fold);
}

}  // namespace

std::optional<Fold> PartitionReader::find_keyframe(BootTime at, DamageList& damage) const {
  const auto keyframes = database_->iterate(Family::kKeyframes);
  for (keyframes->SeekForPrev(slice(be64_signed(at.ns))); keyframes->Valid(); keyframes->Prev()) {
    if (auto fold = read_keyframe(*keyframes, file_, damage)) return fold;
  }
  if (!keyframes->status().ok()) damage.add(file_, "keyframes: " + keyframes->status().ToString());
  return std::nullopt;
}

std::optional<Fold> PartitionReader::first_keyframe(DamageList& damage) const {
  const auto keyframes = database_->iterate(Family::kKeyframes);
  keyframes->SeekToFirst();
  if (keyframes->Valid()) return read_keyframe(*keyframes, file_, damage);
  if (!keyframes->status().ok()) damage.add(file_, "keyframes: " + keyframes->status().ToString());
  return std::nullopt;
}

void PartitionReader::visit_keyframes(const std::function<void(Fold)>& visit, DamageList& damage) const {
  const auto keyframes = database_->iterate(Family::kKeyframes);
  for (keyframes->SeekToFirst(); keyframes->Valid(); keyframes->Next()) {
    if (auto fold = read_keyframe(*keyframes, file_, damage)) visit(std::move(*fold));
  }
  if (!keyframes->status().ok()) damage.add(file_, "keyframes: " + keyframes->status().ToString());
}

FrameCursor PartitionReader::frames(FrameCodec& codec, DamageList& damage) const {
  return {*database_, codec, head_.first,
          [this, &damage](const std::string& what) { damage.add(file_, what); }};
}

FrameCursor PartitionReader::all_frames(FrameCodec& codec, DamageList& damage) const {
  return {*database_, codec, {0}, [this, &damage](const std::string& what) { damage.add(file_, what); }};
}

}  // namespace backsight::store
