// State at a moment: from the nearest keyframe and from the oldest row, the
// same at every moment.
#include "schema/codec.h"
#include "store/keyframe.h"
#include "store/timeline.h"
#include "tests/store/support.h"

#include <thread>

using namespace backsight::store::test;
using namespace backsight;
using namespace backsight::store;
using schema::BootTime;
using schema::EventKind;

namespace {

// Threads that call, recurse, throw, tail-call and lose returns. Rows of one thread are
// in order, rows of different threads up to `jitter_ns` out of order.
class Workload {
 public:
  explicit Workload(std::uint64_t seed) : random_(seed) {}

  std::vector<std::byte> next(std::size_t count, std::int64_t step_ns, std::int64_t jitter_ns) {
    std::vector<std::byte> rows;
    while (count-- > 0) {
      now_ += step_ns;
      Thread& thread = threads_[pick(threads_.size())];
      thread.last_ns = std::max(thread.last_ns + 1, now_ - static_cast<std::int64_t>(pick(jitter_ns + 1)));
      step(thread, rows);
    }
    return rows;
  }
  std::int64_t now() const { return now_; }

 private:
  struct Thread {
    std::uint64_t process = 0;
    std::uint32_t tid = 0;
    std::int64_t last_ns = 0;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> stack;  // plan, frame
  };

  std::uint64_t pick(std::uint64_t below) { return random_() % below; }

  void emit(std::vector<std::byte>& rows, const Thread& thread, EventKind kind, std::uint64_t plan,
            std::uint64_t frame) {
    RowSpec spec;
    spec.kind = kind;
    spec.time_ns = thread.last_ns;
    spec.process = thread.process;
    spec.tid = thread.tid;
    spec.plan = plan;
    spec.frame = frame;
    spec.tag = ++tag_;
    add_row(rows, spec);
  }

  void step(Thread& thread, std::vector<std::byte>& rows) {
    auto& stack = thread.stack;
    const std::uint64_t dice = pick(100);
    if (stack.empty() || (dice < 50 && stack.size() < 40)) {
      const std::uint64_t top = stack.empty() ? 1 << 20 : stack.back().second;
      const std::uint64_t plan = pick(6) == 0 && !stack.empty() ? stack.back().first : 1 + pick(8);
      const bool same_slot = !stack.empty() && dice < 4;  // tail call, or a second probe
      stack.emplace_back(plan, same_slot ? top : top - 16 * (1 + pick(8)));
      emit(rows, thread, EventKind::kEntry, plan, stack.back().second);
    } else if (dice < 88) {
      emit(rows, thread, EventKind::kReturn, stack.back().first, stack.back().second);
      stack.pop_back();
    } else if (dice < 92) {
      emit(rows, thread, EventKind::kTailCall, stack.back().first, stack.back().second);
      stack.pop_back();
    } else if (dice < 96) {
      stack.resize(pick(stack.size()));  // thrown out of: no events
    } else {
      stack.pop_back();  // a lost return
    }
  }

