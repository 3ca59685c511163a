#include "store/meta.h"

#include "schema/codec.h"
#include "store/bytes.h"

namespace backsight::store {

using schema::ErrorCode;
using schema::make_error;
using schema::Result;

namespace {

std::uint64_t bits(std::int64_t value) {
  return static_cast<std::uint64_t>(value);
}
std::int64_t number(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

schema::Error corrupt(std::string_view key, const std::string& what) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (char c : key.substr(0, 17)) {
    hex.push_back(kDigits[static_cast<unsigned char>(c) >> 4]);
    hex.push_back(kDigits[static_cast<unsigned char>(c) & 15]);
  }
  return make_error(ErrorCode::kCorrupt, "meta entry " + hex + ": " + what);
}

}  // namespace

std::string encode_head(const PartitionHead& head) {
  std::string out;
  append_varint(out, head.version);
  append_text(out, head.boot_id);
  append_text(out, head.host);
  append_zigzag(out, bits(head.boot_base_ns));
  append_varint(out, head.first.value);
  append_zigzag(out, bits(head.created.ns));
  return out;
}

Result<PartitionHead> decode_head(std::string_view bytes) {
  ByteReader in(bytes);
  PartitionHead head;
  head.version = static_cast<std::uint32_t>(in.varint());
  if (head.version != 1) {
    return make_error(ErrorCode::kUnsupported, "partition of format version " + std::to_string(head.version),
                      "use a newer Backsight");
  }
  head.boot_id = in.text();
  head.host = in.text();
  head.boot_base_ns = number(in.zigzag());
  head.first.value = in.varint();
  head.created.ns = number(in.zigzag());
  if (in.failed() || head.first.value == 0) return make_error(ErrorCode::kCorrupt, "partition head");
  return head;
}

std::string encode_watermarks(const Watermarks& watermarks) {
  std::string out;
  for (std::uint64_t value : {watermarks.rows, watermarks.raw_bytes, watermarks.frames,
                              watermarks.frame_bytes, watermarks.next.value}) {
    append_varint(out, value);
  }
  append_zigzag(out, bits(watermarks.oldest.ns));
  append_zigzag(out, bits(watermarks.newest.ns));
  append_zigzag(out, bits(watermarks.timeline_newest.ns));
  return out;
}

Result<Watermarks> decode_watermarks(std::string_view bytes) {
  ByteReader in(bytes);
  Watermarks watermarks;
  for (std::uint64_t* value : {&watermarks.rows, &watermarks.raw_bytes, &watermarks.frames,
                               &watermarks.frame_bytes, &watermarks.next.value}) {
    *value = in.varint();
  }
  watermarks.oldest.ns = number(in.zigzag());
  watermarks.newest.ns = number(in.zigzag());
  watermarks.timeline_newest.ns = number(in.zigzag());
  if (in.failed() || watermarks.next.value == 0) return make_error(ErrorCode::kCorrupt, "watermarks");
  return watermarks;
}

std::string plan_key(schema::PlanId id) {
  return "P" + be64(id.value);
}
std::string process_key(schema::ProcessId id) {
  return "R" + be64(id.value);
}

std::string thread_key(const schema::Thread& thread) {
  std::string key = "T" + be64(thread.process.value);
  append_be32(key, thread.tid);
  append_be64_signed(key, thread.since.ns);
  return key;
}

std::string symbol_key(const schema::CodeSymbol& symbol) {
  std::string key = "Y" + be64(symbol.process.value);
  append_be64(key, symbol.address);
  append_be64_signed(key, symbol.since.ns);
  return key;
}

std::string stack_key(schema::StackId id) {
  return "K" + be64(id.value);
}

std::string gap_key(const schema::Gap& gap) {
  std::string key = "G" + be64_signed(gap.from.ns) + be64_signed(gap.to.ns);
  key.push_back(static_cast<char>(gap.reason));
  append_be64(key, gap.lost);
  append_be64(key, gap.pid ? *gap.pid + 1ull : 0);
  return key + gap.probe;
}

std::string status_key(const schema::ProbeStatus& status) {
  std::string key = "S";
  append_text(key, status.probe);
  append_text(key, status.function);
  append_text(key, status.module_path);
  if (status.instance != 0) append_be32(key, status.instance);
  return key;
}

std::string clock_key(const schema::ClockSample& sample) {
  return "C" + be64_signed(sample.boot.ns);
}

Result<void> Facts::add(std::string_view key, std::string_view sealed) {
  const auto payload = open_value(key, sealed);
  if (!payload) return corrupt(key, "checksum differs");
  const auto bytes = as_bytes(*payload);
  const auto take = [&](auto decoded, auto store) -> Result<void> {
    if (!decoded) return corrupt(key, decoded.error().message);
    store(std::move(*decoded));
    return {};
  };
  switch (key.empty() ? '\0' : key[0]) {
    case 'P': {
      if (key.size() != 9) break;
      const schema::PlanId id{read_be64(key.substr(1))};
      if (plans.contains(id)) return {};
      return take(schema::decode_plan(bytes), [&](schema::Plan plan) { plans[id] = std::move(plan); });
    }
    case 'R':
      return take(schema::decode_process(bytes), [&](schema::Process p) { processes[p.id] = std::move(p); });
    case 'T':
      return take(schema::decode_thread(bytes), [&](schema::Thread t) {
        threads[{t.process, t.tid}][t.since] = std::move(t.name);
      });
    case 'Y':
      return take(schema::decode_code_symbol(bytes), [&](schema::CodeSymbol s) {
        symbols[{s.process, s.address}][s.since] = std::move(s.name);
      });
    case 'G':
      return take(schema::decode_gap(bytes), [&](schema::Gap g) { gaps[std::string(key)] = std::move(g); });
    case 'S':
      return take(schema::decode_probe_status(bytes),
                  [&](schema::ProbeStatus s) { statuses[std::string(key)] = std::move(s); });
    case 'C':
      return take(schema::decode_clock_sample(bytes), [&](schema::ClockSample c) { clock[c.boot] = c; });
    case 'F':
    case 'W':
    case 'K':
      return {};
    default:
      break;
  }
  return corrupt(key, "unknown kind of entry");
}

}  // namespace backsight::store
