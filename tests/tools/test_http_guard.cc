// Who may ask, over real sockets: tokens, TLS, and what the access log says of it.
#include "tests/support/result.h"
#include "tests/tools/fake_query.h"
#include "tests/tools/raw_http.h"
#include "tests/tools/secret_file.h"
#include "tools/http/client.h"
#include "tools/http/server_start.h"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include <chrono>
#include <cstdlib>
#include <sstream>
#include <thread>

namespace backsight::tools {
namespace {

const std::string kToken = "0123456789abcdef0123456789abcdef";
const std::string kOther = "fedcba9876543210fedcba9876543210";
const std::string kAuthorization = "Authorization: Bearer " + kToken + "\r\n";

// A certificate for this machine, signed by itself, as in the manual.
void make_certificate(const SecretFolder& folder, const std::string& name, const std::string& subject) {
  const std::string command =
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
      "-subj /CN=" +
      name + " -addext subjectAltName=" + subject + " -keyout " + folder.path(name + ".key") + " -out " +
      folder.path(name + ".crt") + " 2>/dev/null";
  REQUIRE(std::system(command.c_str()) == 0);
  ::chmod(folder.path(name + ".key").c_str(), 0600);
}

struct Guarded {
  SecretFolder folder;
  FakeQuery query;
  HttpOptions options;
  std::unique_ptr<HttpServer> server;

  Guarded() {
    options.port = 0;
    options.token_file = folder.write("token", "alice " + kToken + "\n");
    options.access_log = folder.path("access.log");
    options.max_body_bytes = 4096;
  }
  void use_tls() {
    make_certificate(folder, "here", "IP:127.0.0.1,DNS:localhost");
    options.certificate = folder.path("here.crt");
    options.key = folder.path("here.key");
  }
  schema::Result<void> start() {
    auto started = start_server(options, fake_vocabulary(), query.function(), {});
    if (!started) return started.error();
    server = *std::move(started);
    return {};
  }
  std::uint16_t port() const { return server->port(); }
  std::string address(const std::string& scheme) const {
    return scheme + "://127.0.0.1:" + std::to_string(port());
  }
  schema::Result<boost::json::object> ask(const std::string& url,
                                          const ClientCredentials& credentials) const {
    return ask_server(url, *fake_vocabulary().find("state"), {}, credentials);
  }

  // A line is written when the answer has left: the peer may have it a moment earlier.
  std::vector<boost::json::object> log_lines(std::size_t expected) const {
    std::vector<boost::json::object> lines;
    for (int i = 0; i < 2000 && lines.size() < expected; ++i) {
      lines.clear();
      std::istringstream text(folder.read("access.log"));
      for (std::string line; std::getline(text, line);) lines.push_back(boost::json::parse(line).as_object());
      if (lines.size() < expected) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return lines;
  }
};

TEST_CASE("without a right token there is nothing but /healthz") {
  Guarded guarded;
  REQUIRE(guarded.start());
  const std::uint16_t port = guarded.port();
  CHECK(status_of(get(port, "/healthz")) == 200);
  for (const char* target : {"/metrics", "/readyz", "/api/v1/state", "/api/v1/marks", "/none", "/healthz/",
                             "/healthz/../metrics", "//healthz", "/healthz?x"}) {
    for (const std::string& field :
         {std::string(), "Authorization: Bearer " + kOther + "\r\n",
          "Authorization: Basic " + kToken + "\r\n", "Authorization: Bearer " + kToken.substr(1) + "\r\n"}) {
      CAPTURE(target, field);
      const std::string response = get(port, target, field);
      CHECK(status_of(response) == 401);
      CHECK(response.find("WWW-Authenticate: Bearer") != std::string::npos);
      CHECK(response.find(kToken) == std::string::npos);
    }
  }
  CHECK(guarded.query.requests.empty());
  CHECK(status_of(get(port, "/api/v1/state", kAuthorization)) == 200);
  CHECK(status_of(get(port, "/metrics", kAuthorization)) == 200);
  CHECK(guarded.query.requests.size() == 1);
}

TEST_CASE("who has the token may ask under any name of the machine") {
  Guarded guarded;
  REQUIRE(guarded.start());
  CHECK(status_of(converse(guarded.port(),
                           "GET /api/v1/state HTTP/1.1\r\nHost: collector.example\r\n"
                           "Connection: close\r\n" +
                               kAuthorization + "\r\n")) == 200);
}

TEST_CASE("the body of a request without a token is not waited for") {
  Guarded guarded;
  REQUIRE(guarded.start());
  RawConnection connection(guarded.port());
  connection.send("POST /api/v1/marks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000\r\n\r\n");
  CHECK(status_of(connection.read_response()) == 401);
}

TEST_CASE("one token on a connection is not one for the next request") {
  Guarded guarded;
  REQUIRE(guarded.start());
  RawConnection connection(guarded.port());
  connection.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + kAuthorization + "\r\n");
  CHECK(status_of(connection.read_response()) == 200);
  connection.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(status_of(connection.read_response()) == 401);
}

TEST_CASE("off loopback only with a token") {
  Guarded guarded;
  guarded.options.host = "0.0.0.0";
  REQUIRE(guarded.start());
  CHECK(status_of(get(guarded.port(), "/metrics")) == 401);
  CHECK(status_of(get(guarded.port(), "/metrics", kAuthorization)) == 200);
  guarded.server.reset();
  guarded.options.token_file.clear();
  const auto refused = guarded.start();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("needs a token") != std::string::npos);
}

TEST_CASE("a port is not opened with a token file that others can read") {
  Guarded guarded;
  guarded.folder.write("token", kToken, 0644);
  const auto refused = guarded.start();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == schema::ErrorCode::kPermission);
}