  std::mt19937_64 random_;
  std::int64_t now_ = 1'000'000'000;
  std::uint64_t tag_ = 0;
  std::vector<Thread> threads_ = [] {
    std::vector<Thread> threads;
    for (std::uint32_t i = 0; i < 12; ++i) threads.push_back({1 + i / 4, 100 + i, 0, {}});
    return threads;
  }();
};

schema::Process process(std::uint64_t id) {
  schema::Process out;
  out.id = {id};
  out.pid = static_cast<std::uint32_t>(id);
  out.boot_id = "boot-1";
  return out;
}

void compare_at_random_moments(const std::string& path, std::int64_t end_ns, std::uint64_t seed,
                               int moments) {
  auto reader = must(TimelineReader::open(path, "shop"));
  CHECK(reader->damage().empty());
  std::mt19937_64 random(seed);
  for (int i = 0; i < moments; ++i) {
    const BootTime at{
        static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(end_ns + 3'000'000'000))};
    const Fold quick = must(reader->fold_at(at));
    const Fold naive = must(reader->fold_naively(at));
    if (quick == naive) continue;
    INFO("at " << at.ns << ", seed " << seed << ": open " << quick.open.size() << " and " << naive.open.size()
               << ", last " << quick.last.size() << " and " << naive.last.size() << ", next "
               << quick.next.value << " and " << naive.next.value);
    REQUIRE(quick == naive);
  }
  CHECK(must(reader->fold_at(kEver)) == must(reader->fold_naively(kEver)));
  CHECK(must(reader->fold_at({0})).open.empty());
}

}  // namespace

TEST_CASE("the state from a keyframe is the state from the beginning") {
  const std::uint64_t seed = GENERATE(1, 2);
  TemporaryDirectory directory;
  Workload workload(seed);
  auto options = options_for(directory.path());
  auto writer = must(StoreWriter::open(options));
  for (std::uint64_t id : {1, 2, 3}) must(writer->put_process("shop", process(id)));
  for (int batch = 0; batch < 60; ++batch) {
    // Quick and slow phases: keyframes by count and by time.
    must(writer->append("shop", workload.next(150, batch % 3 == 0 ? 40'000'000 : 100'000, 400'000'000)));
    if (batch == 30) {
      writer.reset();  // restart: the fold is restored
      writer = must(StoreWriter::open(options));
    }
    if (batch == 40) {
      auto ended = process(2);
      ended.ended = BootTime{workload.now() + 1'000'000'000'000};  // not before its rows
      must(writer->put_process("shop", ended));
    }
  }
  compare_at_random_moments(directory.path(), workload.now(), seed, 1000);
  CHECK(must(verify(directory.path(), {})).empty());
}

TEST_CASE("a process that has ended has no open calls") {
  TemporaryDirectory directory;
  auto writer = must(StoreWriter::open(options_for(directory.path())));
  must(writer->put_process("shop", process(1)));
  must(writer->append("shop", make_row({.time_ns = 1'000'000'000})));
  auto ended = process(1);
  ended.ended = BootTime{2'000'000'000};
  must(writer->put_process("shop", ended));
  RowSpec other;
  other.process = 2;
  other.time_ns = 9'000'000'000;
  must(writer->append("shop", make_row(other)));
  other.time_ns = 30'000'000'000;
  must(writer->append("shop", make_row(other)));
  auto reader = must(TimelineReader::open(directory.path(), "shop"));
  CHECK(must(reader->fold_at({1'999'999'999})).open.size() == 1);
  for (std::int64_t at :
       std::vector<std::int64_t>{2'000'000'000, 5'000'000'000, 9'000'000'000, 31'000'000'000}) {
    const Fold fold = must(reader->fold_at({at}));
    CHECK(fold == must(reader->fold_naively({at})));
    for (const CallRef& call : fold.open) CHECK(call.process.value == 2);
    REQUIRE(!fold.last.empty());
    CHECK(fold.last[0].entry.value == 1);
    CHECK(fold.last[0].exit_time.ns == 2'000'000'000);
  }
}

namespace {

const schema::Stack kStack{{3}, schema::StackEnd::kOutermost, {0x401000, 0x402000}};

std::vector<std::byte> with_stack(const std::vector<std::byte>& row, schema::StackId id) {
  schema::EventBuilder builder(schema::EventView::parse(row).value().header());
  schema::ItemHeader item;
  item.type = schema::kStackItemType;
  item.root = schema::kStackItemRoot;
  item.depth = schema::kStackIsId;
  item.length = sizeof id;
  return builder.add_item(item, std::as_bytes(std::span(&id, 1))).finish();
}

}  // namespace

TEST_CASE("partitions: the state crosses their borders, and does not need the older ones") {
  TemporaryDirectory directory;
  Workload workload(5);
  auto options = options_for(directory.path());
  options.partition_ns = 1;  // each append begins one
  schema::PlanId plan_id;
  std::uint64_t rows = 0, rows_before_last = 0;
  {
    auto writer = must(StoreWriter::open(options));
    for (std::uint64_t id : {1, 2, 3}) must(writer->put_process("shop", process(id)));
    must(writer->put_thread("shop", {{1}, 100, "worker", {5}}));
    must(writer->put_symbol("shop", {{1}, 0x1000, {5}, "on_sale(int)"}));
    schema::Plan plan;
    plan.probe = "p";
    plan_id = must(writer->put_plan("shop", plan));
    RowSpec with_plan;
    with_plan.plan = plan_id.value;
    with_plan.process = 3;
    with_plan.tid = 999;
    with_plan.time_ns = 1;
    with_plan.frame = 1 << 30;
    // Stays open for ever.
    must(writer->append("shop", with_stack(make_row(with_plan), must(writer->put_stack("shop", kStack)))));
    for (int i = 0; i < 6; ++i) {
      rows_before_last = rows;
      rows = must(writer->append("shop", workload.next(700, 1'000'000, 100'000'000))).value;
    }
    must(writer->put_clock({{1'000'000'000'000}, {5'000'000'000'000}}));
  }
  compare_at_random_moments(directory.path(), workload.now(), 9, 400);
  CHECK(must(verify(directory.path(), {})).empty());

  auto whole = must(TimelineReader::open(directory.path(), "shop"));
  const Fold before = must(whole->fold_at({workload.now()}));
  REQUIRE(before.open.size() > 1);
  CHECK(must(whole->stats()).partitions == 7);
  CHECK(must(whole->stats()).events == rows);

  // Drop all but the last partition.
  std::vector<std::filesystem::path> partitions;
  for (const auto& entry : std::filesystem::directory_iterator(directory / "services/shop")) {
    partitions.push_back(entry.path());
  }
  std::sort(partitions.begin(), partitions.end());
  for (std::size_t i = 0; i + 1 < partitions.size(); ++i) std::filesystem::remove_all(partitions[i]);

  auto rest = must(TimelineReader::open(directory.path(), "shop"));
  CHECK(rest->damage().empty());
  CHECK(must(rest->fold_at({workload.now()})) == before);
  for (const auto* calls : {&before.open, &before.last}) {
    for (const CallRef& call : *calls) {
      if (call.entry.value) CHECK(must(rest->load(call.entry)) == must(whole->load(call.entry)));
      if (call.exit.value) CHECK(must(rest->load(call.exit)) == must(whole->load(call.exit)));
    }
  }
  CHECK(rest->plans().contains(plan_id));
  CHECK(rest->processes().size() == 3);
  CHECK(rest->thread_name({1}, 100, {10}) == "worker");
  CHECK(rest->thread_name({1}, 100, {4}).empty());
  CHECK(rest->code_name({1}, 0x1000, {10}) == "on_sale(int)");
  CHECK(rest->stack(schema::stack_id(schema::encode(kStack))) == kStack);
  CHECK(!rest->stack({1}));
  CHECK(scan_all(*rest).size() == rows - rows_before_last);
  CHECK(must(verify(directory.path(), {})).empty());
  // A reader that was open before still has everything.
  CHECK(scan_all(*whole).size() == rows);
}

TEST_CASE("keyframes come back as they went, and hostile ones are refused") {
  Fold fold;
  fold.at = {-5};
  fold.next = {UINT64_MAX};
  std::mt19937_64 random(3);
  for (int i = 0; i < 50; ++i) {
    CallRef call;
    call.entry = {random()};
    call.exit = {i % 3 == 0 ? 0 : random()};
    call.process = {random() % 3};
    call.tid = static_cast<std::uint32_t>(random());
    call.plan = {random() % 5};
    call.frame = random();
    call.entry_time = {static_cast<std::int64_t>(random())};
    call.exit_time = {static_cast<std::int64_t>(random())};
    (i % 2 ? fold.open : fold.last).push_back(call);
  }
  const std::string bytes = encode_keyframe(fold);
  CHECK(must(decode_keyframe(bytes)) == fold);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK(!decode_keyframe(std::string_view(bytes).substr(0, size)));
  }
  for (int i = 0; i < 20'000; ++i) {
    std::string hostile = bytes.substr(0, 1 + random() % bytes.size());
    for (int k = 0; k < 3; ++k) hostile[random() % hostile.size()] = static_cast<char>(random());
    (void)decode_keyframe(hostile);
  }
}
