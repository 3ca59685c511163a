// The stack rule, event by event.
#include "store/call_fold.h"
#include "tests/store/support.h"

using namespace backsight;
using namespace backsight::store;
using schema::EventKind;

namespace {

// Feeds events and notes what ended: "plan@entry-exit kind" in order.
class Script {
 public:
  Script& entry(std::uint64_t plan, std::uint64_t frame) { return feed(EventKind::kEntry, plan, frame); }
  Script& leave(std::uint64_t plan, std::uint64_t frame) { return feed(EventKind::kReturn, plan, frame); }
  Script& tail_call(std::uint64_t plan, std::uint64_t frame) {
    return feed(EventKind::kTailCall, plan, frame);
  }
  Script& global(std::uint64_t plan) { return feed(EventKind::kGlobal, plan, 0); }
  Script& on_thread(std::uint32_t tid) {
    tid_ = tid;
    return *this;
  }
  Script& of_function(unsigned tag, std::uint16_t more = 0) {
    flags_ = static_cast<std::uint16_t>(tag << schema::kEventFunctionShift | more);
    return *this;
  }
  Script& process_ends() {
    fold_.process_ended({1}, {static_cast<std::int64_t>(++sequence_)}, note());
    return *this;
  }
  Script& settle() {
    fold_.settle(note());
    return *this;
  }
  // Everything goes on from a snapshot: a keyframe must not change a thing.
  Script& restore() {
    fold_ = CallFold(fold_.snapshot({static_cast<std::int64_t>(sequence_)}, {sequence_ + 1}));
    return *this;
  }
  std::vector<std::string> take() { return std::exchange(ended_, {}); }
  std::vector<std::string> open() const {
    std::vector<std::string> out;
    for (const CallRef& call : fold_.snapshot({}, {}).open) {
      if (call.exit_time.ns == 0)
        out.push_back(std::to_string(call.plan.value) + "@" + std::to_string(call.entry.value));
    }
    return out;
  }
  const CallFold& fold() const { return fold_; }

 private:
  CallFold::OnFinished note() {
    return [this](const FinishedCall& finished) {
      ended_.push_back(std::to_string(finished.call.plan.value) + "@" +
                       std::to_string(finished.call.entry.value) + "-" +
                       std::to_string(finished.call.exit.value) + " " + to_string(finished.exit_kind));
    };
  }
  Script& feed(EventKind kind, std::uint64_t plan, std::uint64_t frame) {
    schema::EventHeader header;
    header.kind = static_cast<std::uint16_t>(kind);
    header.boot_ns = static_cast<std::int64_t>(++sequence_);
    header.tid = tid_;
    header.process = 1;
    header.plan = plan;
    header.frame = frame;
    header.flags = flags_;
    fold_.apply({sequence_}, header, note());
    return *this;
  }

  CallFold fold_;
  std::uint16_t flags_ = 0;
  std::uint64_t sequence_ = 0;
  std::uint32_t tid_ = 1;
  std::vector<std::string> ended_;
};

using Ended = std::vector<std::string>;

}  // namespace

TEST_CASE("a return ends its call") {
  Script script;
  script.entry(1, 100).entry(2, 90).leave(2, 90);
  CHECK(script.take() == Ended{"2@2-3 return"});
  CHECK(script.open() == Ended{"1@1"});
  script.leave(1, 100);
  CHECK(script.take() == Ended{"1@1-4 return"});
  CHECK(script.fold().open_calls() == 0);
}

TEST_CASE("recursion nests by frame") {
  Script script;
  script.entry(1, 100).entry(1, 90).entry(1, 80).leave(1, 80).leave(1, 90).leave(1, 100);
  CHECK(script.take() == Ended{"1@3-4 return", "1@2-5 return", "1@1-6 return"});
}

TEST_CASE("a shallower event shows that deeper calls were unwound, innermost first") {
  Script script;
  script.entry(1, 100).entry(2, 90).entry(3, 80);
  SECTION("by an entry") {
    script.entry(4, 95);
    CHECK(script.take() == Ended{"3@3-0 unwound", "2@2-0 unwound"});
    CHECK(script.open() == Ended{"1@1", "4@4"});
  }
  SECTION("by a return") {
    script.leave(1, 100);
    CHECK(script.take() == Ended{"3@3-0 unwound", "2@2-0 unwound", "1@1-4 return"});
  }
  SECTION("by a tail call") {
    script.tail_call(2, 90);
    CHECK(script.take() == Ended{"3@3-0 unwound", "2@2-4 unknown"});
  }
  SECTION("another thread's stack says nothing") {
    script.on_thread(2).entry(1, 200);
    CHECK(script.take().empty());
  }
}

TEST_CASE("the same function again in the same slot: the first was unwound") {
  Script script;
  script.entry(1, 100).entry(1, 100);
  CHECK(script.take() == Ended{"1@1-0 unwound"});
  script.leave(1, 100);
  CHECK(script.take() == Ended{"1@2-3 return"});
}

