// Every captured value against the target's own account, with the target's
// binary deleted before the question (a recording is self-contained).
#include "tests/runtime/harness.h"

#include <catch2/catch.hpp>

#include <filesystem>
#include <map>

using namespace backsight::tests;
namespace json = boost::json;

namespace {

const char* const kService = R"(
  - name: values
    match: { exe: "%EXE%" }
    probes:
      - function: "shop::*"
        limits: { depth: 4, elements: 64, string: 512, bytes: 16KiB }
)";

std::string with_exe(std::string text, const std::string& exe) {
  text.replace(text.find("%EXE%"), 5, exe);
  return text;
}

}  // namespace

TEST_CASE("captured values equal the target's own account [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  const std::string exe = dir.file("values");
  std::filesystem::copy_file(target("values"), exe);
  std::map<std::string, json::array> truth;
  std::string store;
  {
    Daemon daemon(dir, with_exe(kService, exe));
    Child process({exe}, dir.file("truth"));
    REQUIRE(daemon.wait_active(7));
    for (int i = 0; i < 5; ++i) process.say("go\n");
    REQUIRE(eventually([&] { return truth_of(process.output())["shop::scale"].size() == 200; }));
    process.signal(SIGTERM);
    process.wait();
    REQUIRE(daemon.stop() == 0);
    truth = truth_of(process.output());
    store = daemon.store();
  }
  std::filesystem::remove(exe);
  REQUIRE(truth.size() == 7);
  std::size_t compared = 0;
  for (const auto& [function, expected] : truth) {
    INFO(function);
    const auto recorded = calls(store, function);
    REQUIRE(recorded.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto& call = recorded[i].as_object();
      INFO(json::serialize(call) << "\n" << json::serialize(expected[i]));
      CHECK(call.at("args") == expected[i].at("args"));
      CHECK(call.at("return") == expected[i].at("return"));
      CHECK(call.at("exit_kind") == "return");
      ++compared;
    }
  }
  CHECK(compared == 1400);
  const auto scale = calls(store, "shop::scale").at(0).as_object();
  CHECK(scale.at("unavailable").at("factor") == "in_vector_register");
  CHECK(scale.at("unavailable").at("return") == "in_vector_register");
}

TEST_CASE("limits cut values and say so [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  Daemon daemon(dir, with_exe(R"(
  - name: values
    match: { exe: "%EXE%" }
    probes:
      - function: "shop::Store::reserve"
        capture: [order.id, {skus: "order.items[0..4].sku"}, "this->stock_", order.customer, ret]
        limits: { depth: 2, elements: 3, string: 8 }
)",
                              target("values")));
  Child process({target("values")}, dir.file("truth"));
  REQUIRE(daemon.wait_active(1));
  process.say("go\n");
  REQUIRE(eventually([&] { return truth_of(process.output())["shop::Store::reserve"].size() == 40; }));
  REQUIRE(daemon.stop() == 0);
  const auto truth = truth_of(process.output())["shop::Store::reserve"];
  const auto recorded = calls(daemon.store(), "shop::Store::reserve");
  REQUIRE(recorded.size() == 40);
  for (std::size_t i = 0; i < recorded.size(); ++i) {
    const auto& args = recorded[i].at("args").as_object();
    const auto& expected = truth[i].at("args").as_object();
    INFO(json::serialize(recorded[i]) << "\n" << json::serialize(expected));
    CHECK(args.at("order").at("id") == expected.at("order").at("id"));
    CHECK(args.at("this").at("stock_") == expected.at("this").at("stock_"));
    const auto& items = expected.at("order").at("items").as_array();
    const auto& skus = args.at("skus").as_array();
    REQUIRE(skus.size() <= std::min<std::size_t>(3, items.size()));
    for (std::size_t k = 0; k < skus.size(); ++k) {
      // A shortened string is a prefix, and named. One that lies inside its
      // own object was copied with it, whole.
      const std::string sku(items[k].at("sku").as_string());
      const bool inside = sku.size() <= 15;
      CHECK(skus[k] == json::value(inside ? sku : sku.substr(0, 8)));
      const auto& unavailable = recorded[i].at("unavailable").as_object();
      CHECK(unavailable.contains("skus[" + std::to_string(k) + "]") == !inside);
    }
    if (items.size() > 3) CHECK(recorded[i].at("unavailable").as_object().contains("skus"));
  }
}

TEST_CASE("where filters recorded calls by their values [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  TempDir dir;
  Daemon daemon(dir, with_exe(kService, target("values")));
  Child process({target("values")}, dir.file("truth"));
  REQUIRE(daemon.wait_active(7));
  process.say("go\n");
  REQUIRE(eventually([&] { return truth_of(process.output())["shop::scale"].size() == 40; }));
  REQUIRE(daemon.stop() == 0);
  const auto some = calls(daemon.store(), "shop::Store::reserve",
                          {"--where", "count >= 30 && order.customer != nullptr && len(order.items) > 1"});
  std::size_t expected = 0;
  for (int n = 30; n < 40; ++n) expected += n % 3 != 0 && n % 5 > 1;
  CHECK(some.size() == expected);
  const auto undecided = ask(daemon.store(), {"calls", "shop::scale", "--where", "factor > 1"});
  CHECK(undecided.at("calls").as_array().empty());
  CHECK(undecided.at("undecided") == 40);
}
