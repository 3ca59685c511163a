// Helpers shared by the sources of ValueDecoder.
#pragma once

#include "query/text.h"
#include "schema/event.h"
#include "schema/plan.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace backsight::query {

// Extends the path while it lives.
class PathScope {
 public:
  PathScope(std::string& path, std::string_view member) : path_(path), size_(path.size()) {
    if (!member.empty()) append_member(path_, member);
  }
  PathScope(std::string& path, std::size_t index) : path_(path), size_(path.size()) {
    path_ += '[';
    path_ += std::to_string(index);
    path_ += ']';
  }
  ~PathScope() { path_.resize(size_); }
  PathScope(const PathScope&) = delete;
  PathScope& operator=(const PathScope&) = delete;

 private:
  std::string& path_;
  std::size_t size_;
};

// The same for a key of a map, which may be any text.
class KeyScope {
 public:
  KeyScope(std::string& path, std::string_view key) : path_(path), size_(path.size()) {
    append_member(path_, key);
  }
  ~KeyScope() { path_.resize(size_); }
  KeyScope(const KeyScope&) = delete;
  KeyScope& operator=(const KeyScope&) = delete;

 private:
  std::string& path_;
  std::size_t size_;
};

class Counted {
 public:
  explicit Counted(int& counter) : counter_(counter) { ++counter_; }
  ~Counted() { --counter_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  int& counter_;
};

inline std::string name_of(schema::ItemStatus status) {
  switch (status) {
    case schema::ItemStatus::kBadAddress:
    case schema::ItemStatus::kNegativeLength:
      return schema::to_string(schema::Unavailable::kBadAddress);
    case schema::ItemStatus::kUnknownCaller:
      return schema::to_string(schema::Unavailable::kOptimizedOut);
    case schema::ItemStatus::kChanging:
      return schema::to_string(schema::Unavailable::kChanging);
    case schema::ItemStatus::kNotResident:
      return schema::to_string(schema::Unavailable::kNotResident);
    case schema::ItemStatus::kElementLimit:
      return schema::to_string(schema::Unavailable::kElementLimit);
    case schema::ItemStatus::kStringLimit:
      return schema::to_string(schema::Unavailable::kStringLimit);
    case schema::ItemStatus::kByteLimit:
    case schema::ItemStatus::kOk:
      break;
  }
  return schema::to_string(schema::Unavailable::kByteLimit);
}

inline bool is_text(const schema::Type& type) {
  return type.kind == schema::TypeKind::kChar && type.size_bytes == 1;
}

// Name of a character type of more than one byte, which debug information
// describes as an integer.
inline bool is_wide_char(const schema::Type& type) {
  const bool is_integral = type.kind == schema::TypeKind::kInteger || type.kind == schema::TypeKind::kChar;
  return is_integral && (type.size_bytes == 2 || type.size_bytes == 4) &&
         (type.name == "wchar_t" || type.name == "char16_t" || type.name == "char32_t");
}

// "element_limit 32 of 100"
inline std::string cut_off(std::string reason, std::uint64_t shown, std::optional<std::uint64_t> total) {
  reason += " " + std::to_string(shown);
  if (total && *total > shown) reason += " of " + std::to_string(*total);
  return reason;
}

inline std::string cut_off(schema::ItemStatus status, schema::ItemStatus usual, std::uint64_t shown,
                           std::uint64_t total) {
  return cut_off(name_of(status == schema::ItemStatus::kOk ? usual : status), shown, total);
}

inline schema::ItemStatus status_of(const schema::Item& item) {
  return item.header.status <= static_cast<std::uint8_t>(schema::ItemStatus::kLast)
             ? static_cast<schema::ItemStatus>(item.header.status)
             : schema::ItemStatus::kBadAddress;
}

// Nothing was copied, and that is a failure rather than an empty object.
inline bool is_failed(const schema::Item& item) {
  const schema::ItemStatus status = status_of(item);
  return item.bytes.empty() && status != schema::ItemStatus::kOk;
}

}  // namespace backsight::query
