// The same questions through the real store: written, closed, and asked with
// nothing but the directory.
#include "query/verbs.h"
#include "store/timeline.h"
#include "tests/query/shop.h"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <random>

using namespace backsight;               // NOLINT
using namespace backsight::query;        // NOLINT
using namespace backsight::query::test;  // NOLINT

namespace {

class TemporaryStore {
 public:
  TemporaryStore() {
    std::string pattern = (std::filesystem::temp_directory_path() / "backsight-query-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = pattern;
  }
  ~TemporaryStore() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryStore(const TemporaryStore&) = delete;
  TemporaryStore& operator=(const TemporaryStore&) = delete;
  std::string path() const { return (path_ / "store").string(); }

 private:
  std::filesystem::path path_;
};

template <class T>
auto value_of(schema::Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// Writes a hand-made service; its plans get their content hashes. Times are
// moved by the store's base.
void write(const std::string& path, const FakeService& service, std::size_t rows_per_append) {
  store::StoreOptions options;
  options.path = path;
  options.boot_id = "boot-1";
  options.host = "h1";
  const auto writer = value_of(store::StoreWriter::open(options));
  const std::int64_t base = writer->boot_base_ns();
  std::map<std::uint64_t, std::uint64_t> plan_ids;
  for (const schema::ClockSample& sample : service.clock.samples()) {
    value_of(writer->put_clock({{sample.boot.ns + base}, sample.wall}));
  }
  for (const auto& [id, plan] : service.plans)
    plan_ids[id.value] = value_of(writer->put_plan("shop", plan)).value;
  for (const auto& [id, process] : service.processes) {
    schema::Process moved = process;
    moved.started.ns += base;
    if (moved.ended) moved.ended->ns += base;
    value_of(writer->put_process("shop", moved));
    for (const auto& [tid, name] : service.thread_names)
      value_of(writer->put_thread("shop", {id, tid, name, {base}}));
  }
  std::vector<std::byte> batch;
  std::size_t rows = 0;
  for (const auto& row : service.rows) {
    const auto event = schema::EventView::parse(row).value();
    schema::EventHeader header = event.header();
    header.boot_ns += base;
    header.plan = plan_ids.at(header.plan);
    schema::EventBuilder builder(header);
    for (const schema::Item& item : event.items()) builder.add_item(item.header, item.bytes);
    const auto moved = builder.finish();
    batch.insert(batch.end(), moved.begin(), moved.end());
    if (++rows % rows_per_append == 0) {
      value_of(writer->append("shop", batch));
      batch.clear();
    }
  }
  if (!batch.empty()) value_of(writer->append("shop", batch));
  value_of(writer->flush());
}

boost::json::object ask_store(const std::string& path, Request r) {
  r.store_path = path;
  return value_of(answer(r));
}

Shop random_shop(unsigned seed, int calls) {
  std::mt19937_64 random(seed);
  Shop shop = make_shop();
  std::int64_t now = 1000;
  for (int i = 0; i < calls; ++i) {
    const std::uint32_t tid = 43 + static_cast<std::uint32_t>(random() % 2);
    const auto step = [&] { return now += 1 + static_cast<std::int64_t>(random() % 1'000'000); };
    enter_reserve(shop, step(), tid, i, static_cast<int>(random() % 4));
    if (random() % 2 == 0) {
      enter_take(shop, step(), tid, static_cast<int>(random() % 3));
      if (random() % 5 != 0) leave_take(shop, step(), tid);
    }
    if (random() % 10 != 0) leave_reserve(shop, step(), tid, static_cast<int>(random() % 3) - 1);
  }
  return shop;
}

}  // namespace

TEST_CASE("the store answers as the hand-made timeline does") {
  for (const unsigned seed : {1u, 2u}) {
    CAPTURE(seed);
    const TemporaryStore directory;
    const Shop shop = random_shop(seed, 400);
    write(directory.path(), shop.service, 7 * seed);
    FakeSource source;
    source.services["shop"] = shop.service;
    const auto same = [&](const Request& r) {
      CAPTURE(r.verb);
      auto expected = ask(source, r);
      const auto got = ask_store(directory.path(), r);
      CHECK(boost::json::value(got) == boost::json::value(expected));
    };
    const std::int64_t end = schema::EventView::parse(shop.service.rows.back()).value().time().ns;
    same(request("calls", {"any"}));
    same(request("calls", {"*reserve"}, {{"where", "ret < 0 && qty > 1"}}));
    same(request("calls", {"any"}, {{"from", at_boot(end / 3)}, {"to", at_boot(end / 2)}}));
    same(request("history", {"shop::Stock::take:left"}));
    same(request("history", {"shop::Checkout::reserve:ret"}, {{"from", at_boot(end / 2)}}));
    same(request("services"));
    same(request("processes"));
    for (int i = 0; i <= 10; ++i) {
      const std::string at = at_boot(end * i / 10);
      same(request("state", {}, {{"at", at}}));
      same(request("last", {"shop::Stock::take:left"}, {{"before", at}}));
    }
  }
}

TEST_CASE("moments, pins, stats and errors of a real store") {
  const TemporaryStore directory;
  write(directory.path(), random_shop(3, 50).service, 1000);
  ask_store(directory.path(), request("mark", {"deploy"}, {{"at", "now-1s"}}));
  CHECK(ask_store(directory.path(), request("moments")).at("moments").at(0).at("name") == "deploy");
  CHECK(ask_store(directory.path(), request("state", {}, {{"at", "mark:deploy"}})).at("service") == "shop");
  ask_store(directory.path(), request("pin", {"p"}, {{"from", "-1h"}, {"to", "now"}}));
  ask_store(directory.path(), request("unpin", {"p"}));
  const auto stats = ask_store(directory.path(), request("store stats"));
  CHECK(stats.at("events").to_number<std::uint64_t>() > 50);
  CHECK(stats.at("stored_bytes").to_number<std::uint64_t>() > 0);
  CHECK(ask_store(directory.path(), request("store verify")).at("ok") == true);

  Request r = request("services");
  r.store_path = "/nowhere/at/all";
  const auto none = answer(r);
  REQUIRE_FALSE(none.has_value());
  CHECK(none.error().code == schema::ErrorCode::kNotFound);
}

// Not run by default: how long a question takes over a million events.
TEST_CASE("a million events", "[.bench]") {
  const TemporaryStore directory;
  write(directory.path(), random_shop(4, 300'000).service, 300);
  for (const char* where : {"ret < 0 && qty > 2 && order.id % 1000 == 0", "order.id == 7"}) {
    const auto begin = schema::read_clocks().boot.ns;
    const auto rows = ask_store(directory.path(), request("calls", {"*reserve"}, {{"where", where}}));
    const auto took = schema::read_clocks().boot.ns - begin;
    WARN(where << ": " << rows.at("calls").as_array().size() << " rows in " << took / 1'000'000 << " ms");
  }
  const auto begin = schema::read_clocks().boot.ns;
  ask_store(directory.path(), request("history", {"shop::Stock::take:left"}, {{"limit", "10"}}));
  WARN("history in " << (schema::read_clocks().boot.ns - begin) / 1'000'000 << " ms");
}
