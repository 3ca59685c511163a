// Names of the enumerations, as the contract (interface.md) spells them.
#include "schema/facts.h"
#include "schema/plan.h"
#include "schema/stack.h"

namespace backsight::schema {

const char* to_string(Unavailable reason) {
  switch (reason) {
    case Unavailable::kNone:
      return "none";
    case Unavailable::kOptimizedOut:
      return "optimized_out";
    case Unavailable::kInVectorRegister:
      return "in_vector_register";
    case Unavailable::kNotResident:
      return "not_resident";
    case Unavailable::kBadAddress:
      return "bad_address";
    case Unavailable::kDepthLimit:
      return "depth_limit";
    case Unavailable::kElementLimit:
      return "element_limit";
    case Unavailable::kStringLimit:
      return "string_limit";
    case Unavailable::kByteLimit:
      return "byte_limit";
    case Unavailable::kRedacted:
      return "redacted";
    case Unavailable::kUndefinedType:
      return "undefined_type";
    case Unavailable::kUnsupportedType:
      return "unsupported_type";
    case Unavailable::kChanging:
      return "changing";
  }
  return "unknown";
}

const char* to_string(ReturnVia via) {
  switch (via) {
    case ReturnVia::kNone:
      return "none";
    case ReturnVia::kUretprobe:
      return "uretprobe";
    case ReturnVia::kRetSites:
      return "ret_sites";
  }
  return "unknown";
}

const char* to_string(StackKind kind) {
  switch (kind) {
    case StackKind::kNone:
      return "none";
    case StackKind::kFramePointers:
      return "fp";
    case StackKind::kDwarf:
      return "dwarf";
  }
  return "unknown";
}

const char* to_string(StackEnd end) {
  switch (end) {
    case StackEnd::kOutermost:
      return "";
    case StackEnd::kDepthLimit:
      return "depth_limit";
    case StackEnd::kByteLimit:
      return "byte_limit";
    case StackEnd::kNotResident:
      return "not_resident";
    case StackEnd::kBadAddress:
      return "bad_address";
    case StackEnd::kUndefined:
      return "undefined_type";
    case StackEnd::kMemoryLimit:
      return "memory_limit";
    case StackEnd::kRedacted:
      return "redacted";
  }
  return "unknown";
}

const char* to_string(SiteClass site_class) {
  switch (site_class) {
    case SiteClass::kNop5:
      return "nop5";
    case SiteClass::kEmulated:
      return "emulated";
    case SiteClass::kSingleStep:
      return "single_step";
  }
  return "unknown";
}

const char* to_string(LossReason reason) {
  switch (reason) {
    case LossReason::kRingFull:
      return "ring_full";
    case LossReason::kNoScratch:
      return "no_scratch";
    case LossReason::kNestedLimit:
      return "nested_limit";
    case LossReason::kTooLarge:
      return "too_large";
    case LossReason::kThrottled:
      return "throttled";
    case LossReason::kSampled:
      return "sampled";
    case LossReason::kDetached:
      return "detached";
    case LossReason::kCollectorDown:
      return "collector_down";
    case LossReason::kNotAttached:
      return "not_attached";
    case LossReason::kStoreFull:
      return "store_full";
    case LossReason::kStoreError:
      return "store_error";
    case LossReason::kMalformed:
      return "malformed";
    case LossReason::kMemoryLimit:
      return "memory_limit";
    case LossReason::kUndecided:
      return "undecided";
    case LossReason::kOpenCalls:
      return "open_calls";
  }
  return "unknown";
}

const char* to_string(ProbeState state) {
  switch (state) {
    case ProbeState::kPending:
      return "pending";
    case ProbeState::kActive:
      return "active";
    case ProbeState::kFailed:
      return "failed";
    case ProbeState::kDetached:
      return "detached";
  }
  return "unknown";
}

const char* to_string(MomentKind kind) {
  switch (kind) {
    case MomentKind::kAlert:
      return "alert";
    case MomentKind::kMark:
      return "mark";
  }
  return "unknown";
}

}  // namespace backsight::schema
