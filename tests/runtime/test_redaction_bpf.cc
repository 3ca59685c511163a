// What is redacted leaves the process nowhere: the stream of the ring, the rows and
// files of the store, the log and every output are searched for the secrets' bytes.
#include "store/timeline.h"
#include "tests/runtime/harness.h"

#include <catch2/catch.hpp>

#include <filesystem>
#include <limits>
#include <sstream>

using namespace backsight::tests;
namespace json = boost::json;
namespace schema = backsight::schema;
namespace store = backsight::store;

namespace {

const char* const kService = R"(
  - name: vault
    match: { exe: "%EXE%" }
    probes:
      - function: "vault::place"
        limits: { depth: 4, bytes: 24KiB }
        redact: [order.card.number, order.card.cvc, "order.items[*].pin", order.either.halves.low, order.flags.pin]
      - function: "vault::swap_in_registers"
      - function: "vault::login"
      - function: "vault::open_account"
      - function: "vault::inspect"
      - function: "vault::count"
        capture: ["accounts[0..number]", "accounts[0..number].note", "accounts[0].password"]
      - function: "vault::Safe::check"
        capture: [this, doors_, pin_]
      - function: "vault::odd"
      - function: "vault::call*"
      - line: "%LINE%"
    redact: ["*.password", "*.password_", "*.old_password", "*.pin", "*.pin_", "type:vault::Secret"]
)";
constexpr std::size_t kProbes = 10;

// As targets/secrets.cc has them, in every way that they may be written.
std::vector<std::string> spellings(const std::string& text, std::uint32_t word) {
  std::vector<std::string> all = {text};
  std::string wide, hex, swapped;
  for (const char c : text) {
    wide += c;
    wide += '\0';
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(c));
    hex += digits;
    swapped.insert(0, digits);
  }
  all.insert(all.end(), {wide, hex, swapped, std::to_string(word)});
  all.push_back(std::to_string(static_cast<std::uint64_t>(word) << 32 | word));
  return all;
}
const std::vector<std::string> kSecret = spellings("zQ9~", 0x7e39517a);
const std::vector<std::string> kVisible = spellings("vIs1", 0x31734976);

bool holds(const std::string& where, const std::vector<std::string>& what) {
  return std::any_of(what.begin(), what.end(),
                     [&](const std::string& one) { return where.find(one) != std::string::npos; });
}

std::string rows_of(const std::string& path) {
  auto reader = store::TimelineReader::open(path, "vault");
  REQUIRE(reader.has_value());
  std::string bytes;
  const auto all = std::numeric_limits<std::int64_t>::max();
  const auto read = (*reader)->scan({0}, {all}, [&](const store::StoredEvent& event) {
    const auto row = event.event.row();
    bytes.append(reinterpret_cast<const char*>(row.data()), row.size());
    return true;
  });
  REQUIRE(read.has_value());
  for (const auto& [id, plan] : (*reader)->plans()) {
    for (const auto& type : plan.types) bytes += type.name;
  }
  return bytes;
}

std::string metrics(std::uint16_t port) {
  const std::string address = "/dev/tcp/127.0.0.1/" + std::to_string(port);
  return run({"/bin/bash", "-c",
              "exec 3<>" + address +
                  "; printf 'GET /metrics HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3; cat <&3"})
      .out;
}

// Where the locals are that are seen.
std::string marked_line() {
  std::istringstream source(read_file("tests/runtime/targets/secrets.cc"));
  std::string line;
  for (int number = 1; std::getline(source, line); ++number) {
    if (line.find("// LINE") != std::string::npos) return "secrets.cc:" + std::to_string(number);
  }
  return {};
}

struct Recording {
  TempDir dir;
  std::string store, log, metrics_text, check;

  explicit Recording(const std::string& program_name) {
    const std::string exe = dir.file("secrets");
    std::filesystem::copy_file(target(program_name), exe);
    std::string service = kService;
    service.replace(service.find("%EXE%"), 5, exe);
    service.replace(service.find("%LINE%"), 6, marked_line());
    Daemon daemon(dir, service, {"--record-tape", dir.file("tape")});
    Child process({exe}, dir.file("out"));
    REQUIRE(daemon.wait_active(kProbes));
    for (int i = 0; i < 2; ++i) process.say("go\n");
    REQUIRE(eventually([&] { return process.output() == "done\ndone\n"; }));
    process.signal(SIGTERM);
    process.wait();
    metrics_text = metrics(daemon.port());
    REQUIRE(daemon.stop() == 0);
    store = daemon.store();
    log = daemon.log() + read_file(dir.file("daemon.log.err"));
    write_file(dir.file("check.yaml"), "services:" + service);
    check = run({program("backsight"), "check", "-c", dir.file("check.yaml")}).out;
  }
};

// By GCC with libstdc++, by clang with libc++: each is recorded once.
const Recording& recording_of(const std::string& program_name) {
  static std::map<std::string, Recording> made;
  return made.try_emplace(program_name, program_name).first->second;
}

