#include "probes/config.h"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <string>

using namespace backsight::probes;
using backsight::schema::ErrorCode;

namespace {

Config parse(const std::string& text) {
  const auto config = parse_config(text, "t.yaml");
  if (!config) FAIL(config.error().to_string());
  return *config;
}

}  // namespace

TEST_CASE("a full configuration", "[probes][config]") {
  const Config config = parse(R"(
store:
  path: /tmp/store
  partition: 30m
  durability: power
listen: "[::1]:7071"
limits:
  memory: 64MiB
alerts: { lookback: 90s }
services:
  - name: checkout
    match: { exe: "/opt/checkout/bin/checkout*", cmdline: "--shard=[0-9]+", cgroup: "/sys*",
             unit: checkout.service, pid: 17 }
    probes:
      - function: "shop::Checkout::reserve"
        on: [return]
        capture: [order.id, {skus: "order.items[0..8].sku"}, "this->stock_", ret]
        limits: { depth: 4, elements: 16, string: 128, bytes: 4KiB }
        stack: dwarf
      - function: "Pool::acquire"
        module: "libpool.so*"
        on: [entry]
        capture: []
  - name: other-1.x
    match: { pid: 1 }
)");
  CHECK(config.store.path == "/tmp/store");
  CHECK(config.store.partition_ns == 1'800'000'000'000);
  CHECK(config.store.durability == Durability::kPower);
  REQUIRE(config.listen.has_value());
  CHECK(config.listen->host == "::1");
  CHECK(config.listen->port == 7071);
  CHECK(config.memory_bytes == 64u << 20);
  CHECK(config.alert_lookback_ns == 90'000'000'000);
  REQUIRE(config.services.size() == 2);

  const ServiceConfig& checkout = config.services[0];
  CHECK(checkout.probes.at(0).stack == backsight::schema::StackKind::kDwarf);
  CHECK(checkout.probes.at(1).stack == backsight::schema::StackKind::kNone);
  CHECK(checkout.name == "checkout");
  CHECK(checkout.position.to_string() == "t.yaml:11:5");
  CHECK(checkout.match.exe == "/opt/checkout/bin/checkout*");
  CHECK(checkout.match.cmdline == "--shard=[0-9]+");
  CHECK(checkout.match.cgroup == "/sys*");
  CHECK(checkout.match.unit == "checkout.service");
  CHECK(checkout.match.pid == 17u);
  REQUIRE(checkout.probes.size() == 2);

  const ProbeConfig& reserve = checkout.probes[0];
  CHECK(reserve.function == "shop::Checkout::reserve");
  CHECK_FALSE(reserve.on_entry);
  CHECK(reserve.on_return);
  CHECK_FALSE(reserve.capture_default);
  REQUIRE(reserve.capture.size() == 4);
  CHECK(reserve.capture[0].expression == "order.id");
  CHECK(reserve.capture[0].name.empty());
  CHECK(reserve.capture[1].name == "skus");
  CHECK(reserve.capture[1].expression == "order.items[0..8].sku");
  CHECK(reserve.capture[2].expression == "this->stock_");
  CHECK(reserve.limits.depth == 4);
  CHECK(reserve.limits.elements == 16);
  CHECK(reserve.limits.string_bytes == 128);
  CHECK(reserve.limits.bytes == 4096);

  const ProbeConfig& acquire = checkout.probes[1];
  CHECK(acquire.module == "libpool.so*");
  CHECK(acquire.on_entry);
  CHECK_FALSE(acquire.on_return);
  CHECK_FALSE(acquire.capture_default);
  CHECK(acquire.capture.empty());
  CHECK(config.services[1].probes.empty());
}

TEST_CASE("defaults", "[probes][config]") {
  const Config config = parse("services: [{name: a, match: {exe: /bin/a}, probes: [{function: f}]}]");
  CHECK(config.store == StoreConfig{});
  CHECK_FALSE(config.listen.has_value());
  CHECK(config.memory_bytes == 512u << 20);
  CHECK(config.alert_lookback_ns == 60'000'000'000);
  const ProbeConfig& probe = config.services.at(0).probes.at(0);
  CHECK(probe.on_entry);
  CHECK(probe.on_return);
  CHECK(probe.capture_default);
  CHECK(probe.limits == backsight::schema::CaptureLimits{});
  CHECK(parse("services: []").services.empty());
}

TEST_CASE("listen takes loopback addresses", "[probes][config]") {
  struct Case {
    const char* text;
    const char* host;
    int port;
  };
  for (const Case& c : {Case{"127.0.0.1:7070", "127.0.0.1", 7070}, Case{"127.8.0.1:1", "127.8.0.1", 1},
                        Case{"localhost:0", "127.0.0.1", 0}, Case{"\"[::1]:65535\"", "::1", 65535}}) {
    const Config config = parse("listen: " + std::string(c.text) + "\nservices: []\n");
    REQUIRE(config.listen.has_value());
    CHECK(config.listen->host == c.host);
    CHECK(config.listen->port == c.port);
  }
}

TEST_CASE("listen as a mapping: token, certificate, access log", "[probes][config]") {
  const Config config = parse(
      "listen: {address: \"0.0.0.0:7443\", token_file: /etc/token, certificate: /etc/tls.crt, key: "
      "/etc/tls.key,\n"
      "         access_log: /var/log/access}\nservices: []\n");
  REQUIRE(config.listen.has_value());
  CHECK(config.listen->host == "0.0.0.0");
  CHECK(config.listen->port == 7443);
  CHECK(config.listen->token_file == "/etc/token");
  CHECK(config.listen->certificate == "/etc/tls.crt");
  CHECK(config.listen->key == "/etc/tls.key");
  CHECK(config.listen->access_log == "/var/log/access");

  const Config local = parse("listen: {address: 127.0.0.1:1, access_log: journal}\nservices: []\n");
  REQUIRE(local.listen.has_value());
  CHECK(local.listen->token_file.empty());
  CHECK(local.listen->access_log == "journal");
  CHECK(parse("listen: {address: \":7070\", token_file: /t}\nservices: []\n").listen->host == "0.0.0.0");
}

TEST_CASE("aliases are expanded, and a bomb of them is refused", "[probes][config]") {
  const Config config = parse(
      "services:\n"
      "  - {name: a, match: &m {exe: /bin/a}, probes: &p [{function: f}]}\n"
      "  - {name: b, match: *m, probes: *p}\n");
  CHECK(config.services.at(1).match.exe == "/bin/a");
  CHECK(config.services.at(1).probes.at(0).function == "f");

  std::string bomb = "services:\n  - {name: a0, match: {pid: 1}, probes: &p [";
  for (int i = 0; i < 2000; ++i) bomb += "{function: f" + std::to_string(i) + "},";
  bomb += "]}\n";
  for (int i = 1; i < 200; ++i) {
    bomb += "  - {name: a" + std::to_string(i) + ", match: {pid: 1}, probes: *p}\n";
  }
  const auto refused = parse_config(bomb, "t.yaml");
  REQUIRE(refused.has_error());
  CHECK(refused.error().code == ErrorCode::kInvalid);
  CHECK(refused.error().message.find("aliases") != std::string::npos);
}

TEST_CASE("load_config", "[probes][config]") {
  char folder[] = "/tmp/backsight-config-XXXXXX";
  REQUIRE(mkdtemp(folder) != nullptr);
  const std::string path = std::string(folder) + "/b.yaml";

  const auto absent = load_config(path);
  REQUIRE(absent.has_error());
  CHECK(absent.error().code == ErrorCode::kNotFound);
  CHECK(absent.error().message.find(path) != std::string::npos);

  const auto not_a_file = load_config(folder);
  REQUIRE(not_a_file.has_error());
  CHECK(not_a_file.error().code == ErrorCode::kIo);

  std::ofstream(path) << "services:\n  - {name: a, match: {pid: 1}}\n";
  const auto good = load_config(path);
  REQUIRE(good.has_value());
  CHECK(good->services.at(0).position.file == path);

  std::ofstream(path) << std::string(3 << 20, '#');
  const auto huge = load_config(path);
  REQUIRE(huge.has_error());
  CHECK(huge.error().code == ErrorCode::kInvalid);
  CHECK(huge.error().message.find("at most 1MiB") != std::string::npos);

  std::remove(path.c_str());
  std::remove(folder);
}
