// Walks the frames of one partition in either direction, past damaged ones,
// which it reports. Internal to store/.
#pragma once

#include "store/frame.h"
#include "store/rocks.h"

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace backsight::store {

class FrameCursor {
 public:
  using OnDamage = std::function<void(const std::string& what)>;

  // All outlive the cursor. Frames that begin before `first` (copies of older
  // rows) are not visited.
  FrameCursor(const Database& database, FrameCodec& codec, schema::Sequence first, OnDamage on_damage);

  // Each returns whether the cursor stands on a sound frame then.
  bool seek(schema::Sequence sequence);            // the one with that row, or the first after it
  bool seek_backwards(schema::Sequence sequence);  // the one with that row, or the last before it
  bool next();
  bool previous();

  const FrameInfo& info() const { return info_; }
  // Rows of this frame; an error means damage (reported) and the walk can go on.
  schema::Result<std::span<const std::byte>> rows();

 private:
  bool settle(bool forwards);
  bool read();
  bool skip_damaged_block(bool forwards);

  std::unique_ptr<rocksdb::Iterator> iterator_;
  FrameCodec& codec_;
  schema::Sequence first_;
  OnDamage on_damage_;
  FrameInfo info_;
  std::optional<std::uint64_t> position_;  // key last asked for or seen
};

}  // namespace backsight::store