json::object first_call(const Recording& recording, const char* function) {
  const auto all = calls(recording.store, function);
  REQUIRE(all.size() == 2);
  return all[0].as_object();
}

const json::object& args(const json::object& call) {
  return call.at("args").as_object();
}

void check_redacted(const json::object& call, const std::vector<std::string>& paths) {
  const json::object& reasons = call.at("unavailable").as_object();
  for (const std::string& path : paths) {
    INFO(path);
    REQUIRE(reasons.contains(path));
    CHECK(reasons.at(path) == "redacted");
  }
  CHECK(reasons.size() == paths.size());
}

}  // namespace

TEST_CASE("no byte of a secret is in the ring, the store or the log [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  const Recording& made = recording_of(GENERATE("secrets", "secrets_libcxx"));
  const std::string ring = read_file(made.dir.file("tape")), rows = rows_of(made.store);
  CHECK(holds(ring, kVisible));
  CHECK(holds(rows, kVisible));
  CHECK_FALSE(holds(ring, kSecret));
  CHECK_FALSE(holds(rows, kSecret));
  CHECK_FALSE(holds(made.log, kSecret));
  CHECK(made.metrics_text.find("backsight") != std::string::npos);
  CHECK_FALSE(holds(made.metrics_text, kSecret));
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(made.store)) {
    if (!entry.is_regular_file()) continue;
    INFO(entry.path().string());
    CHECK_FALSE(holds(read_file(entry.path().string()), kSecret));
    ++files;
  }
  CHECK(files > 3);
}

TEST_CASE("no output has a secret in it [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  const Recording& made = recording_of(GENERATE("secrets", "secrets_libcxx"));
  const std::vector<std::vector<std::string>> questions = {
      {"calls", "vault::*"},
      {"calls", "vault::place", "--where", "order.card.cvc == 2117685626"},
      {"state", "--at", "now"},
      {"history", "vault::place:order.items[0].pin"},
      {"history", "vault::place:order"},
      {"last", "vault::login:password", "--before", "now"},
      {"probes"},
      {"gaps"},
      {"services"}};
  bool is_visible = false;
  for (const auto& question : questions) {
    for (const char* format : {"json", "ndjson", "csv", "table"}) {
      std::vector<std::string> argv = {program("backsight")};
      argv.insert(argv.end(), question.begin(), question.end());
      argv.insert(argv.end(), {"--store", made.store, "--format", format});
      const Output output = run(argv);
      INFO(question[0] << " " << format);
      // What was asked for may be told again.
      const bool asks = question.size() > 2 && question[2] == "--where";
      if (!asks) CHECK_FALSE(holds(output.out + output.err, kSecret));
      is_visible = is_visible || holds(output.out, kVisible);
    }
  }
  CHECK(is_visible);
  CHECK_FALSE(holds(made.check, kSecret));
}

TEST_CASE("what is redacted is null with its reason, all else is there [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  const Recording& made = recording_of(GENERATE("secrets", "secrets_libcxx"));
  const json::object place = first_call(made, "vault::place");
  const json::object& order = args(place).at("order").as_object();
  const json::value account = {
      {"id", 11}, {"password", nullptr}, {"note", "vIs1 note"}, {"old_password", nullptr}};
  const json::value item = {{"sku", "vIs1 sku"}, {"quantity", 2}, {"pin", nullptr}, {"weight", 7}};
  CHECK(order.at("card") == json::value({{"number", nullptr}, {"holder", "vIs1 holder"}, {"cvc", nullptr}}));
  CHECK(order.at("base") == json::value({{"base_id", 21}, {"password", nullptr}}));
  CHECK(order.at("derived") ==
        json::value({{"base_id", 21}, {"password", nullptr}, {"own", 22}, {"pin", nullptr}}));
  CHECK(order.at("person") == json::value({{"$type", "vault::Agent"},
                                           {"age", 31},
                                           {"code_name", "vIs1007"},
                                           {"pin", nullptr},
                                           {"rank", 32}}));
  CHECK(order.at("either").as_object().at("halves") == json::value({{"low", nullptr}, {"high", 829639030}}));
  CHECK(order.at("flags").as_object().at("apart") == 4242);
  CHECK(order.at("items") == json::array({item, item, item}));
  CHECK(order.at("list") == json::array({item, item}));
  CHECK(order.at("queue") == json::array({item, item}));
  CHECK(order.at("accounts") == json::value({{"vIs1 key", account}}));
  CHECK(order.at("maybe") == account);
  CHECK(order.at("choice") == json::value({{"$alt", "vault::Account"}, {"value", account}}));
  CHECK(order.at("fixed") == json::array({account, account}));
  CHECK(order.at("owner") == account);
  CHECK(order.at("nodes") == json::value({{"next", {{"next", nullptr}, {"pin", nullptr}, {"value", 41}}},
                                          {"pin", nullptr},
                                          {"value", 41}}));
  CHECK(order.at("last") == 99);
  for (const char* name : {"secrets", "shared", "pointed", "password", "anything", "maybe_secret"}) {
    CHECK(order.at(name).is_null());
    CHECK(place.at("unavailable").as_object().at(std::string("order.") + name) == "redacted");
  }
}

