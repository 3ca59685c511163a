// The stored event: one row of a frame, and its items. A row is raw bytes
// copied from the target plus where they came from; meaning is given by the
// Plan. Layout (little endian, 8-byte aligned), also in docs/format/event.md:
//
//   0        4      6      8        16       24      28     32
//   +--------+------+------+--------+--------+-------+------+
//   | size   | kind | flags| boot_ns| src_seq| source| tid  |
//   +--------+------+------+--------+--------+-------+------+
//   32        40      48      56
//   +---------+-------+-------+----------------------------+
//   | process | plan  | frame | items …                    |
//   +---------+-------+-------+----------------------------+
//
//   item:  0      4      6        7       8         16       20        24
//          +------+------+--------+-------+---------+--------+---------+---------------+
//          | type | root | status | depth | address | length | captured| bytes, padded |
//          +------+------+--------+-------+---------+--------+---------+---------------+
#pragma once

#include "schema/ids.h"
#include "schema/plan.h"
#include "schema/result.h"
#include "schema/stack.h"
#include "schema/time.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace backsight::schema {

enum class EventKind : std::uint16_t {
  kEntry = 1,
  kReturn = 2,
  kTailCall = 3,  // the function left by a tail call: exit of unknown value
  kGlobal = 5,    // a global, read from outside: no thread (tid 0), no frame
};

// EventHeader::flags
inline constexpr std::uint16_t kEventByteLimit = 1;      // the byte limit ended the capture
inline constexpr std::uint16_t kEventQueueLimit = 2;     // too many objects to chase
inline constexpr std::uint16_t kEventStepLimit = 4;      // too many steps
inline constexpr std::uint16_t kEventReturnsUnseen = 8;  // the plan has no return event
// The other 12 bits tell functions apart: two plans with different tags are of
// different functions (the reverse is not certain). 0: not known.
inline constexpr unsigned kEventFunctionShift = 4;
// The flags that every event of a plan carries: returns unseen, function tag.
std::uint16_t plan_flags(const Plan& plan);

struct EventHeader {
  std::uint32_t size_bytes = 0;  // of the whole row, a multiple of 8
  std::uint16_t kind = 0;        // EventKind
  std::uint16_t flags = 0;
  std::int64_t boot_ns = 0;
  std::uint64_t source_seq = 0;  // per source, from 1, no holes but for losses
  std::uint32_t source = 0;      // CPU that ran the probe
  std::uint32_t tid = 0;
  std::uint64_t process = 0;  // ProcessId
  std::uint64_t plan = 0;     // PlanId
  std::uint64_t frame = 0;    // address of the return address slot (CFA - 8)
};
static_assert(sizeof(EventHeader) == 56);

enum class ItemStatus : std::uint8_t {
  kOk = 0,
  kBadAddress = 1,      // no such address in the process; captured = 0
  kNotResident = 2,     // the page is not in memory; captured = 0
  kElementLimit = 3,    // captured < length
  kStringLimit = 4,     // captured < length; for C strings length is unknown (= captured)
  kByteLimit = 5,       // the event's byte budget is used up; captured may be 0
  kNegativeLength = 6,  // end before begin, or an absurd length: the object is not what it seems
  kUnknownCaller = 7,   // only calls from elsewhere tell what it is; captured = 0
  kChanging = 8,        // changed each time it was read: no moment is known; captured = 0
  kLast = kChanging,
};

struct ItemHeader {
  std::uint32_t type = 0;      // TypeId of the element
  std::uint16_t root = 0;      // index in Plan::captures
  std::uint8_t status = 0;     // ItemStatus
  std::uint8_t depth = 0;      // 0: the capture's own value
  std::uint64_t address = 0;   // 0: from registers
  std::uint32_t length = 0;    // bytes that there were to copy
  std::uint32_t captured = 0;  // bytes that follow (then padding to 8)
};
static_assert(sizeof(ItemHeader) == 24);

// A view of one item in a row; bytes point into the row.
struct Item {
  ItemHeader header;
  std::span<const std::byte> bytes;
};

// A checked view of one row. Does not own the bytes.
class EventView {
 public:
  // Checks every size and length of the row at the beginning of `row`; kCorrupt
  // otherwise. Bytes behind it are not looked at: rows may be concatenated, the
  // next one begins at row().size().
  static Result<EventView> parse(std::span<const std::byte> row);

  const EventHeader& header() const { return header_; }
  EventKind kind() const { return static_cast<EventKind>(header_.kind); }
  BootTime time() const { return {header_.boot_ns}; }
  ProcessId process() const { return {header_.process}; }
  PlanId plan() const { return {header_.plan}; }
  std::span<const std::byte> row() const { return row_; }
  // Cheap: walks the row.
  std::vector<Item> items() const;
  // Of its stack, if it has one (schema/stack.h). Cheap likewise.
  std::optional<StackId> stack() const;

 private:
  EventHeader header_;
  std::span<const std::byte> row_;
};

// Builds rows (collector, tests). Items are appended in order.
class EventBuilder {
 public:
  explicit EventBuilder(const EventHeader& header);
  EventBuilder& add_item(ItemHeader header, std::span<const std::byte> bytes);
  std::vector<std::byte> finish();  // sets size_bytes

 private:
  std::vector<std::byte> row_;
};

}  // namespace backsight::schema
