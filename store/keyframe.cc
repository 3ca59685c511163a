#include "store/keyframe.h"

#include "store/bytes.h"

#include <unordered_map>
#include <vector>

namespace backsight::store {

using schema::ErrorCode;
using schema::make_error;
using schema::Result;

namespace {

constexpr std::uint64_t kKeyframeVersion = 1;

// Ids occur again and again: the first time in full, then as an index.
class IdWriter {
 public:
  void write(std::string& out, std::uint64_t id) {
    const auto [found, is_new] = known_.try_emplace(id, known_.size());
    append_varint(out, found->second);
    if (is_new) append_be64(out, id);
  }

 private:
  std::unordered_map<std::uint64_t, std::size_t> known_;
};

class IdReader {
 public:
  // False where the index is not one that can follow.
  bool read(ByteReader& in, std::uint64_t& id) {
    const std::uint64_t index = in.varint();
    if (index > known_.size()) return false;
    if (index == known_.size()) known_.push_back(in.fixed64());
    id = known_[index];
    return !in.failed();
  }

 private:
  std::vector<std::uint64_t> known_;
};

void write_calls(std::string& out, const std::vector<CallRef>& calls) {
  append_varint(out, calls.size());
  IdWriter processes, plans;
  CallRef last;
  for (const CallRef& call : calls) {
    processes.write(out, call.process.value);
    plans.write(out, call.plan.value);
    append_zigzag(out, call.tid - std::uint64_t{last.tid});
    append_zigzag(out, call.entry.value - last.entry.value);
    append_zigzag(out, call.exit.value - last.exit.value);
    append_zigzag(out, call.frame - last.frame);
    append_varint(out, call.flags);
    append_zigzag(
        out, static_cast<std::uint64_t>(call.entry_time.ns) - static_cast<std::uint64_t>(last.entry_time.ns));
    append_zigzag(
        out, static_cast<std::uint64_t>(call.exit_time.ns) - static_cast<std::uint64_t>(last.exit_time.ns));
    last = call;
  }
}

bool read_calls(ByteReader& in, std::vector<CallRef>& calls) {
  const std::uint64_t count = in.varint();
  IdReader processes, plans;
  CallRef call;
  for (std::uint64_t i = 0; i < count && !in.failed(); ++i) {
    if (!processes.read(in, call.process.value) || !plans.read(in, call.plan.value)) return false;
    call.tid = static_cast<std::uint32_t>(call.tid + in.zigzag());
    call.entry.value += in.zigzag();
    call.exit.value += in.zigzag();
    call.frame += in.zigzag();
    call.flags = static_cast<std::uint16_t>(in.varint());
    call.entry_time.ns =
        static_cast<std::int64_t>(static_cast<std::uint64_t>(call.entry_time.ns) + in.zigzag());
    call.exit_time.ns =
        static_cast<std::int64_t>(static_cast<std::uint64_t>(call.exit_time.ns) + in.zigzag());
    calls.push_back(call);
  }
  return !in.failed();
}

}  // namespace

Fold empty_fold(schema::Sequence next) {
  Fold fold;
  fold.at = kBeginning;
  fold.next = next;
  return fold;
}

std::string encode_keyframe(const Fold& fold) {
  std::string out;
  append_varint(out, kKeyframeVersion);
  append_zigzag(out, static_cast<std::uint64_t>(fold.at.ns));
  append_varint(out, fold.next.value);
  write_calls(out, fold.open);
  write_calls(out, fold.last);
  return out;
}

Result<Fold> decode_keyframe(std::string_view bytes) {
  ByteReader in(bytes);
  Fold fold;
  if (in.varint() != kKeyframeVersion) return make_error(ErrorCode::kCorrupt, "keyframe: unknown version");
  fold.at.ns = static_cast<std::int64_t>(in.zigzag());
  fold.next.value = in.varint();
  if (!read_calls(in, fold.open) || !read_calls(in, fold.last) || !in.at_end()) {
    return make_error(ErrorCode::kCorrupt, "keyframe: its calls cannot be read");
  }
  return fold;
}

}  // namespace backsight::store
