#include "tests/support/result.h"
#include "tests/tools/fake_query.h"
#include "tests/tools/raw_http.h"
#include "tools/http/client.h"
#include "tools/http/server_start.h"

#include <catch2/catch.hpp>

#include <chrono>
#include <future>
#include <thread>

namespace backsight::tools {
namespace {

struct Fixture {
  FakeQuery query;
  std::mutex mutex;
  std::vector<schema::Moment> moments;
  int pins = 0;
  std::atomic<bool> ready{true};
  std::unique_ptr<HttpServer> server;

  Fixture() { start(); }

  void start() {
    HttpOptions options;
    options.port = 0;
    options.store_path = "/the/store";
    options.max_body_bytes = 4096;
    options.metrics = [] { return std::string("backsight_up 1\n"); };
    options.ready = [this] { return ready.load(); };
    MomentPort port{[this]() -> schema::Result<std::vector<schema::Moment>> {
                      const std::lock_guard lock(mutex);
                      return moments;
                    },
                    [this](const schema::Moment& moment) -> schema::Result<void> {
                      const std::lock_guard lock(mutex);
                      moments.push_back(moment);
                      return {};
                    },
                    [this](const schema::Pin&) -> schema::Result<void> {
                      const std::lock_guard lock(mutex);
                      ++pins;
                      return {};
                    }};
    auto started = start_server(options, fake_vocabulary(), query.function(), port);
    REQUIRE(started);
    server = std::move(*started);
  }

