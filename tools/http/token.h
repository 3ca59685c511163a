// Bearer tokens: which secrets open the HTTP port, and whose they are.
//
//   # one per line: a token, or a name (for the access log) and a token
//   prometheus 0d1f…
//   alice      77ab…
#pragma once

#include "schema/result.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace backsight::tools {

// Immutable; may be used by any thread.
class Tokens {
 public:
  // A file that only its owner can read (tools/http/private_file.h).
  static schema::Result<Tokens> load(const std::string& path);
  // `file` names the text in messages, which never show a token.
  static schema::Result<Tokens> parse(std::string_view text, const std::string& file);

  // Whose token the value of an Authorization field presents ("Bearer …").
  // Takes as long for a wrong token as for a right one: digests of equal length
  // are compared in constant time, with every token.
  std::optional<std::string> holder(std::string_view authorization) const;
  std::size_t size() const { return known_.size(); }

 private:
  using Digest = std::array<unsigned char, 32>;
  struct Known {
    std::string name;
    Digest digest;
  };
  static schema::Result<Digest> digest(std::string_view token);
  std::vector<Known> known_;
};

// What a client sends: the first token of such a file.
schema::Result<std::string> load_own_token(const std::string& path);

}  // namespace backsight::tools
