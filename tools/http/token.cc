#include "tools/http/token.h"

#include "tools/http/private_file.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstring>

namespace backsight::tools {
namespace {

using schema::ErrorCode;
using schema::make_error;

constexpr std::size_t kMinToken = 16;
constexpr std::size_t kMaxToken = 512;
constexpr std::size_t kMaxName = 64;
constexpr std::size_t kMaxTokens = 256;
constexpr std::string_view kBlank = " \t\r";
constexpr const char* kMakeOne = "make one: (umask 077; openssl rand -hex 32 > FILE)";

struct Line {
  std::string_view name;
  std::string_view token;
};

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin);
}

bool is_token_char(unsigned char c) {
  return c > 0x20 && c < 0x7f;
}

bool is_name_char(unsigned char c) {
  return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '@';
}

// The message for a line that holds no token, or nothing.
std::string problem_of(const Line& line) {
  if (line.token.size() < kMinToken) {
    return "a token of " + std::to_string(line.token.size()) + " characters: at least 16 are needed";
  }
  if (line.token.size() > kMaxToken) return "a token of more than 512 characters";
  if (!std::all_of(line.token.begin(), line.token.end(), is_token_char)) {
    return "more than a name and a token of visible ASCII characters";
  }
  if (line.name.size() > kMaxName || !std::all_of(line.name.begin(), line.name.end(), is_name_char)) {
    return "a name of other than at most 64 letters, digits, '-', '_', '.' and '@'";
  }
  return {};
}

schema::Result<std::vector<Line>> read_lines(std::string_view text, const std::string& file) {
  std::vector<Line> lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view whole = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (whole.empty() || whole.front() == '#') continue;
    const std::size_t gap = whole.find_first_of(kBlank);
    const Line line = gap == std::string_view::npos ? Line{"token", whole}
                                                    : Line{whole.substr(0, gap), trimmed(whole.substr(gap))};
    const std::string problem = lines.size() == kMaxTokens ? "more than 256 tokens" : problem_of(line);
    if (!problem.empty()) {
      return make_error(ErrorCode::kInvalid,
                        "token file " + file + ", line " + std::to_string(number) + ": " + problem, kMakeOne);
    }
    lines.push_back(line);
  }
  if (lines.empty()) {
    return make_error(ErrorCode::kInvalid, "token file " + file + " holds no token", kMakeOne);
  }
  return lines;
}

schema::Result<std::string> read_token_file(const std::string& path) {
  return read_private_file(path, 0600, "token file");
}

}  // namespace

schema::Result<Tokens::Digest> Tokens::digest(std::string_view token) {
  Digest digest{};
  unsigned length = 0;
  if (EVP_Digest(token.data(), token.size(), digest.data(), &length, EVP_sha256(), nullptr) == 1 &&
      length == digest.size()) {
    return digest;
  }
  return make_error(ErrorCode::kInternal, "OpenSSL computes no SHA-256");
}

schema::Result<Tokens> Tokens::parse(std::string_view text, const std::string& file) {
  const auto lines = read_lines(text, file);
  if (!lines) return lines.error();
  Tokens tokens;
  for (const Line& line : *lines) {
    const auto known = digest(line.token);
    if (!known) return known.error();
    tokens.known_.push_back({std::string(line.name), *known});
  }
  return tokens;
}

schema::Result<Tokens> Tokens::load(const std::string& path) {
  auto text = read_token_file(path);
  if (!text) return text.error();
  auto tokens = parse(*text, path);
  OPENSSL_cleanse(text->data(), text->size());
  return tokens;
}

std::optional<std::string> Tokens::holder(std::string_view authorization) const {
  constexpr std::string_view kScheme = "bearer ";
  const bool is_bearer =
      authorization.size() > kScheme.size() && authorization.size() <= kScheme.size() + kMaxToken &&
      std::equal(kScheme.begin(), kScheme.end(), authorization.begin(), [](char wanted, unsigned char given) {
        return wanted == static_cast<char>(std::tolower(given));
      });
  if (!is_bearer) return std::nullopt;
  const auto given = digest(trimmed(authorization.substr(kScheme.size())));
  if (!given) return std::nullopt;
  const Known* found = nullptr;
  for (const Known& known : known_) {
    if (CRYPTO_memcmp(known.digest.data(), given->data(), given->size()) == 0) found = &known;
  }
  return found == nullptr ? std::nullopt : std::optional<std::string>(found->name);
}

schema::Result<std::string> load_own_token(const std::string& path) {
  const auto text = read_token_file(path);
  if (!text) return text.error();
  const auto lines = read_lines(*text, path);
  if (!lines) return lines.error();
  return std::string(lines->front().token);
}

}  // namespace backsight::tools
