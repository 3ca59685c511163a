// Objects shown as what they are, and names of code, with the target's binary
// deleted before the question.
#include "tests/runtime/harness.h"

#include <catch2/catch.hpp>

#include <filesystem>

using namespace backsight::tests;
namespace json = boost::json;

namespace {

const char* const kService = R"(
  - name: shapes
    match: { exe: "%EXE%" }
    probes:
      - function: "shop::measure*"
        limits: { depth: 4 }
      - function: "shop::weigh"
      - function: "shop::call*"
      - function: "shop::hold"
)";

std::string with_exe(std::string text, const std::string& exe) {
  text.replace(text.find("%EXE%"), 5, exe);
  return text;
}

json::value argument(const json::array& calls, std::size_t i, const char* name) {
  return calls.at(i).as_object().at("args").as_object().at(name);
}

const json::object& object_of(const json::value& value) {
  INFO(json::serialize(value));
  REQUIRE(value.is_object());
  return value.as_object();
}

struct Recording {
  TempDir dir;
  std::string store;

  explicit Recording(const std::string& program) {
    const std::string exe = dir.file("shapes");
    std::filesystem::copy_file(target(program), exe);
    {
      Daemon daemon(dir, with_exe(kService, exe));
      Child process({exe}, dir.file("out"));
      REQUIRE(daemon.wait_active(12));
      for (int i = 0; i < 2; ++i) process.say("go\n");
      REQUIRE(eventually([&] { return process.output() == "done\ndone\n"; }));
      process.signal(SIGTERM);
      process.wait();
      REQUIRE(daemon.stop() == 0);
      store = daemon.store();
    }
    std::filesystem::remove(exe);
  }
};

}  // namespace

