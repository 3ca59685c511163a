#include "probes/config.h"

#include <catch2/catch.hpp>

using namespace backsight::probes;

namespace {

std::string service(const std::string& probe_keys, const std::string& service_keys) {
  return "services:\n- name: a\n  match: {pid: 1}\n  probes:\n  - function: f\n" + probe_keys +
         "  - function: g\n" + service_keys;
}

}  // namespace

TEST_CASE("configuration: redact of a probe, and of its service", "[probes][config]") {
  const auto config = parse_config(service("    redact: [\"order->card.number\"]\n",
                                           "  redact: [\"*.password\", \"type:shop::Secret\"]\n"),
                                   "t.yaml");
  INFO((config ? "" : config.error().to_string()));
  REQUIRE(config.has_value());
  const auto& probes = config->services.at(0).probes;
  CHECK(probes.at(0).redact == std::vector<RedactPattern>{{"order.card.number", false},
                                                          {"*.password", true},
                                                          {"type:shop::Secret", true}});
  CHECK(probes.at(1).redact == std::vector<RedactPattern>{{"*.password", true}, {"type:shop::Secret", true}});
}

TEST_CASE("configuration: patterns that are none", "[probes][config]") {
  const auto message = [](const std::string& text) {
    const auto config = parse_config(text, "t.yaml");
    REQUIRE_FALSE(config.has_value());
    return config.error().to_string();
  };
  const std::string slip = message(service("    redact: [order.card, \"order..x\"]\n", ""));
  CHECK(slip.find("t.yaml:6:26") != std::string::npos);
  CHECK(slip.find("order..x") != std::string::npos);
  CHECK(message(service("    redact: [a, a]\n", "")).find("given twice") != std::string::npos);
  CHECK(message(service("    redact: a.b\n", "")).find("expected a list") != std::string::npos);
}
