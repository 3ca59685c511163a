# The facts of a recording as they are stored (docs/format/recording.md). A
# message is in Cap'n Proto's canonical form: one segment, no segment table, not
# packed (the store compresses). Equal facts have equal bytes, and a field added
# later with a zero default leaves the bytes of older facts as they were, so that
# the content hash of a plan is stable. Fields are only ever added.
#
# Text is bytes from binaries and processes: meant to be UTF-8, not promised.
# Readers check every bound named here (schema/codec.h).
@0xb8d2c94a70f1e36d;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("backsight::schema::wire");

struct Plan {
  probe @0 :Text;           # as configured
  function @1 :Text;
  signature @2 :Text;
  sourceFile @3 :Text;
  sourceLine @4 :UInt32;    # from 1; 0: unknown
  modulePath @5 :Text;
  buildId @6 :Text;         # lower-case hex, or empty
  address @7 :UInt64;       # link-time
  site @8 :UInt64;          # link-time
  siteClass @9 :UInt8;      # SiteClass
  siteReason @10 :Text;
  returnVia @11 :UInt8;     # ReturnVia
  returnReason @12 :Text;
  onEntry @13 :Bool;
  onReturn @14 :Bool;
  inlined @15 :Bool;
  captures @16 :List(Capture);  # at most 65,536: items name them by 16 bits
  limits @17 :Limits;
  types @18 :List(Type);        # at most 65,535
  stack @19 :UInt8;         # StackKind
  where @20 :Text;              # empty: every call
  sampleBelow @21 :UInt64;      # of 2^64; 0: every call
  sampleBy @22 :Text;           # empty: by chance
}

struct Capture {
  name @0 :Text;
  expression @1 :Text;
  path @2 :List(Text);
  type @3 :UInt32;          # index in types, or 0xffffffff: none
  isRange @4 :Bool;
  atReturn @5 :Bool;
  unavailable @6 :UInt8;    # Unavailable
  projection @7 :List(Text);
  isIndexed @8 :Bool;
}

struct Limits {
  depth @0 :UInt32;
  elements @1 :UInt32;
  stringBytes @2 :UInt32;
  bytes @3 :UInt32;
}

struct Type {
  kind @0 :UInt8;           # TypeKind
  name @1 :Text;
  sizeBytes @2 :UInt64;
  isSigned @3 :Bool;
  target @4 :UInt32;        # index in types, or 0xffffffff: none
  count @5 :UInt64;         # elements of an array
  members @6 :List(Member);
  enumerators @7 :List(Enumerator);
  container @8 :UInt8;      # Container
  offsetA @9 :UInt32;       # bytes
  offsetB @10 :UInt32;      # bytes
  layout @11 :List(UInt64); # by container (schema/types.h); at most 16
  isMap @12 :Bool;
  dynamic @13 :UInt32;      # index in types plus one; 0: none
  isPolymorphic @14 :Bool;
  # No type contains itself by value, and values nest at most 1,024 deep.
}

struct Member {
  name @0 :Text;            # empty: anonymous
  type @1 :UInt32;          # index in types
  offsetBytes @2 :UInt64;
  bitOffset @3 :UInt32;
  bitSize @4 :UInt32;       # 0: no bit-field; else at most 64
  isBase @5 :Bool;
}

struct Enumerator {
  name @0 :Text;
  value @1 :Int64;
}

struct Process {
  id @0 :UInt64;            # ProcessId
  pid @1 :UInt32;
  parentPid @2 :UInt32;
  exe @3 :Text;
  cmdline @4 :List(Text);
  buildId @5 :Text;
  host @6 :Text;
  bootId @7 :Text;
  startedNs @8 :Int64;      # timeline time, like all *Ns but *WallNs
  hasEnded @9 :Bool;
  endedNs @10 :Int64;
}

struct Thread {
  process @0 :UInt64;       # ProcessId
  tid @1 :UInt32;
  name @2 :Text;            # the kernel keeps at most 15 bytes; not checked
  sinceNs @3 :Int64;
}

struct CodeSymbol {
  process @0 :UInt64;       # ProcessId
  address @1 :UInt64;       # in the process
  sinceNs @2 :Int64;
  name @3 :Text;
}

# Who called: the id of a stack (schema/codec.h) is the hash of its bytes.
struct Stack {
  process @0 :UInt64;       # ProcessId
  end @1 :UInt8;            # StackEnd
  addresses @2 :List(UInt64);   # innermost first; at most 1,024
}

struct Gap {
  fromNs @0 :Int64;
  toNs @1 :Int64;
  reason @2 :UInt8;         # LossReason
  lost @3 :UInt64;          # events; 0: unknown
  probe @4 :Text;           # empty: every probe
  hasPid @5 :Bool;          # false: every process
  pid @6 :UInt32;
}

struct ProbeStatus {
  probe @0 :Text;
  function @1 :Text;        # empty: not resolved
  modulePath @2 :Text;
  state @3 :UInt8;          # ProbeState
  message @4 :Text;
  plan @5 :UInt64;          # PlanId; 0: none
  hits @6 :UInt64;
  kept @7 :UInt64;
  lost @8 :List(UInt64);    # by LossReason; at most 256
  costNs @9 :UInt32;
  atNs @10 :Int64;
  instance @11 :UInt32;     # of those with the same names; 0: the first
  rejected @12 :UInt64;
  sampleBelow @13 :UInt64;  # in force; of 2^64; 0: every call
  cpuNs @14 :UInt64;        # of one second
}

struct Moment {
  kind @0 :UInt8;           # MomentKind
  name @1 :Text;
  atWallNs @2 :Int64;
  text @3 :Text;
  service @4 :Text;         # empty: all
  labelsJson @5 :Text;
  isResolved @6 :Bool;
  resolvedWallNs @7 :Int64;
}

struct Pin {
  name @0 :Text;
  fromWallNs @1 :Int64;
  toWallNs @2 :Int64;
}

struct ClockSample {
  bootNs @0 :Int64;
  wallNs @1 :Int64;
}