TEST_CASE("tokens are read again; a bad file leaves the former") {
  Guarded guarded;
  REQUIRE(guarded.start());
  guarded.folder.write("token", kOther);
  REQUIRE(guarded.server->reload());
  CHECK(status_of(get(guarded.port(), "/metrics", kAuthorization)) == 401);
  CHECK(status_of(get(guarded.port(), "/metrics", "Authorization: Bearer " + kOther + "\r\n")) == 200);
  guarded.folder.write("token", "short");
  CHECK_FALSE(guarded.server->reload());
  CHECK(status_of(get(guarded.port(), "/metrics", "Authorization: Bearer " + kOther + "\r\n")) == 200);
}

TEST_CASE("each request is in the access log, refused ones too") {
  Guarded guarded;
  REQUIRE(guarded.start());
  const std::uint16_t port = guarded.port();
  const std::string answer = get(port, "/api/v1/calls?function=f", kAuthorization);
  get(port, "/metrics", "Authorization: Bearer " + kOther + "\r\n");
  get(port, "/healthz");
  converse(port, "NO\x01NSENSE\r\n\r\n");
  post(port, "/api/v1/marks", std::string(5000, 'x'));
  get(port, "/" + std::string(20'000, 'x'));
  converse(port,
           "POST /api/v1/marks HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n" + kAuthorization + "\r\n");
  const auto lines = guarded.log_lines(7);
  REQUIRE(lines.size() == 7);
  CHECK(lines[0].at("user") == "alice");
  CHECK(lines[0].at("method") == "GET");
  CHECK(lines[0].at("target") == "/api/v1/calls?function=f");
  CHECK(lines[0].at("status") == 200);
  CHECK(lines[0].at("bytes") == answer.size());
  CHECK(lines[0].at("duration_ns").to_number<std::int64_t>() > 0);
  CHECK(lines[0].at("tls") == false);
  CHECK(std::string(lines[0].at("peer").as_string()).find("127.0.0.1:") == 0);
  CHECK(lines[1].at("user") == boost::json::value("uid " + std::to_string(::geteuid())));
  CHECK(lines[1].at("target") == "/metrics");
  CHECK(lines[1].at("status") == 401);
  CHECK(lines[2].at("status") == 200);
  CHECK(lines[3].at("status") == 400);
  CHECK(lines[4].at("status") == 401);
  CHECK(lines[5].at("status") == 431);
  CHECK(lines[6].at("status") == 413);
  CHECK(guarded.folder.read("access.log").find(kToken) == std::string::npos);
  CHECK(guarded.folder.read("access.log").find(kOther) == std::string::npos);
}

TEST_CASE("without tokens the access log has the local user") {
  Guarded guarded;
  guarded.options.token_file.clear();
  REQUIRE(guarded.start());
  get(guarded.port(), "/metrics");
  const auto lines = guarded.log_lines(1);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].at("user") == boost::json::value("uid " + std::to_string(::geteuid())));
}

TEST_CASE("a question that nobody waits for is in the access log with status 0") {
  Guarded guarded;
  guarded.query.answer = [](const query::Request& request) -> schema::Result<boost::json::object> {
    while (!request.cancelled->load()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return boost::json::object{};
  };
  REQUIRE(guarded.start());
  {
    RawConnection connection(guarded.port());
    connection.send("GET /api/v1/state HTTP/1.1\r\nHost: localhost\r\n" + kAuthorization + "\r\n");
    for (std::size_t seen = 0; seen == 0; std::this_thread::yield()) {
      const std::lock_guard lock(guarded.query.mutex);
      seen = guarded.query.requests.size();
    }
  }
  const auto lines = guarded.log_lines(1);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].at("status") == 0);
  CHECK(lines[0].at("target") == "/api/v1/state");
}

TEST_CASE("the access log may go elsewhere, and must go somewhere") {
  Guarded guarded;
  std::mutex mutex;
  std::string line;
  guarded.options.access_line = [&](const std::string& text) {
    const std::lock_guard lock(mutex);
    line = text;
  };
  REQUIRE(guarded.start());
  get(guarded.port(), "/metrics");
  guarded.server.reset();
  CHECK(line.find(R"("status":401)") != std::string::npos);
  CHECK(guarded.folder.read("access.log").empty());
  guarded.options.access_line = nullptr;
  guarded.options.access_log = guarded.folder.path("none/access.log");
  CHECK_FALSE(guarded.start());
}