  std::uint16_t port() const { return server->port(); }
  std::string address() const { return "http://127.0.0.1:" + std::to_string(port()); }
};

boost::json::object error_of(const std::string& response) {
  boost::system::error_code failed;
  const boost::json::value body = boost::json::parse(body_of(response), failed);
  REQUIRE_FALSE(failed);
  boost::json::object error = body.as_object().at("error").as_object();
  CHECK(error.contains("code"));
  CHECK_FALSE(error.at("message").as_string().empty());
  CHECK(error.contains("hint"));
  return error;
}

TEST_CASE("health, readiness and metrics") {
  Fixture fixture;
  CHECK(status_of(get(fixture.port(), "/healthz")) == 200);
  CHECK(status_of(get(fixture.port(), "/readyz")) == 200);
  fixture.ready = false;
  CHECK(status_of(get(fixture.port(), "/readyz")) == 503);
  const std::string metrics = get(fixture.port(), "/metrics");
  CHECK(body_of(metrics) == "backsight_up 1\n");
  CHECK(metrics.find("Content-Type: text/plain; version=0.0.4") != std::string::npos);
}

TEST_CASE("a question is the same request as on the command line") {
  Fixture fixture;
  const std::string response =
      get(fixture.port(), "/api/v1/calls?function=shop%3A%3Atake&where=a%20%3E%201+%26%26+b&limit=3");
  CHECK(status_of(response) == 200);
  REQUIRE(fixture.query.requests.size() == 1);
  const query::Request& request = fixture.query.requests[0];
  CHECK(request.store_path == "/the/store");
  CHECK(request.positionals == std::vector<std::string>{"shop::take"});
  CHECK(request.options == std::map<std::string, std::string>{{"where", "a > 1 && b"}, {"limit", "3"}});
  CHECK(get(fixture.port(), "/api/v1/store/stats").find("200 OK") != std::string::npos);
}

TEST_CASE("ndjson on request") {
  Fixture fixture;
  fixture.query.answer = [](const auto&) -> schema::Result<boost::json::object> {
    return boost::json::object{{"calls", boost::json::array{1, 2}}};
  };
  const std::string response = get(fixture.port(), "/api/v1/calls?function=f&format=ndjson");
  CHECK(body_of(response) == "1\n2\n");
  CHECK(response.find("application/x-ndjson") != std::string::npos);
  CHECK(status_of(get(fixture.port(), "/api/v1/calls?function=f&format=table")) == 400);
}

TEST_CASE("wrong requests are told what is wrong") {
  Fixture fixture;
  const std::uint16_t port = fixture.port();
  struct Case {
    std::string response;
    int status;
    std::string code;
  };
  const Case cases[] = {
      {get(port, "/"), 404, "not_found"},
      {get(port, "/api/v1/"), 404, "not_found"},
      {get(port, "/api/v1/stat"), 404, "not_found"},
      {get(port, "/api/v1/calls"), 400, "invalid"},
      {get(port, "/api/v1/calls?function=f&nope=1"), 400, "invalid"},
      {get(port, "/api/v1/calls?function=f&store=/etc"), 400, "invalid"},
      {get(port, "/api/v1/calls?function=f&function=g"), 400, "invalid"},
      {get(port, "/api/v1/calls?function=%zz"), 400, "invalid"},
      {get(port, "/api/v1/%00"), 400, "invalid"},
      {get(port, "/api/v1/alerts"), 405, "method_not_allowed"},
      {get(port, "/api/v1/marks"), 405, "method_not_allowed"},
      {get(port, "/api/v1/mark?name=x"), 405, "method_not_allowed"},
      {post(port, "/api/v1/calls?function=f", ""), 405, "method_not_allowed"},
      {post(port, "/healthz", ""), 405, "method_not_allowed"},
      {post(port, "/api/v1/alerts", "{"), 400, "invalid"},
      {post(port, "/api/v1/alerts?x=1", "{}"), 400, "invalid"},
      {post(port, "/api/v1/marks", "[]"), 400, "invalid"},
      {post(port, "/api/v1/marks", R"({"name":3})"), 400, "invalid"},
      {post(port, "/api/v1/marks", R"({"text":"no name"})"), 400, "invalid"},
  };
  for (const Case& wrong : cases) {
    CAPTURE(wrong.response);
    CHECK(status_of(wrong.response) == wrong.status);
    CHECK(error_of(wrong.response).at("code") == boost::json::string(wrong.code));
  }
  CHECK(get(port, "/api/v1/alerts").find("Allow: POST") != std::string::npos);
  CHECK(fixture.query.requests.empty());
}

TEST_CASE("errors of the query have the status that fits") {
  Fixture fixture;
  static const std::pair<schema::ErrorCode, int> kCases[] = {
      {schema::ErrorCode::kInvalid, 400},     {schema::ErrorCode::kNotFound, 404},
      {schema::ErrorCode::kPermission, 403},  {schema::ErrorCode::kBusy, 503},
      {schema::ErrorCode::kUnsupported, 501}, {schema::ErrorCode::kCorrupt, 500}};
  for (const auto& [code, status] : kCases) {
    fixture.query.answer = [code = code](const auto&) -> schema::Result<boost::json::object> {
      return schema::make_error(code, "went \"wrong\"", "try");
    };
    const std::string response = get(fixture.port(), "/api/v1/state");
    CHECK(status_of(response) == status);
    CHECK(error_of(response).at("message") == "went \"wrong\"");
  }
  fixture.query.answer = [](const auto&) -> schema::Result<boost::json::object> {
    throw std::runtime_error("x");
  };
  CHECK(status_of(get(fixture.port(), "/api/v1/state")) == 500);
}

TEST_CASE("alerts and marks arrive, and once only") {
  Fixture fixture;
  const std::string body = R"({"version":"4","alerts":[{"status":"firing","labels":{},"annotations":{},
      "startsAt":"2026-11-22T10:03:00Z","endsAt":"0001-01-01T00:00:00Z","fingerprint":"f00"}]})";
  for (int i = 0; i < 3; ++i) CHECK(status_of(post(fixture.port(), "/api/v1/alerts", body)) == 200);
  CHECK(fixture.moments.size() == 1);
  CHECK(fixture.pins == 1);

  CHECK(status_of(post(fixture.port(), "/api/v1/marks", R"({"name":"deploy","at":"-5m","text":"t"})")) ==
        200);
  REQUIRE(fixture.query.requests.size() == 1);
  CHECK(fixture.query.requests[0].verb == "mark");
  CHECK(fixture.query.requests[0].positionals == std::vector<std::string>{"deploy"});
  CHECK(fixture.query.requests[0].options ==
        std::map<std::string, std::string>{{"at", "-5m"}, {"text", "t"}});
}