TEST_CASE("objects are shown as what they are, code by its name [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  const auto* const program = GENERATE("shapes", "shapes_libcxx");
  INFO(program);
  const bool libcxx = program == std::string("shapes_libcxx");
  const Recording recording(program);
  const auto& store = recording.store;

  const auto measured = calls(store, "shop::measure");
  REQUIRE(measured.size() == 8);
  for (std::size_t round = 0; round < 8; round += 4) {
    const auto circle = argument(measured, round, "shape");
    CHECK(circle == json::value({{"$type", "shop::Circle"}, {"id", 1}, {"radius", 2.0}}));
    const auto square = argument(measured, round + 1, "shape");
    CHECK(object_of(square).at("$type") == "shop::Square");
    CHECK(object_of(square).at("side") == 3.0);
    CHECK(object_of(square).at("inner") == circle);
    const auto label = argument(measured, round + 2, "shape");  // by its second base
    CHECK(label == json::value({{"$type", "shop::Label"}, {"name", "a label"}, {"id", 1}, {"width", 4}}));
    const auto hidden = argument(measured, round + 3, "shape");
    CHECK(object_of(hidden).at("$type") == "shop::(anonymous namespace)::Hidden");
    CHECK(object_of(hidden).at("secret") == 5);
  }
  const auto local = calls(store, "shop::measure_local");
  REQUIRE(local.size() == 4);
  CHECK(argument(local, 0, "shape") == json::value({{"$type", "main::Local"}, {"id", 1}, {"local", 12}}));
  const auto tiled = object_of(argument(local, 1, "shape"));
  CHECK(std::string(tiled.at("$type").as_string()).find("shop::Tiled<short") == 0);
  CHECK(tiled.at("tiles") == json::array{13, 0});
  const auto owned = argument(calls(store, "shop::measure_owned"), 0, "shape");
  CHECK(object_of(owned).at("$type") == "shop::Square");
  CHECK(object_of(owned).at("side") == 5.0);
  const auto all = argument(calls(store, "shop::measure_all"), 0, "shapes");
  REQUIRE(all.is_array());
  REQUIRE(all.as_array().size() == 3);
  CHECK(object_of(all.as_array()[0]).at("$type") == "shop::Circle");
  CHECK(object_of(all.as_array()[1]).at("$type") == "shop::Label");
  CHECK(object_of(all.as_array()[2]).at("$type") == "shop::Square");

  const auto weighed = calls(store, "shop::weigh");
  REQUIRE(weighed.size() == 4);
  CHECK(argument(weighed, 0, "node") ==
        json::value({{"$type", "shop::Diamond"}, {"node", 6}, {"left", 7}, {"right", 8}, {"diamond", 9}}));
  CHECK(argument(weighed, 1, "node") == json::value({{"$type", "shop::Node"}, {"node", 6}}));

  const auto called = calls(store, "shop::call");
  REQUIRE(called.size() == 6);
  CHECK(argument(called, 0, "price") == "shop::on_sale(int)");
  CHECK(argument(called, 1, "price") == "shop::local_price(int)");
  CHECK(argument(called, 2, "price") == "abs");  // of a library
  CHECK(argument(called, 3, "price") == "shop::on_sale(int)");
  const auto both = argument(calls(store, "shop::call_both"), 0, "handlers");
  CHECK(both == json::value({{"first", "shop::on_loss(int)"}, {"second", "shop::on_sale(int)"}}));
  const auto methods = calls(store, "shop::call_method");
  REQUIRE(methods.size() == 4);
  CHECK(argument(methods, 0, "method") == "shop::Till::close(int)");
  CHECK(argument(methods, 1, "method") == "shop::Till::open");
  const auto functions = calls(store, "shop::call_function");
  REQUIRE(functions.size() == 4);
  CHECK(argument(functions, 0, "function") == "shop::on_sale(int)");
  CHECK(argument(functions, 1, "function") == (libcxx ? "main::$_0" : "main::{lambda(int)#1}"));
  CHECK(argument(calls(store, "shop::call_hooks"), 0, "hooks") ==
        json::value({{"id", 3}, {"price", "shop::on_loss(int)"}, {"none", nullptr}}));
  CHECK(argument(calls(store, "shop::call_copy"), 0, "function") ==
        (libcxx ? "main::$_1" : "main::{lambda(int)#2}"));
  const auto held = calls(store, "shop::hold");
  REQUIRE(held.size() == 6);
  CHECK(object_of(argument(held, 0, "value")).at("$type") == "int");
  CHECK(object_of(argument(held, 1, "value")).at("$type").as_string().find("basic_string") !=
        std::string::npos);
  CHECK(argument(held, 2, "value").is_null());
  for (const auto& call : measured) CHECK(call.as_object().at("unavailable").as_object().empty());
}

TEST_CASE("one element of a container, and what it points to [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  const auto* const program = GENERATE("shapes", "shapes_libcxx");
  INFO(program);
  TempDir dir;
  Daemon daemon(dir, with_exe(R"(
  - name: shapes
    match: { exe: "%EXE%" }
    probes:
      - function: "shop::measure_all"
        capture: [{id: "shapes[0]->id"}, {plain: "*shapes[1]"}, {object: "shapes[2]"}, {end: "shapes[3]"}, {far: "shapes[7]->id"}]
)",
                              target(program)));
  Child process({target(program)}, dir.file("out"));
  REQUIRE(daemon.wait_active(1));
  process.say("go\n");
  REQUIRE(eventually([&] { return process.output() == "done\n"; }));
  REQUIRE(daemon.stop() == 0);
  const auto measured = calls(daemon.store(), "shop::measure_all");
  REQUIRE(measured.size() == 1);
  INFO(json::serialize(measured[0]));
  CHECK(argument(measured, 0, "id") == 1);
  CHECK(argument(measured, 0, "plain") == json::value({{"$type", nullptr}, {"id", 1}}));
  CHECK(object_of(argument(measured, 0, "object")).at("$type") == "shop::Square");
  CHECK(argument(measured, 0, "end").is_null());
  CHECK(argument(measured, 0, "far").is_null());
  CHECK(measured[0].at("unavailable") ==
        json::value({{"plain.$type", "undefined_type"}, {"end", "bad_address"}, {"far", "bad_address"}}));
}