TEST_CASE("parameters, results, registers, members of this and ranges are redacted [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  const Recording& made = recording_of(GENERATE("secrets", "secrets_libcxx"));
  const json::object swap = first_call(made, "vault::swap_in_registers");
  CHECK(args(swap).at("small") == json::value({{"pin", nullptr}, {"shown", 829639030}}));
  CHECK(swap.at("return") == json::value({{"pin", nullptr}, {"shown", 829639031}}));
  check_redacted(swap, {"small.pin", "return.pin"});
  const json::object login = first_call(made, "vault::login");
  CHECK(args(login).at("user") == "vIs1 user");
  check_redacted(login, {"password", "pin"});
  check_redacted(first_call(made, "vault::open_account"), {"return.password", "return.old_password"});
  check_redacted(first_call(made, "vault::inspect"), {"person.pin"});
  const json::object safe = first_call(made, "vault::Safe::check");
  CHECK(args(safe).at("this").as_object().at("doors_") == 3);
  check_redacted(safe, {"this.pin_", "this.password_", "pin_"});
  const json::object count = first_call(made, "vault::count");
  CHECK(args(count).at("accounts[0..number].note") == json::array({"vIs1 note", "vIs1 note"}));
  CHECK(count.at("unavailable").as_object().at("accounts[0..number][1].password") == "redacted");
}

TEST_CASE("locals at a line, what a lambda has caught, arrays of secrets are redacted [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  const std::string program = GENERATE("secrets", "secrets_libcxx");
  const Recording& made = recording_of(program);
  const auto at_line = calls(made.store, marked_line());
  REQUIRE(at_line.size() == 2);
  const json::object& locals = at_line[0].as_object();
  CHECK(args(locals).at("shown") == 71);
  CHECK(locals.at("unavailable").as_object().at("pin") == "redacted");
  const json::object call = calls(made.store, "vault::call*").at(0).as_object();
  CHECK(call.at("unavailable").as_object().at(program == "secrets" ? "caught.__pin" : "caught.pin") ==
        "redacted");
  CHECK(args(call).at("caught").as_object().at(program == "secrets" ? "__shown" : "shown") == 71);
  const json::object odd = first_call(made, "vault::odd");
  const json::object& value = args(odd).at("value").as_object();
  CHECK(value.at("pin").is_null());
  CHECK(value.at("halves").is_null());
  CHECK(value.at("phrase") == "open");
  const json::value cell = {{"shown", "x"}, {"pin", nullptr}};
  CHECK(value.at("few") == json::array({cell, cell, cell}));
  CHECK(odd.at("unavailable").as_object().at("value.many") == "redacted");
}

TEST_CASE("check tells what is refused, and why [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  const std::string& check = recording_of("secrets").check;
  CHECK(check.find("\"expression\":\"accounts[0].password\",\"available\":false,\"reason\":\"redacted\"") !=
        std::string::npos);
  CHECK(check.find("this reads what is redacted") != std::string::npos);
}

TEST_CASE("a pattern that is added holds from then on, without a restart [bpf]", "[bpf]") {
  BACKSIGHT_NEEDS_BPF();
  const TempDir dir;
  const std::string exe = dir.file("secrets");
  std::filesystem::copy_file(target("secrets"), exe);
  const std::string service = "\n  - name: vault\n    match: { exe: \"" + exe +
                              "\" }\n    probes:\n      - function: \"vault::inspect\"\n";
  Daemon daemon(dir, service);
  Child process({exe}, dir.file("out"));
  REQUIRE(daemon.wait_active(1));
  const auto last_person = [&] {  // of a call that began while no probe was there, nothing is known
    const auto all = calls(daemon.store(), "vault::inspect");
    for (auto call = all.rbegin(); call != all.rend(); ++call) {
      const auto* const person = args(call->as_object()).if_contains("person");
      if (person && person->is_object()) return person->as_object();
    }
    return json::object({{"pin", 0}});
  };
  process.say("go\n");
  REQUIRE(eventually([&] { return last_person().at("pin") != 0; }));
  CHECK(last_person().at("pin") == 0x7e39517a7e39517au);
  daemon.reload(service + "    redact: [\"*.pin\"]\n");
  const bool is_hidden = eventually([&] {
    process.say("go\n");
    return last_person().at("pin").is_null();
  });
  CHECK(is_hidden);
  CHECK(last_person().at("rank") == 32);
  daemon.reload(service + "    redact: [\"*.pin.\"]\n");  // refused: the old configuration stays
  REQUIRE(eventually([&] {
    return read_file(dir.file("daemon.log.err")).find("a name is missing beside a '.'") != std::string::npos;
  }));
  process.say("go\n");
  CHECK(last_person().at("pin").is_null());
  CHECK(daemon.stop() == 0);
}
