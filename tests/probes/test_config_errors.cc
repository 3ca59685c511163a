// Every way to get a configuration wrong, with the place and the words that
// the message must carry.
#include "probes/config.h"

#include <catch2/catch.hpp>

#include <string>

using namespace backsight::probes;
using backsight::schema::ErrorCode;

namespace {

struct Case {
  std::string text;
  std::string at;       // "line:column"
  std::string message;  // part of it
  std::string hint;     // part of it
};

void check(const Case& c) {
  INFO(c.text);
  const auto config = parse_config(c.text, "t.yaml");
  REQUIRE(config.has_error());
  INFO(config.error().to_string());
  CHECK(config.error().code == ErrorCode::kInvalid);
  CHECK(config.error().message.starts_with("t.yaml:" + c.at + ": "));
  CHECK(config.error().message.find(c.message) != std::string::npos);
  CHECK(config.error().hint.find(c.hint) != std::string::npos);
}

// A key of a probe, at 6:5.
std::string block_probe(const std::string& keys) {
  return "services:\n- name: a\n  match: {pid: 1}\n  probes:\n  - function: f\n    " + keys + "\n";
}
std::string with_service(const std::string& keys) {
  return "services:\n- " + keys + "\n";
}
std::string with_top(const std::string& keys) {
  return keys + "\nservices: []\n";
}

}  // namespace

TEST_CASE("configuration: the document as a whole", "[probes][config]") {
  check({"", "1:1", "is empty", "services"});
  check({"\n# only a comment\n", "1:1", "is empty", ""});
  check({"~", "1:1", "is empty", ""});
  check({"just words", "1:1", "expected a mapping of keys, found \"just words\"", ""});
  check({"- a\n- b\n", "1:1", "found a list", ""});
  check({"store: {path: /x}\n", "1:1", "has no key \"services\"", "services:"});
  check({"services: []\n---\nservices: []\n", "3:1", "second YAML document", "'---'"});
  check({"services: [\n", "2:1", "", ""});
  check({"services:\n\t- name: a\n", "2:2", "", "spaces, not with tabs"});
  check({std::string("services: []\nx\0y", 16), "2:1", "NUL byte", ""});
  check({std::string(2 << 20, 'x'), "1:1", "at most 1MiB", ""});
  check({std::string(5000, '['), "1:1", "nested too deeply", ""});
  check({"services: !evil []\n", "1:11", "tag", "remove the tag"});
  check({"? [a]\n: b\nservices: []\n", "1:3", "a key must be a word, found a list", ""});
}

TEST_CASE("configuration: unknown and repeated keys", "[probes][config]") {
  check({"service: []\n", "1:1", "unknown key \"service\" in the configuration", "\"services\""});
  check({with_top("qqqqqqqqq: 1"), "1:1", "unknown key", "known: store, listen"});
  check({with_top("store: {pth: /x}"), "1:9", "unknown key \"pth\" in store", "\"path\""});
  check(
      {with_service("{name: a, match: {pid: 1}, probe: []}"), "2:30", "unknown key \"probe\"", "\"probes\""});
  check({with_service("{name: a, match: {ex: /bin/a}}"), "2:21", "unknown key \"ex\" in match", "\"exe\""});
  check({block_probe("captures: [a]"), "6:5", "unknown key \"captures\" in probe", "\"capture\""});
  check({block_probe("limits: {dept: 3}"), "6:14", "unknown key \"dept\" in limits", "\"depth\""});
  check({with_service("{name: a, match: {pid: 1}, <<: {x: 1}}"), "2:30", "unknown key \"<<\"", ""});
  check({"services: []\nservices: []\n", "2:1", "\"services\" is given twice", "line 1"});
  check({block_probe("function: g"), "6:5", "\"function\" is given twice", "line 5"});
}

TEST_CASE("configuration: keys that are not alive yet", "[probes][config]") {
  const auto probe_key = [](const std::string& key, const std::string& value) {
    check({block_probe(key + ": " + value), "6:5", "\"" + key + "\" is not supported yet", " "});
  };
  probe_key("index", "[order.id]");
  probe_key("expires", "24h");
  check({block_probe("stack: deep"), "6:12", "expected one of none, fp, dwarf", ""});
  check({with_top("store: {retention: {age: 7d}}"), "1:9", "\"retention\" is not supported yet", "remove"});
  check({with_top("limits: {cpu: 0.5}"), "1:10", "\"cpu\" is not supported yet", "remove"});
}