TEST_CASE("bodies and headers are bounded") {
  Fixture fixture;
  const std::string response = post(fixture.port(), "/api/v1/alerts", std::string(1 << 20, 'x'));
  CHECK(status_of(response) == 413);
  CHECK(error_of(response).at("code") == "too_large");
  // Chunked, without telling the size beforehand.
  std::string chunks;
  for (int i = 0; i < 8; ++i) chunks += "400\r\n" + std::string(0x400, 'x') + "\r\n";
  CHECK(status_of(
            converse(fixture.port(),
                     "POST /api/v1/alerts HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" +
                         chunks + "0\r\n\r\n")) == 413);
  CHECK(status_of(get(fixture.port(), "/healthz", "X-Big: " + std::string(40000, 'y') + "\r\n")) == 431);
  CHECK(status_of(get(fixture.port(), "/" + std::string(40000, 'z'))) == 431);
}

TEST_CASE("what is not HTTP is refused or dropped, and others are still served") {
  Fixture fixture;
  CHECK(status_of(converse(fixture.port(), "GARBAGE\r\n\r\n")) == 400);
  CHECK(status_of(converse(fixture.port(),
                           std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15))) == 400);
  CHECK(status_of(converse(fixture.port(), "GET /healthz HTTP/1.1\r\nContent-Length: -1\r\n\r\n")) == 400);
  {
    RawConnection half(fixture.port());
    half.send("GET /heal");
  }
  CHECK(status_of(get(fixture.port(), "/healthz")) == 200);
}

