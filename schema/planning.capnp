# What a collector and its planning process say to each other (probes/sandbox.h).
# Both are the same program, so there is no version: the messages never outlive
# the two processes. What comes from the planning process is checked like
# anything that comes from outside.
@0xa0c35f3b0d1b7c52;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("backsight::schema::wire");

struct OpenRequest {
  path @0 :Text;
  openPath @1 :Text;
  debugRoots @2 :List(Text);
  located @3 :Text;         # empty: at its path
}

struct NamesRequest {
  open @0 :OpenRequest;
  fileOffsets @1 :List(UInt64);
}

struct Names {
  names @0 :List(Text);     # as many as offsets; empty: not known
}

# Stacks to unwind, all of one program image.
struct UnwindRequest {
  image @0 :UInt64;
  hasMappings @1 :Bool;     # false: as they were
  mappings @2 :List(UnwindMapping);
  stacks @3 :List(Data);    # probes/unwinder.h
}

struct UnwindMapping {
  begin @0 :UInt64;
  end @1 :UInt64;
  offset @2 :UInt64;
  file @3 :UInt64;
  path @4 :Text;
  openPath @5 :Text;
}

struct Unwound {
  stacks @0 :List(Data);    # recording.capnp, Stack
}

struct Issue {
  message @0 :Text;
  hint @1 :Text;
}

struct Failure {
  code @0 :UInt8;           # ErrorCode
  message @1 :Text;
  hint @2 :Text;
}

struct Opened {
  buildId @0 :Text;
  debugIssues @1 :List(Issue);
}

struct ProbeRequest {
  function @0 :Text;
  module @1 :Text;
  onEntry @2 :Bool;
  onReturn @3 :Bool;
  captureDefault @4 :Bool;
  capture @5 :List(CaptureRequest);
  depth @6 :UInt32;
  elements @7 :UInt32;
  stringBytes @8 :UInt32;
  bytes @9 :UInt32;
  exactName @10 :Bool;
  redact @11 :List(RedactRequest);
  stack @12 :UInt8;         # StackKind
  where @13 :Text;
  sampleBelow @14 :UInt64;
  sampleBy @15 :Text;
  index @16 :List(Text);
}

struct RedactRequest {
  text @0 :Text;
  ofService @1 :Bool;
}

struct CaptureRequest {
  name @0 :Text;
  expression @1 :Text;
}

struct Site {
  address @0 :UInt64;
  fileOffset @1 :UInt64;
  kind @2 :UInt8;
  isUretprobe @3 :Bool;
  frameAdjust @4 :Int16;
  siteClass @5 :UInt8;
  bytes @6 :Data;
}

struct Vtable {
  address @0 :UInt64;
  type @1 :UInt32;
}

struct CompiledPlan {
  plan @0 :Data;            # as stored: recording.capnp, Plan
  sites @1 :List(Site);
  ops @2 :Data;             # struct bs_op
  types @3 :Data;           # struct bs_type
  vtables @4 :List(Vtable);
  entryPc @5 :UInt32;
  returnPc @6 :UInt32;
  issues @7 :List(Issue);
  wherePc @8 :UInt32;
  samplePc @9 :UInt32;
}

struct PlanEnd {
  issues @0 :List(Issue);
}