TEST_CASE("configuration: which calls are kept", "[probes][config]") {
  check({block_probe("where: 'order.total >'"), "6:26", "where: expected an operand after '>'", ""});
  check({block_probe("where: 'name =~ \"x\"'"), "6:13", "cannot be decided in the kernel", "--where"});
  check({block_probe("sample: 0.1"), "6:13", "expected a mapping of keys", ""});
  check({block_probe("sample: {by: order.id}"), "6:13", "has no key \"fraction\"", "fraction: 0.1"});
  for (const char* fraction : {"0", "1.1", "-0.5", "nan"})
    check(
        {block_probe(std::string("sample: {fraction: ") + fraction + "}"), "6:24", "out of range", "1e-09"});
  check({block_probe("sample: {fraction: ten}"), "6:24", "expected a number", ""});
  check({block_probe("sample: {fraction: 0.1, by: 'order.'}"), "6:40", "sample.by: ", ""});
  check({block_probe("limits: {rate: 5000}"), "6:20", "\"5000\" is not a rate", "5000/s"});
  check({block_probe("limits: {rate: 0/s}"), "6:20", "out of range", "1/s"});
  check({block_probe("limits: {burst: 10}"), "6:21", "means nothing without a rate", "rate: 5000/s"});
}

TEST_CASE("configuration: a probe on a line", "[probes][config]") {
  const auto probe = [](const std::string& keys) {
    return with_service("{name: a, match: {pid: 1}, probes: [{" + keys + "}]}");
  };
  check({probe("line: \"a.cc:2\", function: f"), "2:66", "on a function or on a line", "two probes"});
  check({probe("line: a.cc"), "2:46", "\"a.cc\" is not a line of a file", "checkout.cc:214"});
  check({probe("line: \"a.cc:0\""), "2:46", "is not a line of a file", ""});
  check({probe("line: \":7\""), "2:46", "is not a line of a file", ""});
  check({probe("line: \"a.cc:7x\""), "2:46", "is not a line of a file", ""});
  check({probe("line: \"a.cc:2\", on: [return]"), "2:60", "a line has no return", "entry"});
  check({probe("function: \"a.cc:2\""), "2:50", "is a line, not a function", "line: \"a.cc:2\""});
  const auto config = parse_config(probe("line: \"src/a.cc:2\""), "t.yaml");
  REQUIRE(config.has_value());
  CHECK(config->services[0].probes[0].function == "src/a.cc:2");
  CHECK(config->services[0].probes[0].on_entry);
  CHECK_FALSE(config->services[0].probes[0].on_return);
}

