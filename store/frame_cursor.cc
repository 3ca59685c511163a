#include "store/frame_cursor.h"

#include "store/bytes.h"

#include <utility>

namespace backsight::store {

using schema::Result;
using schema::Sequence;

FrameCursor::FrameCursor(const Database& database, FrameCodec& codec, Sequence first, OnDamage on_damage)
    : iterator_(database.iterate(Family::kHot)),
      codec_(codec),
      first_(first),
      on_damage_(std::move(on_damage)) {}

bool FrameCursor::seek(Sequence sequence) {
  sequence = std::max(sequence, first_);
  position_ = sequence.value;
  iterator_->SeekForPrev(slice(be64(sequence.value)));
  if (iterator_->Valid() && iterator_->key().size() == 8 &&
      read_be64(view(iterator_->key())) >= first_.value && read() && info_.last() >= sequence) {
    return true;
  }
  iterator_->Seek(slice(be64(sequence.value)));
  return settle(true);
}

bool FrameCursor::seek_backwards(Sequence sequence) {
  position_ = sequence.value;
  iterator_->SeekForPrev(slice(be64(sequence.value)));
  return settle(false);
}

bool FrameCursor::next() {
  if (!iterator_->Valid()) return false;
  iterator_->Next();
  return settle(true);
}

bool FrameCursor::previous() {
  if (!iterator_->Valid()) return false;
  iterator_->Prev();
  return settle(false);
}

// From where the iterator stands, to the next sound frame in that direction.
bool FrameCursor::settle(bool forwards) {
  while (true) {
    if (!iterator_->Valid()) {
      if (iterator_->status().ok() || !skip_damaged_block(forwards)) return false;
      continue;
    }
    if (iterator_->key().size() == 8) {
      position_ = read_be64(view(iterator_->key()));
      if (!forwards && *position_ < first_.value) return false;
      if (read()) return true;
    } else {
      on_damage_("hot: a key of " + std::to_string(iterator_->key().size()) + " bytes");
    }
    forwards ? iterator_->Next() : iterator_->Prev();
  }
}

bool FrameCursor::read() {
  auto info = FrameCodec::check(view(iterator_->key()), view(iterator_->value()));
  if (!info) {
    on_damage_("frame " + std::to_string(read_be64(view(iterator_->key()))) + ": " + info.error().message);
    return false;
  }
  info_ = *info;
  return true;
}

Result<std::span<const std::byte>> FrameCursor::rows() {
  auto rows = codec_.expand(view(iterator_->key()), view(iterator_->value()));
  if (!rows) on_damage_("frame " + std::to_string(info_.first.value) + ": " + rows.error().message);
  return rows;
}

// A block that RocksDB refuses ends the iterator, and its extent is unknown:
// doubles the distance until something can be read, then halves it back to the
// first readable key.
bool FrameCursor::skip_damaged_block(bool forwards) {
  const std::uint64_t from = position_.value_or(first_.value);
  on_damage_("hot, near row " + std::to_string(from) + ": " + iterator_->status().ToString());
  const auto try_at = [&](std::uint64_t distance) {
    const std::string key = be64(forwards ? from + distance : from - distance);
    forwards ? iterator_->Seek(slice(key)) : iterator_->SeekForPrev(slice(key));
    return iterator_->status().ok();
  };
  const std::uint64_t room = forwards ? UINT64_MAX - from : from - std::min(from, first_.value);
  std::uint64_t bad = 0, good = 1;
  while (good <= room && !try_at(good)) {
    bad = good;
    if (good > room / 2) return false;
    good *= 2;
  }
  if (good > room) return false;
  while (good - bad > 1) {
    const std::uint64_t middle = bad + (good - bad) / 2;
    (try_at(middle) ? good : bad) = middle;
  }
  return try_at(good);
}

}  // namespace backsight::store
