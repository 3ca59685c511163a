#include "tests/tools/fake_query.h"
#include "tools/cli/program.h"

#include <catch2/catch.hpp>

#include <unistd.h>

#include <cstdio>
#include <fstream>

namespace backsight::tools {
namespace {

struct Run {
  int code = -1;
  std::string out;
  std::string err;
};

struct World {
  FakeQuery query;
  std::map<std::string, std::string> environment;
  bool terminal = false;
  std::string default_config = "/nonexistent/backsight.yaml";

  Run run(const std::vector<std::string>& arguments) {
    Run result;
    Surroundings surroundings;
    surroundings.environment = [this](const char* name) -> std::optional<std::string> {
      const auto found = environment.find(name);
      return found == environment.end() ? std::nullopt : std::optional<std::string>(found->second);
    };
    surroundings.terminal = terminal;
    surroundings.questions = fake_vocabulary();
    surroundings.answer = query.function();
    surroundings.check = [](const probes::Config& config, const std::optional<std::string>&) {
      CheckAnswer answer;
      answer.object = {{"schema_version", 1}, {"probes", boost::json::array{}}};
      answer.all_resolved = !config.services.empty();
      return schema::Result<CheckAnswer>(answer);
    };
    surroundings.default_config = default_config;
    surroundings.write = [&](const std::string& text) {
      result.out += text;
      return true;
    };
    surroundings.complain = [&](const std::string& text) { result.err += text; };
    result.code = run_program(arguments, surroundings);
    return result;
  }
};

TEST_CASE("arguments become one request") {
  World world;
  const Run run = world.run({"calls", "shop::take", "--where", "a > 1", "-s", "checkout", "--from", "-5m",
                             "--to=-1m", "--open", "--store", "/s"});
  CHECK(run.err.empty());
  CHECK(run.code == 0);
  REQUIRE(world.query.requests.size() == 1);
  const query::Request& request = world.query.requests[0];
  CHECK(request.verb == "calls");
  CHECK(request.store_path == "/s");
  CHECK(request.positionals == std::vector<std::string>{"shop::take"});
  CHECK(request.options ==
        std::map<std::string, std::string>{
            {"where", "a > 1"}, {"service", "checkout"}, {"from", "-5m"}, {"to", "-1m"}, {"open", "true"}});
}

TEST_CASE("options may stand before the verb; a verb of two words; a name like a verb") {
  World world;
  CHECK(world.run({"--store", "/s", "-s", "a", "store", "stats"}).code == 0);
  CHECK(world.query.requests.back().verb == "store stats");
  CHECK(world.query.requests.back().options.at("service") == "a");
  CHECK(world.run({"mark", "state"}).code == 0);
  CHECK(world.query.requests.back().positionals == std::vector<std::string>{"state"});
  CHECK(world.run({"calls", "--", "-odd"}).code == 0);
  CHECK(world.query.requests.back().positionals == std::vector<std::string>{"-odd"});
}

TEST_CASE("the token file: the option, then the environment") {
  World world;
  world.environment["BACKSIGHT_TOKEN_FILE"] = "/nonexistent/from-environment";
  CHECK(world.run({"state", "--server", "127.0.0.1:1"}).err.find("from-environment") != std::string::npos);
  const Run run = world.run({"state", "--server", "127.0.0.1:1", "--token-file", "/nonexistent/typed"});
  CHECK(run.err.find("/nonexistent/typed: No such file") != std::string::npos);
  CHECK(run.code == 1);
  CHECK(world.run({"help"}).out.find("--token-file") != std::string::npos);
}

TEST_CASE("the store: the option, then the configuration, then the environment, then the usual place") {
  World world;
  world.run({"state"});
  CHECK(world.query.requests.back().store_path == "/var/lib/backsight");
  world.environment["BACKSIGHT_STORE"] = "/from/environment";
  world.run({"state"});
  CHECK(world.query.requests.back().store_path == "/from/environment");
  world.run({"state", "--store", "/typed"});
  CHECK(world.query.requests.back().store_path == "/typed");
}

TEST_CASE("bad usage exits with 2 and a hint") {
  World world;
  static const std::pair<std::vector<std::string>, std::string> kCases[] = {
      {{}, "no verb is given"},
      {{"stat"}, "there is no verb 'stat'"},
      {{"store"}, "'store' needs another word"},
      {{"store", "stat"}, "there is no verb 'store stat'"},
      {{"calls"}, "'calls' needs FUNCTION"},
      {{"calls", "f", "g"}, "takes no further argument 'g'"},
      {{"calls", "f", "--wher", "x"}, "has no option '--wher'"},
      {{"calls", "f", "--where"}, "where"},
      {{"calls", "f", "--limit", "1", "--limit", "2"}, "limit"},
      {{"state", "--format", "xml"}, "'xml' is not a format"},
      {{"state", "--store", "/s", "--server", "h"}, "both given"},
      {{"state", "--token-file", "/t"}, "--token-file is for a collector"},
      {{"state", "--store", "/s", "--ca-file", "/c"}, "--ca-file is for a collector"},
      {{"check"}, "'check' needs -c FILE"},
      {{"help", "stat"}, "there is no verb 'stat'"},
      {{"help", "--completion", "fish"}, "no completion for 'fish'"},
      {{"--nope"}, "'--nope'"},
  };
  for (const auto& [arguments, message] : kCases) {
    const Run run = world.run(arguments);
    CAPTURE(run.err, message);
    CHECK(run.code == 2);
    CHECK(run.out.empty());
    CHECK(run.err.find(message) != std::string::npos);
    CHECK(run.err.find("\nhint: ") != std::string::npos);
  }
  CHECK(world.query.requests.empty());
}

TEST_CASE("--strict: an incomplete answer is shown and exits with 3") {
  World world;
  world.query.answer = [](const auto&) -> schema::Result<boost::json::object> {
    return boost::json::object{{"complete", false}, {"gaps", boost::json::array{}}};
  };
  CHECK(world.run({"state"}).code == 0);
  const Run run = world.run({"state", "--strict"});
  CHECK(run.code == 3);
  CHECK_FALSE(run.out.empty());
}

TEST_CASE("errors: message and hint on stderr, nothing that steers a terminal") {
  World world;
  world.query.answer = [](const auto&) -> schema::Result<boost::json::object> {
    return schema::make_error(schema::ErrorCode::kNotFound, "no \x1b[2Jfunction", "try\x07 g");
  };
  const Run run = world.run({"calls", "f"});
  CHECK(run.code == 1);
  CHECK(run.out.empty());
  CHECK(run.err == "backsight: no \\x1b[2Jfunction\nhint: try\\x07 g\n");
}

TEST_CASE("formats: json unless on a terminal, colours only there and only if wanted") {
  World world;
  world.query.answer = [](const auto&) -> schema::Result<boost::json::object> {
    return boost::json::object{
        {"calls", boost::json::array{boost::json::object{{"event", "s:1"}, {"n", 1}}}}};
  };
  CHECK(world.run({"calls", "f"}).out == "{\"calls\":[{\"event\":\"s:1\",\"n\":1}]}\n");
  CHECK(world.run({"calls", "f", "--format", "ndjson"}).out == "{\"event\":\"s:1\",\"n\":1}\n");
  CHECK(world.run({"calls", "f", "--format", "csv"}).out == "event,n\ns:1,1\n");
  CHECK(world.run({"calls", "f", "--format", "table"}).out.find('\x1b') == std::string::npos);
  world.terminal = true;
  CHECK(world.run({"calls", "f"}).out.find("\x1b[1mEVENT") != std::string::npos);
  CHECK(world.run({"calls", "f", "--no-color"}).out.find('\x1b') == std::string::npos);
  world.environment["NO_COLOR"] = "1";
  CHECK(world.run({"calls", "f"}).out.find('\x1b') == std::string::npos);
}

TEST_CASE("help, version, manual page and completion need no store") {
  World world;
  for (const auto& verb : fake_verbs()) {
    const Run run = world.run({"help", std::string(verb.name)});
    CHECK(run.code == 0);
    CHECK(run.out.find(std::string(verb.usage)) != std::string::npos);
  }
  CHECK(world.run({"calls", "--help"}).out == world.run({"help", "calls"}).out);
  CHECK(world.run({"--help"}).out.find("alert:latest") != std::string::npos);
  CHECK(world.run({"--version"}).out.rfind("backsight ", 0) == 0);
  CHECK(world.run({"help", "--man"}).out.rfind(".TH BACKSIGHT 1", 0) == 0);
  CHECK(world.run({"help", "--completion", "bash"}).out.find("store) options+=' ") != std::string::npos);
  CHECK(world.query.requests.empty());
}

TEST_CASE("check reads the configuration and exits with 2 where a probe resolves to nothing") {
  World world;
  const std::string path = "/tmp/backsight-test-" + std::to_string(::getpid()) + ".yaml";
  std::ofstream(path) << "services: []\n";
  const Run run = world.run({"check", "-c", path});
  CHECK(run.code == 2);
  CHECK(run.out == "{\"schema_version\":1,\"probes\":[]}\n");
  std::ofstream(path) << "servces: []\n";
  const Run bad = world.run({"check", "-c", path});
  CHECK(bad.code == 2);
  CHECK(bad.out.empty());
  CHECK(bad.err.find(":1:1") != std::string::npos);
  std::remove(path.c_str());
  CHECK(world.run({"check", "-c", path}).code == 2);
}

}  // namespace
}  // namespace backsight::tools