TEST_CASE("configuration: globals", "[probes][config]") {
  const auto globals = [](const std::string& entries) {
    return with_service("{name: a, match: {pid: 1}, globals: " + entries + "}");
  };
  check({globals("g_stats"), "2:39", "expected a list", ""});
  check({globals("[{every: 1s}]"), "2:40", "expression", "g_stats"});
  check({globals("[{expression: \"a +\"}]"), "2:53", "is no expression", ""});
  check({globals("[{expression: a, every: 1ms}]"), "2:63", "1ms is out of range", "from 10ms"});
  check({globals("[{expression: a, every: 2d}]"), "2:63", "2d is out of range", ""});
  check({globals("[{expression: a, often: 1s}]"), "2:56", "often", "every"});
  check({globals("[{expression: a}, {expression: a}]"), "2:57", "\"a\" is given twice", ""});
  check({with_service("{name: a, match: {pid: 1}, probes: [{function: \"global:a\"}]}"), "2:50",
         "is a global, not a function", "globals:"});
  const auto config = parse_config(
      globals("[{expression: g_stats, every: 250ms, limits: {depth: 1}}, {expression: \"a.c::b->c\"}]"),
      "t.yaml");
  REQUIRE(config.has_value());
  const auto& probes = config->services[0].probes;
  REQUIRE(probes.size() == 2);
  CHECK(probes[0].function == "global:g_stats");
  CHECK(probes[0].every_ns == 250'000'000);
  CHECK(probes[0].limits.depth == 1);
  CHECK(probes[1].function == "global:a.c::b->c");
  CHECK(probes[1].every_ns == 1'000'000'000);
}

TEST_CASE("configuration: sleepable reads", "[probes][config]") {
  const auto probe = [](const std::string& keys) {
    return with_service("{name: a, match: {pid: 1}, probes: [{function: f, " + keys + "}]}");
  };
  check({probe("sleepable: maybe"), "2:64", "expected one of false, true", ""});
  const auto config = parse_config(probe("sleepable: true"), "t.yaml");
  REQUIRE(config.has_value());
  CHECK(config->services[0].probes[0].sleepable);
}

TEST_CASE("configuration: store, listen and limits", "[probes][config]") {
  check({with_top("store: /x"), "1:8", "expected a mapping of keys, found \"/x\"", ""});
  check({with_top("store:"), "1:1", "found nothing", ""});
  check({with_top("store: {path: [a]}"), "1:15", "path: expected a text, found a list", ""});
  check({with_top("store: {path: ''}"), "1:15", "must not be empty", ""});
  check({with_top("store: {path: \"a\\nb\"}"), "1:15", "control characters", ""});
  check({with_top("store: {partition: soon}"), "1:20", "partition: ", ""});
  check({with_top("store: {partition: 1ms}"), "1:20", "1ms is out of range", "from 1s"});
  check(
      {with_top("store: {durability: disk}"), "1:21", "expected one of process, power, found \"disk\"", ""});
  check({with_top("store: {durability: powr}"), "1:21", "found \"powr\"", "\"power\""});
  check({with_top("listen: 7070"), "1:9", "expected host:port", "127.0.0.1:7070"});
  check({with_top("listen: 127.0.0.1:70700"), "1:9", "\"70700\" is not a port", "65535"});
  check({with_top("listen: \"127.0.0.1:\""), "1:9", "not a port", ""});
  check({with_top("listen: \"::1:7070\""), "1:9", "expected host:port", "[::1]"});
  check({with_top("listen: example.com:7070"), "1:9", "\"example.com\" is not an address", ""});
  check({with_top("listen: 0.0.0.0:7070"), "1:9", "needs a token", "loopback"});
  check({with_top("listen: \":7070\""), "1:9", "needs a token", "loopback"});
  check({with_top("listen: \"[::]:7070\""), "1:9", "needs a token", "loopback"});
  check({with_top("listen: {address: 10.0.0.1:7070}"), "1:19", "needs a token", "token_file: /etc"});
  check(
      {with_top("listen: {address: 10.0.0.1:7070, certificate: /c, key: /k}"), "1:19", "needs a token", ""});
  check({with_top("listen: {token_file: /t}"), "1:9", "has no key \"address\"", "127.0.0.1:7070"});
  check({with_top("listen: {address: 127.0.0.1:1, token_file: t}"), "1:44", "not a full path", "'/'"});
  check({with_top("listen: {address: 127.0.0.1:1, key: /k}"), "1:37", "needs both", "certificate"});
  check(
      {with_top("listen: {address: 127.0.0.1:1, token: x}"), "1:32", "unknown key \"token\"", "token_file"});
  check({with_top("listen: [127.0.0.1:1]"), "1:9", "expected", ""});
  check({with_top("limits: {memory: 1KiB}"), "1:18", "1KiB is out of range", "from 32MiB"});
  check({with_top("limits: {memory: lots}"), "1:18", "memory: ", ""});
  check({with_top("alerts: {lookback: -5s}"), "1:20", "lookback: ", ""});
  check({with_top("alerts: {lookback: 8d}"), "1:20", "out of range", ""});
}

TEST_CASE("configuration: services", "[probes][config]") {
  check({"services: {name: a}", "1:11", "expected a list, found a mapping", ""});
  check({"services: [a]", "1:12", "services[0]: expected a mapping", ""});
  check({with_service("{match: {pid: 1}}"), "2:3", "service has no key \"name\"", ""});
  check({with_service("{name: a}"), "2:3", "service has no key \"match\"", "exe"});
  check({with_service("{name: '', match: {pid: 1}}"), "2:10", "must not be empty", ""});
  check({with_service("{name: .a, match: {pid: 1}}"), "2:10", "not a service name", "letters"});
  check({with_service("{name: a/b, match: {pid: 1}}"), "2:10", "not a service name", ""});
  check({with_service("{name: 'a b', match: {pid: 1}}"), "2:10", "not a service name", ""});
  check({with_service("{name: " + std::string(65, 'a') + ", match: {pid: 1}}"), "2:10", "65 bytes", ""});
  check({with_service("{name: a, match: {pid: 1}}\n- {name: a, match: {pid: 2}}"), "3:3",
         "service \"a\" is given twice", "another name"});
  check({with_service("{name: a, match: {}}"), "2:20", "is empty", "exe"});
  check({with_service("{name: a, match: {exe: shop}}"), "2:26", "can never match", "*/shop"});
  check({with_service("{name: a, match: {exe: \"/bin/[a\"}}"), "2:26", "bad glob", ""});
  check({with_service("{name: a, match: {cmdline: \"(\"}}"), "2:30", "bad regular expression", ""});
  check({with_service("{name: a, match: {pid: 0}}"), "2:26", "0 is out of range", "from 1"});
  check({with_service("{name: a, match: {pid: -1}}"), "2:26", "expected an integer", ""});
  check({with_service("{name: a, match: {pid: 1x}}"), "2:26", "expected an integer", ""});
  check({with_service("{name: a, match: {pid: 99999999999999999999999}}"), "2:26", "out of range", ""});
  check({with_service("{name: a, match: {pid: 1}, probes: f}"), "2:38", "expected a list", ""});
}

TEST_CASE("configuration: probes", "[probes][config]") {
  check(
      {with_service("{name: a, match: {pid: 1}, probes: [f]}"), "2:39", "probes[0]: expected a mapping", ""});
  check({with_service("{name: a, match: {pid: 1}, probes: [{on: [entry]}]}"), "2:39",
         "probe has no key \"function\"", ""});
  check({block_probe("module: ''"), "6:13", "must not be empty", ""});
  check({block_probe("on: entry"), "6:9", "expected a list", ""});
  check({block_probe("on: []"), "6:9", "would see nothing", ""});
  check({block_probe("on: [exit]"), "6:10", "expected one of entry, return", ""});
  check({block_probe("on: [entry, entry]"), "6:17", "given twice", ""});
  check({block_probe("limits: {depth: 17}"), "6:21", "17 is out of range", "to 16"});
  check({block_probe("limits: {elements: 4097}"), "6:24", "out of range", "to 4096"});
  check({block_probe("limits: {elements: 0}"), "6:24", "out of range", "from 1"});
  check({block_probe("limits: {string: 5KiB}"), "6:22", "out of range", "4KiB"});
  check({block_probe("limits: {bytes: 25KiB}"), "6:21", "out of range", "24KiB"});
  check({block_probe("limits: {depth: 2.5}"), "6:21", "expected an integer", ""});
  check({block_probe("limits: 3"), "6:13", "expected a mapping", ""});
  check({with_service("{name: a, match: {pid: 1}, probes: [{function: f}, {function: f}]}"), "2:54",
         "\"f\" is given twice", "captures together"});
}

TEST_CASE("configuration: captures", "[probes][config]") {
  check({block_probe("capture: order.id"), "6:14", "expected a list", ""});
  check({block_probe("capture: [a, a]"), "6:18", "\"a\" is captured twice", ""});
  check({block_probe("capture: [{x: a, y: b}]"), "6:15", "found 2 keys", "skus"});
  check({block_probe("capture: [{1x: a}]"), "6:16", "is not a name", ""});
  check({block_probe("capture: [{ret: a}]"), "6:16", "means something else", ""});
  check({block_probe("capture: [[a]]"), "6:15", "expected a text, found a list", ""});
  check({block_probe("capture: [*p]"), "6:15", "", "quotes"});
  check({block_probe("capture: [!p]"), "6:15", "tag", "quotes"});
}

TEST_CASE("configuration: the place of an error in an expression", "[probes][config]") {
  check({block_probe("capture: [\"order.total > \"]"), "6:30", "expected", ""});
  check({block_probe("capture: [id, order..id]"), "6:24", "", ""});
  check({block_probe("capture: [{skus: \"a[0..\"}]"), "6:28", "", ""});
  check({block_probe("capture: ['name =~ \"x\"']"), "6:16", "questions only", "--where"});
}
