#include "tests/support/result.h"
#include "tests/tools/secret_file.h"
#include "tools/http/access_log.h"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include <unistd.h>

#include <algorithm>
#include <vector>

namespace backsight::tools {
namespace {

Access some_access() {
  Access access;
  access.time = {1'000'000'000};
  access.peer = "10.0.0.7:51834";
  access.user = "alice";
  access.method = "GET";
  access.target = "/api/v1/calls?function=f";
  access.status = 200;
  access.duration_ns = 5'321'000;
  access.bytes = 18'220;
  access.tls = true;
  return access;
}

struct Complaints {
  std::vector<schema::Error> heard;
  AccessLog::Complain function() {
    return [this](const schema::Error& error) { heard.push_back(error); };
  }
};

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

TEST_CASE("an access is one JSON object") {
  CHECK(
      to_line(some_access()) ==
      R"({"time":"1970-01-01T00:00:01.000000000Z","peer":"10.0.0.7:51834","user":"alice","method":"GET",)"
      R"("target":"/api/v1/calls?function=f","status":200,"duration_ns":5321000,"bytes":18220,"tls":true})");
}

TEST_CASE("a target cannot forge a line, nor speak to a terminal") {
  Access access = some_access();
  access.target = "/a\n{\"user\":\"root\"}\r\x1b[2J\x7f\xff\xc3\xa4 \"\\";
  access.method = "G\nET";
  const std::string line = to_line(access);
  CHECK(std::all_of(line.begin(), line.end(), [](unsigned char c) { return c >= 0x20 && c < 0x7f; }));
  const boost::json::object read = boost::json::parse(line).as_object();
  CHECK(read.at("target") == "/a%0A{\"user\":\"root\"}%0D%1B[2J%7F%FF%C3%A4%20\"\\");
  CHECK(read.at("method") == "G%0AET");
  access.target = std::string(100'000, 'x');
  CHECK(to_line(access).size() < 2400);
}

TEST_CASE("the log is for its owner and its group, and is continued") {
  const SecretFolder folder;
  const mode_t before = ::umask(0);
  Complaints complaints;
  for (int i = 0; i < 2; ++i) {
    auto log = AccessLog::open(folder.path("log"), 1 << 20, complaints.function());
    REQUIRE(log);
    (*log)->write(some_access());
  }
  ::umask(before);
  CHECK(mode_of(folder.path("log")) == 0640);
  const std::string line = to_line(some_access()) + "\n";
  CHECK(folder.read("log") == line + line);
  CHECK(complaints.heard.empty());
}

TEST_CASE("two files of the given size, never more") {
  const SecretFolder folder;
  Complaints complaints;
  const std::string line = to_line(some_access()) + "\n";
  const std::size_t limit = 10 * line.size() + 5;
  auto log = AccessLog::open(folder.path("log"), limit, complaints.function());
  REQUIRE(log);
  for (int i = 0; i < 35; ++i) (*log)->write(some_access());
  CHECK(folder.read("log").size() == 5 * line.size());
  CHECK(folder.read("log.1").size() == 10 * line.size());
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path("")), {}) == 2);
  CHECK(mode_of(folder.path("log.1")) == 0640);
  CHECK(complaints.heard.empty());
}

TEST_CASE("a log that cannot be written is complained of once, and written again when it can") {
  const SecretFolder folder;
  Complaints complaints;
  const std::string line = to_line(some_access()) + "\n";
  auto log = AccessLog::open(folder.path("log"), line.size() + 1, complaints.function());
  REQUIRE(log);
  (*log)->write(some_access());
  std::filesystem::create_directory(folder.path("log.1"));  // cannot be replaced by a file
  for (int i = 0; i < 5; ++i) (*log)->write(some_access());
  REQUIRE(complaints.heard.size() == 1);
  CHECK(complaints.heard[0].message.find("cannot rename the access log") != std::string::npos);
  CHECK(folder.read("log") == line);  // and does not grow
  std::filesystem::remove(folder.path("log.1"));
  (*log)->write(some_access());
  CHECK(folder.read("log.1") == line);
  CHECK(complaints.heard.size() == 1);
}

TEST_CASE("no log through a link, in a folder that is not there, or in a pipe") {
  const SecretFolder folder;
  folder.write("elsewhere", "mine");
  std::filesystem::create_symlink(folder.path("elsewhere"), folder.path("link"));
  REQUIRE(::mkfifo(folder.path("pipe").c_str(), 0600) == 0);
  for (const char* name : {"link", "none/log", "pipe", ""}) {
    CAPTURE(name);
    CHECK_FALSE(AccessLog::open(folder.path(name), 1 << 20, {}));
  }
  CHECK(folder.read("elsewhere") == "mine");
}

}  // namespace
}  // namespace backsight::tools
