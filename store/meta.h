// The meta family of a partition: its head, its watermarks and the facts that
// its rows need. Every value is sealed (bytes.h). Keys, first byte first:
//
//   F                                  PartitionHead
//   W                                  Watermarks, with every append
//   P plan                             plan (schema/codec.h), and so on:
//   R process                          process
//   T process tid since                thread name
//   Y process address since            name of code
//   K stack                            stack
//   G from to reason lost pid probe    gap
//   S probe function module instance   newest probe status
//   C boot                             clock sample
#pragma once

#include "schema/facts.h"
#include "schema/ids.h"
#include "schema/result.h"
#include "schema/time.h"
#include "store/keyframe.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace backsight::store {

struct PartitionHead {
  std::uint32_t version = 1;
  std::string boot_id;
  std::string host;
  std::int64_t boot_base_ns = 0;
  schema::Sequence first;  // of its own rows; copies of older rows stand before
  schema::WallTime created;
  bool operator==(const PartitionHead&) const = default;
};

// Of a partition's own rows.
struct Watermarks {
  std::uint64_t rows = 0, raw_bytes = 0, frames = 0, frame_bytes = 0;
  schema::Sequence next;  // of the row to come
  schema::BootTime oldest{INT64_MAX};
  schema::BootTime newest{INT64_MIN};
  schema::BootTime timeline_newest{kBeginning};  // of all rows before `next`
  bool operator==(const Watermarks&) const = default;
};

std::string encode_head(const PartitionHead& head);
schema::Result<PartitionHead> decode_head(std::string_view bytes);
std::string encode_watermarks(const Watermarks& watermarks);
schema::Result<Watermarks> decode_watermarks(std::string_view bytes);

inline constexpr std::string_view kHeadKey = "F";
inline constexpr std::string_view kWatermarksKey = "W";
std::string plan_key(schema::PlanId id);
std::string process_key(schema::ProcessId id);
std::string thread_key(const schema::Thread& thread);
std::string symbol_key(const schema::CodeSymbol& symbol);
std::string stack_key(schema::StackId id);
std::string gap_key(const schema::Gap& gap);
std::string status_key(const schema::ProbeStatus& status);
std::string clock_key(const schema::ClockSample& sample);

// The facts of some partitions together; later partitions are added later and win.
// Stacks, which may be many, are looked up one by one.
struct Facts {
  std::map<schema::ProcessId, schema::Process> processes;
  std::map<schema::PlanId, schema::Plan> plans;
  std::map<std::pair<schema::ProcessId, std::uint32_t>, std::map<schema::BootTime, std::string>> threads;
  // Names of code by process and address, then by `since`.
  std::map<std::pair<schema::ProcessId, std::uint64_t>, std::map<schema::BootTime, std::string>> symbols;
  std::map<std::string, schema::Gap> gaps;              // by gap_key
  std::map<std::string, schema::ProbeStatus> statuses;  // by status_key
  std::map<schema::BootTime, schema::ClockSample> clock;

  // One entry of the meta family. kCorrupt where checksum or content is wrong.
  schema::Result<void> add(std::string_view key, std::string_view sealed);
};

}  // namespace backsight::store
