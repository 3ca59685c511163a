// Result<T>: the one way a Backsight function reports failure. Exceptions of
// third-party libraries are turned into an Error at the folder's boundary.
#pragma once

#include <boost/system/result.hpp>

#include <stdexcept>
#include <string>
#include <utility>

namespace backsight::schema {

// What kind of failure, as far as a caller can act on it. Exit codes and HTTP
// statuses are derived from it.
enum class ErrorCode {
  kInvalid,      // bad input: usage, configuration, expression (exit 2, HTTP 400)
  kNotFound,     // the named thing does not exist (HTTP 404)
  kPermission,   // the operating system refused (HTTP 403)
  kUnsupported,  // this kernel or build cannot, or "not supported yet"
  kBusy,         // somebody else holds it, e.g. a locked store (HTTP 503)
  kNoSpace,      // disk or memory limit reached
  kCorrupt,      // stored or received bytes contradict their own format
  kIo,           // the operating system failed
  kInternal,     // our own mistake
};

// message: what failed, on which object, with which value. hint: what to try;
// may be empty.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;
  std::string hint;

  // "message (hint)" on one line.
  std::string to_string() const { return hint.empty() ? message : message + " (" + hint + ")"; }
  // The same error with "context: " before its message.
  Error within(const std::string& context) const { return {code, context + ": " + message, hint}; }
};

// Found by argument-dependent lookup when value() is called on an error.
[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw std::logic_error("unchecked Result: " + error.to_string());
}

template <class T = void>
using Result = boost::system::result<T, Error>;

inline Error make_error(ErrorCode code, std::string message, std::string hint = {}) {
  return {code, std::move(message), std::move(hint)};
}

}  // namespace backsight::schema

// Evaluates an expression yielding a Result and returns its error, if any.
#define BACKSIGHT_TRY(expression)                                                             \
  do {                                                                                        \
    if (auto try_result_ = (expression); !try_result_) return std::move(try_result_).error(); \
  } while (false)
