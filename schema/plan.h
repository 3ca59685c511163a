// A Plan: what one probe captures at one function instance of one binary, with
// everything needed to show it later. It is stored once per partition and named
// by its content hash.
#pragma once

#include "schema/ids.h"
#include "schema/types.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace backsight::schema {

// Why a value is not there. The names are the contract's (interface.md, 6).
enum class Unavailable : std::uint8_t {
  kNone = 0,
  kOptimizedOut,
  kInVectorRegister,
  kNotResident,
  kBadAddress,
  kDepthLimit,
  kElementLimit,
  kStringLimit,
  kByteLimit,
  kRedacted,
  kUndefinedType,
  kUnsupportedType,
  kChanging,  // of a global that is read from outside: never twice the same
};
const char* to_string(Unavailable reason);

// How a return is caught.
enum class ReturnVia : std::uint8_t { kNone, kUretprobe, kRetSites };
const char* to_string(ReturnVia via);  // "none", "uretprobe", "ret_sites"

// How the stack of a hit is taken.
enum class StackKind : std::uint8_t { kNone, kFramePointers, kDwarf };
const char* to_string(StackKind kind);  // "none", "fp", "dwarf"

// What the kernel does with the instruction at a probe site.
enum class SiteClass : std::uint8_t { kNop5, kEmulated, kSingleStep };
const char* to_string(SiteClass site_class);  // "nop5", "emulated", "single_step"

// One captured expression. Its index in Plan::captures is the `root` number
// that items of an event carry.
struct Capture {
  std::string name;               // key in `args`, or "ret"
  std::string expression;         // as written: "order.items[0..8].sku"
  std::vector<std::string> path;  // not empty: place in the natural tree of args ({"order","id"})
  TypeId type = kNoType;          // type of the root item's element
  bool is_range = false;          // a[i..j]: shown as an array of `type`
  bool at_return = false;         // seen by the return event
  bool is_indexed = false;        // found without a scan
  Unavailable unavailable = Unavailable::kNone;  // known when planning
  // For a range over elements: members to project each element to
  // ("order.items[0..8].sku" → {"sku"}); empty: the whole element.
  std::vector<std::string> projection;
  bool operator==(const Capture&) const = default;
};

struct CaptureLimits {
  std::uint32_t depth = 3;           // pointers followed from the root
  std::uint32_t elements = 32;       // of one range or container
  std::uint32_t string_bytes = 256;  // of one string
  std::uint32_t bytes = 8192;        // of one event
  bool operator==(const CaptureLimits&) const = default;
};

struct SourcePosition {
  std::string file;  // as in the debug information, path of the compilation included
  std::uint32_t line = 0;
  bool operator==(const SourcePosition&) const = default;
};

struct Plan {
  std::string probe;      // as configured: "shop::Checkout::*"
  std::string function;   // qualified name without parameters
  std::string signature;  // with parameters: "shop::Checkout::reserve(shop::Order const&, int)"
  SourcePosition source;
  std::string module_path;    // where the file was when planned
  std::string build_id;       // hex; empty if the file has none
  std::uint64_t address = 0;  // of the function in the file (link-time)
  std::uint64_t site = 0;     // of the entry probe (link-time)
  SiteClass site_class = SiteClass::kSingleStep;
  std::string site_reason;
  ReturnVia return_via = ReturnVia::kNone;
  std::string return_reason;  // why that is safe, or why there is none
  bool on_entry = true;       // an entry event exists
  bool on_return = true;      // a return event exists
  bool inlined = false;
  std::vector<Capture> captures;
  CaptureLimits limits;
  TypeTable types;
  StackKind stack = StackKind::kNone;
  std::string where;  // as written; empty: every call
  // Kept are the calls whose hash is below, of 2^64 (docs/format/sampling.md); 0: all.
  std::uint64_t sample_below = 0;
  std::string sample_by;  // as written; empty: each call by chance
  bool operator==(const Plan&) const = default;
};

// Plans of globals that are read by time (`globals`, interface.md 2): probe and
// function are "global:EXPRESSION", the one capture is at the events' kGlobal rows.
inline constexpr std::string_view kGlobalPrefix = "global:";
inline bool is_global(std::string_view probe) {
  return probe.starts_with(kGlobalPrefix);
}

// Of the calls that match, how many are kept: each stands for 1 / fraction of them.
double sampled_fraction(const Plan& plan);

}  // namespace backsight::schema