TEST_CASE("web pages from elsewhere are refused") {
  Fixture fixture;
  const std::uint16_t port = fixture.port();
  CHECK(status_of(converse(
            port, "GET /api/v1/state HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")) == 403);
  CHECK(status_of(get(port, "/api/v1/state", "Origin: http://evil.example\r\n")) == 403);
  CHECK(status_of(get(port, "/api/v1/state", "Origin: null\r\n")) == 403);
  CHECK(status_of(get(port, "/api/v1/state", "Origin: http://localhost:3000\r\n")) == 200);
  CHECK(status_of(converse(port, "GET /healthz HTTP/1.1\r\nHost: [::1]:7070\r\nConnection: close\r\n\r\n")) ==
        200);
  CHECK(status_of(converse(
            port, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\nConnection: close\r\n\r\n")) ==
        403);
}

TEST_CASE("a connection is used again, and HEAD has no body") {
  Fixture fixture;
  RawConnection connection(fixture.port());
  for (int i = 0; i < 3; ++i) {
    connection.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(body_of(connection.read_response()) == "ok\n");
    connection.send("GET /api/v1/state HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CHECK(status_of(connection.read_response()) == 200);
  }
  connection.send("HEAD /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const std::string head = connection.read_all();
  CHECK(head.find("Content-Length: 3") != std::string::npos);
  CHECK(body_of(head).empty());
}

TEST_CASE("Expect: 100-continue is answered") {
  Fixture fixture;
  RawConnection connection(fixture.port());
  connection.send(
      "POST /api/v1/marks HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nConnection: close\r\n"
      "Content-Length: 12\r\n\r\n");
  CHECK(connection.read_response().find("100 Continue") != std::string::npos);
  connection.send(R"({"name":"x"})");
  CHECK(status_of(connection.read_all()) == 200);
}

TEST_CASE("many at once, and a slow question does not hold up a health check") {
  Fixture fixture;
  std::promise<void> release;
  const std::shared_future<void> released = release.get_future().share();
  fixture.query.answer = [released](const query::Request& request) -> schema::Result<boost::json::object> {
    if (request.verb == "state") released.wait();
    return boost::json::object{{"n", 1}};
  };
  std::vector<std::thread> slow;
  std::atomic<int> good{0};
  for (int i = 0; i < 2; ++i) {
    slow.emplace_back([&] { good += status_of(get(fixture.port(), "/api/v1/state")) == 200; });
  }
  CHECK(status_of(get(fixture.port(), "/healthz")) == 200);
  std::vector<std::thread> many;
  for (int i = 0; i < 16; ++i) {
    many.emplace_back([&] { good += status_of(get(fixture.port(), "/api/v1/calls?function=f")) == 200; });
  }
  release.set_value();
  for (std::thread& thread : many) thread.join();
  for (std::thread& thread : slow) thread.join();
  CHECK(good == 18);
}

TEST_CASE("a question whose asker hangs up is cancelled") {
  Fixture fixture;
  std::promise<bool> seen;
  fixture.query.answer = [&](const query::Request& request) -> schema::Result<boost::json::object> {
    bool cancelled = false;
    for (int i = 0; i < 2000 && !cancelled; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      cancelled = request.cancelled->load();
    }
    seen.set_value(cancelled);
    return schema::make_error(schema::ErrorCode::kInternal, "cancelled");
  };
  RawConnection connection(fixture.port());
  connection.send("GET /api/v1/state HTTP/1.1\r\nHost: localhost\r\n\r\n");
  while (true) {
    const std::lock_guard lock(fixture.query.mutex);
    if (!fixture.query.requests.empty()) break;
  }
  connection.close();
  CHECK(seen.get_future().get());
}

TEST_CASE("stopping cancels what runs and closes what is open") {
  auto fixture = std::make_unique<Fixture>();
  std::promise<void> running;
  fixture->query.answer = [&](const query::Request& request) -> schema::Result<boost::json::object> {
    running.set_value();
    while (!request.cancelled->load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return boost::json::object{};
  };
  RawConnection idle(fixture->port());
  RawConnection busy(fixture->port());
  busy.send("GET /api/v1/state HTTP/1.1\r\nHost: localhost\r\n\r\n");
  running.get_future().wait();
  fixture->server.reset();
  CHECK(idle.read_all().empty());
  CHECK(busy.read_all().empty());
}

TEST_CASE("only loopback, only a free port") {
  FakeQuery query;
  HttpOptions options;
  for (const char* host : {"0.0.0.0", "192.0.2.1", "::", "example.com", ""}) {
    options.host = host;
    const auto refused = start_server(options, fake_vocabulary(), query.function(), {});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == schema::ErrorCode::kInvalid);
  }
  Fixture fixture;
  options.host = "127.0.0.1";
  options.port = fixture.port();
  const auto taken = start_server(options, fake_vocabulary(), query.function(), {});
  REQUIRE_FALSE(taken);
  CHECK(taken.error().code == schema::ErrorCode::kBusy);
}

TEST_CASE("the client gets the server's answer and the server's error") {
  Fixture fixture;
  const query::VerbSpec* calls = fake_vocabulary().find("calls");
  fixture.query.answer = [](const query::Request& request) -> schema::Result<boost::json::object> {
    if (request.options.count("where") != 0) {
      return schema::make_error(schema::ErrorCode::kNotFound, "no such", "look again");
    }
    return boost::json::object{{"function", request.positionals.at(0)}, {"big", 18446744073709551615ull}};
  };
  const std::string odd = "operator+ &=%?#\n/ü";
  const std::vector<Parameter> parameters = {{"function", odd}};
  for (const std::string& server :
       {fixture.address(), fixture.address() + "/", fixture.address().substr(7)}) {
    const auto answer = ask_server(server, *calls, parameters);
    REQUIRE(answer);
    CHECK(answer->at("function") == boost::json::string(odd));
    CHECK(answer->at("big") == 18446744073709551615ull);
  }
  const auto failed =
      ask_server(fixture.address(), *calls, std::vector<Parameter>{{"function", "f"}, {"where", "x"}});
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == schema::ErrorCode::kNotFound);
  CHECK(failed.error().message == "no such");
  CHECK(failed.error().hint == "look again");
  // A verb that writes is a POST.
  const auto marked = ask_server(fixture.address(), *fake_vocabulary().find("mark"),
                                 std::vector<Parameter>{{"name", "deploy"}, {"text", "a b"}});
  CHECK(marked);
}

TEST_CASE("the client says why there is no answer") {
  const query::VerbSpec* state = fake_vocabulary().find("state");
  std::uint16_t free_port = 0;
  {
    Fixture fixture;
    free_port = fixture.port();
  }
  const auto nobody = ask_server("http://127.0.0.1:" + std::to_string(free_port), *state, {});
  REQUIRE_FALSE(nobody);
  CHECK(nobody.error().code == schema::ErrorCode::kIo);
  CHECK(nobody.error().hint.find("backsightd") != std::string::npos);
  for (const char* server :
       {"", "ftp://x", "https://127.0.0.1", "http://", "http://h:99999999", "http://[::1", "a b"}) {
    CAPTURE(server);
    CHECK_FALSE(ask_server(server, *state, {}));
  }
}

}  // namespace
}  // namespace backsight::tools
