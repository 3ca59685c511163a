// One partition as readers see it. Internal to store/.
#pragma once

#include "store/frame_cursor.h"
#include "store/layout.h"
#include "store/meta.h"
#include "store/rocks.h"
#include "store/timeline.h"

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace backsight::store {

// Collects damage of one reader, each once.
class DamageList {
 public:
  void add(const std::string& file, const std::string& what);
  const std::vector<Damage>& all() const { return all_; }

 private:
  std::vector<Damage> all_;
  std::set<std::string> seen_;
};

// kNotFound, kCorrupt, kUnsupported.
schema::Result<PartitionHead> load_head(const Database& database);
schema::Result<Watermarks> load_watermarks(const Database& database);

class PartitionReader {
 public:
  // `file`: its path below the store directory. `is_last`: perhaps being
  // written. Nothing where it cannot be read (then in `damage`) or is gone.
  static std::unique_ptr<PartitionReader> open(const std::string& store_path, const std::string& file,
                                               bool is_last, DamageList& damage);

  const PartitionHead& head() const { return head_; }
  const Watermarks& marks() const { return marks_; }
  const std::string& file() const { return file_; }
  const Database& database() const { return *database_; }

  void load_facts(Facts& facts, DamageList& damage) const;
  // The last keyframe at or before `at`. Damaged ones are passed over.
  std::optional<Fold> find_keyframe(schema::BootTime at, DamageList& damage) const;
  std::optional<Fold> first_keyframe(DamageList& damage) const;
  void visit_keyframes(const std::function<void(Fold)>& visit, DamageList& damage) const;
  // The partition's own rows. `this`, `codec` and `damage` outlive it.
  FrameCursor frames(FrameCodec& codec, DamageList& damage) const;
  // Own rows and copies.
  FrameCursor all_frames(FrameCodec& codec, DamageList& damage) const;

 private:
  PartitionReader() = default;
  std::string file_;
  std::unique_ptr<Database> database_;
  PartitionHead head_;
  Watermarks marks_;
};

}  // namespace backsight::store
