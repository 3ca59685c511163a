// A target's own account of what it passed: one JSON object per line on
// standard output, written by code that knows nothing of Backsight. Targets
// wait for a line on standard input before each round, and end at its end.
#pragma once

#include <cstdio>
#include <iostream>
#include <string>

namespace truth {

inline std::string quote(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    char escaped[8];
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      out += escaped;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// One call: `args` and `result` are JSON texts.
inline void call(const std::string& function, const std::string& args, const std::string& result) {
  std::cout << "{\"function\":" << quote(function) << ",\"args\":" << args << ",\"return\":" << result
            << "}\n";
}

// False at the end of input.
inline bool next_round() {
  std::cout << "ready" << std::endl;
  std::string line;
  return static_cast<bool>(std::getline(std::cin, line));
}

}  // namespace truth