TEST_CASE("a question over TLS with a token") {
  Guarded guarded;
  guarded.use_tls();
  REQUIRE(guarded.start());
  const ClientCredentials good{guarded.options.token_file, guarded.options.certificate};
  CHECK(guarded.ask(guarded.address("https"), good));
  CHECK(guarded.ask("https://localhost:" + std::to_string(guarded.port()), good));
  const auto lines = guarded.log_lines(2);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].at("tls") == true);
  CHECK(lines[0].at("user") == "alice");
  // Large ones, too.
  guarded.query.answer = [](const query::Request&) -> schema::Result<boost::json::object> {
    return boost::json::object{{"text", std::string(3 << 20, 'x')}};
  };
  const auto large = guarded.ask(guarded.address("https"), good);
  REQUIRE(large);
  CHECK(large->at("text").as_string().size() == 3 << 20);
}

TEST_CASE("the client says what is wrong with token and certificate") {
  Guarded guarded;
  guarded.use_tls();
  make_certificate(guarded.folder, "there", "DNS:there.example");
  REQUIRE(guarded.start());
  const std::string https = guarded.address("https");
  const auto says = [&](const std::string& url, const std::string& token, const std::string& ca) {
    const auto answer = guarded.ask(url, {token, ca});
    return answer ? std::string("an answer") : answer.error().to_string();
  };
  const std::string ca = guarded.options.certificate;
  const std::string token = guarded.options.token_file;
  CHECK_THAT(says(https, "", ca), Catch::Contains("a token is needed") && Catch::Contains("--token-file"));
  CHECK_THAT(says(https, guarded.folder.write("other", kOther), ca),
             Catch::Contains("not one of this collector's"));
  CHECK_THAT(says(https, guarded.folder.write("wide", kToken, 0644), ca), Catch::Contains("chmod 0600"));
  CHECK_THAT(says(https, token, ""), Catch::Contains("self-signed") && Catch::Contains("--ca-file"));
  CHECK_THAT(says(https, token, guarded.folder.path("there.crt")), Catch::Contains("certificate is refused"));
  CHECK_THAT(says(https, token, guarded.folder.path("none")),
             Catch::Contains("cannot read the certificates"));
  CHECK_THAT(says(guarded.address("http"), token, ""), Catch::Contains("https://"));
  guarded.server.reset();
  guarded.options.certificate = guarded.folder.path("there.crt");
  guarded.options.key = guarded.folder.path("there.key");
  REQUIRE(guarded.start());
  CHECK_THAT(says(guarded.address("https"), token, guarded.options.certificate),
             Catch::Contains("mismatch") && Catch::Contains("must be for 127.0.0.1"));
  guarded.server.reset();
  guarded.options.certificate.clear();
  REQUIRE(guarded.start());
  CHECK_THAT(says(guarded.address("https"), token, ca), Catch::Contains("does it speak TLS?"));
}

TEST_CASE("TLS 1.1 is refused, plain text and silence too") {
  Guarded guarded;
  guarded.use_tls();
  REQUIRE(guarded.start());
  const std::string target =
      " -connect 127.0.0.1:" + std::to_string(guarded.port()) + " </dev/null >/dev/null 2>&1";
  CHECK(std::system(("openssl s_client -tls1_1 -cipher ALL:@SECLEVEL=0" + target).c_str()) != 0);
  CHECK(std::system(("openssl s_client -tls1_2" + target).c_str()) == 0);
  CHECK(std::system(("openssl s_client -tls1_3" + target).c_str()) == 0);
  CHECK(status_of(get(guarded.port(), "/healthz")) == 0);
  RawConnection silent(guarded.port());
  CHECK(guarded.ask(guarded.address("https"), {guarded.options.token_file, guarded.options.certificate}));
}

TEST_CASE("a certificate that cannot be used is refused at the start") {
  Guarded guarded;
  guarded.use_tls();
  make_certificate(guarded.folder, "there", "DNS:there.example");
  const HttpOptions good = guarded.options;
  const auto says = [&] {
    const auto started = guarded.start();
    std::string said = started ? "started" : started.error().to_string();
    guarded.options = good;
    return said;
  };
  guarded.options.key = guarded.folder.path("there.key");
  CHECK_THAT(says(), Catch::Contains("there.key") && Catch::Contains("cannot use the TLS key"));
  guarded.options.certificate = guarded.folder.path("none.crt");
  CHECK_THAT(says(), Catch::Contains("cannot use the TLS certificate"));
  guarded.options.certificate = guarded.folder.write("empty.crt", "");
  CHECK_THAT(says(), Catch::Contains("cannot use the TLS certificate"));
  guarded.options.key = guarded.folder.path("none.key");
  CHECK_THAT(says(), Catch::Contains("No such file"));
  ::chmod(good.key.c_str(), 0644);
  CHECK_THAT(says(), Catch::Contains("others may read"));
  ::chmod(good.key.c_str(), 0640);
  CHECK(says() == "started");
}

}  // namespace
}  // namespace backsight::tools
