#include "oracle.h"

#include <cmath>
#include <cstring>

namespace oracle {

volatile int zero = 0;

void sink(const void* value) {
  static volatile unsigned long seen;
  seen = seen + reinterpret_cast<std::uintptr_t>(value);
}

std::uint64_t Rng::next() {  // splitmix64
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

std::size_t Rng::size() {
  static constexpr std::size_t kOuter[] = {0, 1, 2, 3, 5, 7, 9, 17, 31, 70};
  if (depth_ <= 1) return kOuter[below(sizeof kOuter / sizeof *kOuter)];
  return below(depth_ == 2 ? 4 : 3);
}

std::string Rng::text() {
  static constexpr std::size_t kLengths[] = {0, 1, 5, 7, 15, 16, 22, 23, 24, 40, 130};
  switch (below(10)) {
    case 0:
      return std::string("nul\0 and more after it", 22);
    case 1:
      return "\xff\xfe invalid \xc3";
    case 2:
      return "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80 \"quoted\" \\ \n\t\x01";
    case 3:
      if (depth_ <= 1) return std::string(700, 'L') + "end";
      [[fallthrough]];
    default: {
      std::string text(kLengths[below(sizeof kLengths / sizeof *kLengths)], ' ');
      for (auto& c : text) c = static_cast<char>('!' + below(90));
      return text;
    }
  }
}

double Rng::real() {
  static const double kEdges[] = {
      0.0,      -0.0,      1.5, -2.25, 0.1, 1e30, -1e-30, 3.4028234663852886e38, 1.17549435e-38,
      INFINITY, -INFINITY, NAN};
  if (chance(40)) return kEdges[below(sizeof kEdges / sizeof *kEdges)];
  return static_cast<double>(static_cast<std::int64_t>(next()) >> 40) / 8;
}

namespace {

// Length of the UTF-8 sequence at the beginning of `text`, 0: none.
std::size_t utf8_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = at(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  std::uint32_t code = lead & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (at(i) & 0x3fu);
  }
  static constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  return code < kLeast[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : length;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

const char* name_of(Passing passing) {
  switch (passing) {
    case Passing::kInteger:
      return "integer";
    case Passing::kVector:
      return "vector";
    case Passing::kMemory:
      return "memory";
    case Passing::kX87:
      return "x87";
    case Passing::kIndirect:
      return "indirect";
    case Passing::kLocal:
      return "local";
    case Passing::kNothing:
      return "nothing";
  }
  return "";
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string code_name(std::string_view name) {
  return "{\"$truth\":\"name\",\"value\":" + quoted(name) + "}";
}

void put_text(std::string& out, std::string_view bytes) {
  if (is_utf8(bytes)) {
    out += quoted(bytes);
    return;
  }
  out += "{\"$bytes\":\"";
  for (const char c : bytes) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(c));
    out += digits;
  }
  out += "\"}";
}

void put_code_points(std::string& out, const char32_t* text, std::size_t length) {
  std::string bytes;
  const auto tail = [&](char32_t code, int shift) {
    bytes += static_cast<char>(0x80 | ((code >> shift) & 0x3f));
  };
  for (std::size_t i = 0; i < length; ++i) {
    const char32_t code = text[i];
    if (code < 0x80) {
      bytes += static_cast<char>(code);
    } else if (code < 0x800) {
      bytes += static_cast<char>(0xc0 | code >> 6), tail(code, 0);
    } else if (code < 0x10000) {
      bytes += static_cast<char>(0xe0 | code >> 12), tail(code, 6), tail(code, 0);
    } else {
      bytes += static_cast<char>(0xf0 | code >> 18), tail(code, 12), tail(code, 6), tail(code, 0);
    }
  }
  put_text(out, bytes);
}

void put_pointer(std::string& out, const void* pointer) {
  if (pointer == nullptr) {
    out += "null";
    return;
  }
  char text[40];
  std::snprintf(text, sizeof text, "{\"$ptr\":\"0x%lx\"}",
                static_cast<unsigned long>(reinterpret_cast<std::uintptr_t>(pointer)));
  out += text;
}

void put_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "\"NaN\"";
  } else if (std::isinf(value)) {
    out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  } else {
    char text[40];
    std::snprintf(text, sizeof text, "%.17g", value);
    out += text;
  }
}

// Where it is shown at all, there is no JSON number beyond 64 bits.
void put_wide(std::string& out, unsigned __int128 magnitude, bool negative) {
  const auto low = static_cast<std::uint64_t>(magnitude);
  out += "{\"$truth\":\"unsupported_type\",\"value\":";
  if (magnitude >> 64 != 0 || (negative && low > 1ull << 63)) {
    out += "null";
  } else {
    out += (negative ? "-" : "") + std::to_string(low);
  }
  out += "}";
}

// What is no double is not shown.
void put_long_double(std::string& out, long double value) {
  const double narrow = static_cast<double>(value);
  if (std::isnan(value) || static_cast<long double>(narrow) == value) {
    put_number(out, narrow);
  } else {
    out += "{\"$truth\":\"unsupported_type\",\"value\":null}";
  }
}

Signature& Signature::add(const char* name, Passing passing) {
  args_ += std::string(args_.empty() ? "" : ",") + quoted(name) + ":\"" + name_of(passing) + "\"";
  return *this;
}

void Signature::finish(Passing passing) {
  std::printf("{\"signature\":%s,\"passing\":{%s},\"return\":\"%s\"}\n", quoted(function_).c_str(),
              args_.c_str(), name_of(passing));
}

void Call::begin(const char* name) {
  args_ += std::string(args_.empty() ? "" : ",") + quoted(name) + ":";
}

void Call::ret_void() {
  result_ = "null";
  write();
}

void Call::write() {
  std::printf("{\"n\":%lu,\"function\":%s,\"args\":{%s},\"return\":%s}\n", number_, quoted(function_).c_str(),
              args_.c_str(), result_.c_str());
}

}  // namespace oracle
