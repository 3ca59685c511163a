#include "tests/support/result.h"
#include "tests/tools/secret_file.h"
#include "tools/http/token.h"

#include <catch2/catch.hpp>

#include <unistd.h>

#include <tuple>

namespace backsight::tools {
namespace {

const std::string kAlice = "0123456789abcdef0123456789abcdef";
const std::string kBob = "fedcba9876543210fedcba9876543210";

std::string message(const schema::Result<Tokens>& tokens) {
  return tokens ? "a value" : tokens.error().to_string();
}

TEST_CASE("a token is known by its name, whatever stands around it") {
  const auto tokens =
      Tokens::parse("# who may ask\n\n alice\t" + kAlice + " \r\nbob " + kBob + "\n" + kBob + "x", "f");
  REQUIRE(tokens);
  CHECK(tokens->size() == 3);
  CHECK(tokens->holder("Bearer " + kAlice) == "alice");
  CHECK(tokens->holder("bearer " + kBob) == "bob");
  CHECK(tokens->holder("BEARER   " + kBob + "x ") == "token");
}

TEST_CASE("nothing but the whole token opens") {
  const auto tokens = Tokens::parse(kAlice, "f");
  REQUIRE(tokens);
  for (const std::string& wrong :
       {std::string(), std::string("Bearer"), std::string("Bearer "), kAlice, "Basic " + kAlice,
        "Bearer" + kAlice, "Bearer " + kAlice.substr(1), "Bearer " + kAlice + "0", "Bearer " + kBob,
        "Bearer " + kAlice + " " + kBob, "Bearer \"" + kAlice + "\"", "Bearer " + std::string(5000, 'a'),
        "Bearer " + kAlice + std::string("\0", 1)}) {
    CAPTURE(wrong);
    CHECK_FALSE(tokens->holder(wrong).has_value());
  }
}

TEST_CASE("what is no token is said, without showing it") {
  for (const auto& [text, says] : {std::tuple(std::string("# nothing\n"), "holds no token"),
                                   {"short", "line 1: a token of 5 characters"},
                                   {"\n" + std::string(513, 'x'), "line 2: a token of more than 512"},
                                   {"a b " + kAlice, "line 1: more than a name and a token"},
                                   {"a/b " + kAlice, "line 1: a name of other than"},
                                   {std::string("\x01") + kAlice, "line 1: more than"}}) {
    const std::string said = message(Tokens::parse(text, "/the/file"));
    CAPTURE(said);
    CHECK(said.find(says) != std::string::npos);
    CHECK(said.find("/the/file") != std::string::npos);
    CHECK(said.find("openssl rand") != std::string::npos);
    CHECK(said.find(kAlice) == std::string::npos);
  }
  std::string many;
  for (int i = 0; i < 300; ++i) many += kAlice + "\n";
  CHECK(message(Tokens::parse(many, "f")).find("more than 256") != std::string::npos);
}

TEST_CASE("a token file that others could read or change is refused") {
  const SecretFolder folder;
  CHECK(Tokens::load(folder.write("good", kAlice, 0600)));
  CHECK(Tokens::load(folder.write("better", kAlice, 0400)));
  for (const mode_t mode : {0640, 0604, 0660, 0602, 0644, 0700, 04600}) {
    const std::string said = message(Tokens::load(folder.write("bad", kAlice, mode)));
    CAPTURE(mode, said);
    CHECK(said.find("others may read or change it") != std::string::npos);
    CHECK(said.find("chmod 0600 " + folder.path("bad")) != std::string::npos);
  }
  CHECK(message(Tokens::load(folder.path("none"))).find("No such file") != std::string::npos);
  CHECK(message(Tokens::load(folder.path(""))).find("not a regular file") != std::string::npos);
  CHECK(message(Tokens::load("/dev/zero")).find("not a regular file") != std::string::npos);
  CHECK(message(Tokens::load(folder.write("big", std::string(70 << 10, '#')))).find("64 KiB") !=
        std::string::npos);
  if (::geteuid() == 0) {
    const std::string foreign = folder.write("foreign", kAlice);
    REQUIRE(::chown(foreign.c_str(), 65534, 65534) == 0);
    CHECK(message(Tokens::load(foreign)).find("belongs to user 65534") != std::string::npos);
  }
}

TEST_CASE("a client sends the first token of its file") {
  const SecretFolder folder;
  const auto token = load_own_token(folder.write("token", "# mine\nme " + kBob + "\n" + kAlice));
  REQUIRE(token);
  CHECK(*token == kBob);
  CHECK_FALSE(load_own_token(folder.write("open", kBob, 0644)));
}

}  // namespace
}  // namespace backsight::tools
