#include "store/reader.h"

#include <algorithm>

namespace backsight::store {

using schema::Sequence;

std::span<const std::byte> FrameCache::Entry::row(Sequence sequence) const {
  const std::size_t index = sequence.value - first.value;
  return std::span(rows).subspan(offsets[index], offsets[index + 1] - offsets[index]);
}

std::optional<std::span<const std::byte>> FrameCache::find(Sequence sequence) {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.first <= sequence && sequence.value - entry.first.value < entry.offsets.size() - 1;
  });
  if (found == entries_.end()) return std::nullopt;
  std::rotate(entries_.begin(), found, std::next(found));
  return entries_.front().row(sequence);
}

std::span<const std::byte> FrameCache::add(Sequence first, std::span<const std::byte> rows,
                                           Sequence sequence) {
  Entry entry{first, {rows.begin(), rows.end()}, {0}};
  for (auto rest = rows; !rest.empty();) {
    rest = rest.subspan(row_size(rest));
    entry.offsets.push_back(rows.size() - rest.size());
  }
  if (entries_.size() >= kEntries) entries_.pop_back();
  entries_.push_front(std::move(entry));
  return entries_.front().row(sequence);
}

}  // namespace backsight::store