TEST_CASE("another function in the same slot: the first was unwound") {
  Script script;
  script.of_function(1).entry(1, 100).of_function(2).entry(2, 100);
  CHECK(script.take() == Ended{"1@1-0 unwound"});
  script.entry(3, 100);  // a second probe on function 2
  CHECK(script.take().empty());
  script.leave(2, 100).leave(3, 100);
  CHECK(script.take() == Ended{"2@2-4 return", "3@3-5 return"});
}

TEST_CASE("a plan that sees no returns cannot tell how its calls ended") {
  Script script;
  script.of_function(1, schema::kEventReturnsUnseen).entry(1, 100);
  SECTION("deeper") {
    script.of_function(2).entry(2, 110);
  }
  SECTION("same slot") {
    script.of_function(2).entry(2, 100);
  }
  CHECK(script.take() == Ended{"1@1-0 unknown"});
}

TEST_CASE("a return without an entry") {
  Script script;
  script.leave(1, 100);
  CHECK(script.take() == Ended{"1@0-1 return"});
  script.tail_call(1, 100);
  CHECK(script.take() == Ended{"1@0-2 unknown"});
}

TEST_CASE("two probes on one function both see the return") {
  Script script;
  const bool restored = GENERATE(false, true);
  script.entry(1, 100).entry(2, 100);
  CHECK(script.open() == Ended{"1@1", "2@2"});
  script.leave(1, 100);
  CHECK(script.take() == Ended{"1@1-3 return"});
  CHECK(script.open().empty());
  if (restored) script.restore();
  script.leave(2, 100);
  CHECK(script.take() == Ended{"2@2-4 return"});
  CHECK(script.fold().open_calls() == 0);
}

TEST_CASE("a caller that tail-called ends unknown when the callee returns") {
  Script script;
  const bool restored = GENERATE(false, true);
  script.entry(1, 100).entry(2, 100).leave(2, 100);
  CHECK(script.take() == Ended{"2@2-3 return"});
  CHECK(script.open().empty());
  if (restored) script.restore();
  SECTION("as the next event shows") {
    script.entry(3, 100);
    CHECK(script.take() == Ended{"1@1-0 unknown"});
    CHECK(script.open() == Ended{"3@4"});
  }
  SECTION("or the end of all events") {
    script.settle();
    CHECK(script.take() == Ended{"1@1-0 unknown"});
    CHECK(script.fold().snapshot({}, {}).last[0].exit_time.ns == 3);
  }
}

TEST_CASE("a tail-call event ends its call and leaves the slot to the callee") {
  Script script;
  script.entry(1, 100).tail_call(1, 100).entry(2, 100).leave(2, 100);
  CHECK(script.take() == Ended{"1@1-2 unknown", "2@3-4 return"});
}

TEST_CASE("the end of a process ends its calls") {
  Script script;
  script.entry(1, 100).entry(2, 90).on_thread(2).entry(3, 50).process_ends();
  CHECK(script.take() == Ended{"2@2-0 unknown", "1@1-0 unknown", "3@3-0 unknown"});
  CHECK(script.fold().open_calls() == 0);
  script.entry(1, 100).leave(1, 100);
  CHECK(script.take() == Ended{"1@5-6 return"});
}

TEST_CASE("open calls are bounded; the oldest end unknown") {
  CallFold fold;
  std::size_t ended = 0;
  std::uint64_t oldest_kept = 0;
  for (std::uint64_t i = 1; i <= kMaxOpenCalls + 10; ++i) {
    schema::EventHeader header;
    header.kind = static_cast<std::uint16_t>(EventKind::kEntry);
    header.boot_ns = static_cast<std::int64_t>(i);
    header.process = 7;
    header.tid = static_cast<std::uint32_t>(i % 50);
    header.plan = 1;
    header.frame = UINT64_MAX - i;
    fold.apply({i}, header, [&](const FinishedCall& finished) {
      ++ended;
      CHECK(finished.exit_kind == ExitKind::kUnknown);
      oldest_kept = std::max(oldest_kept, finished.call.entry.value + 1);
    });
  }
  CHECK(ended > 0);
  CHECK(fold.open_calls() == kMaxOpenCalls + 10 - ended);
  CHECK(oldest_kept == ended + 1);
}

TEST_CASE("a global's last observation stands among the last calls, and ends none") {
  Script script;
  script.entry(1, 0x7000).on_thread(0).global(9).on_thread(1).entry(2, 0x6000);
  script.on_thread(0).global(9).restore();
  CHECK(script.take().empty());
  CHECK(script.open() == std::vector<std::string>{"1@1", "2@3"});
  const auto last = script.fold().snapshot({}, {}).last;
  REQUIRE(last.size() == 1);
  CHECK(last[0].plan.value == 9);
  CHECK(last[0].entry.value == 4);
  CHECK(last[0].exit.value == 4);
  CHECK(last[0].entry_time.ns == 4);
  CHECK(last[0].exit_time.ns == 4);
}
