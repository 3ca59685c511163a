// Entries of the debug information, with owners and optionals for libdwarf's error
// codes. A damaged entry reads as "not there". Not thread-safe.
#pragma once

#include <dwarf.h>
#include <libdwarf.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace backsight::probes {

// A debugging information entry: its offset in its section, the number of its file in
// bits 48 to 62 and, in bit 63, whether it is in .debug_types. 0 is none.
//
//   file 0: the debug file   1: its alternate file (dwz)   2…: one for each split unit
using DieKey = std::uint64_t;
inline constexpr DieKey kTypesSection = 1ull << 63;
inline constexpr int kFileShift = 48;
inline constexpr std::uint32_t kAlternateFile = 1;
inline constexpr std::uint32_t kFirstSplitFile = 2;
inline constexpr std::uint32_t kMaxDebugFiles = 1u << 15;

inline std::uint64_t offset_of(DieKey key) {
  return key & ((1ull << kFileShift) - 1);
}
inline std::uint32_t file_of(DieKey key) {
  return static_cast<std::uint32_t>((key & ~kTypesSection) >> kFileShift);
}
inline DieKey key_in(std::uint32_t file, std::uint64_t offset) {
  return offset | DieKey{file} << kFileShift;
}

// One debugging information entry. Owns the handle; must not outlive its session.
class Die {
 public:
  Die() = default;
  Die(Dwarf_Debug debug, Dwarf_Die die, std::uint32_t file = 0) : debug_(debug), die_(die), file_(file) {}
  Die(Die&& other) noexcept;
  Die& operator=(Die&& other) noexcept;
  Die(const Die&) = delete;
  Die& operator=(const Die&) = delete;
  ~Die();

  explicit operator bool() const { return die_ != nullptr; }
  Dwarf_Die handle() const { return die_; }
  Dwarf_Debug debug() const { return debug_; }
  Dwarf_Half tag() const;
  DieKey key() const;
  // Counted from the header of its unit, as references within it are.
  std::optional<std::uint64_t> offset_in_unit() const;
  // Points into the section; nullptr if it has no name.
  const char* name() const;
  const char* text(Dwarf_Half attribute) const;
  bool has(Dwarf_Half attribute) const;
  bool flag(Dwarf_Half attribute) const;
  std::optional<std::uint64_t> unsigned_value(Dwarf_Half attribute) const;  // constants only
  std::optional<std::int64_t> signed_value(Dwarf_Half attribute) const;     // sign as the form has it
  std::optional<std::uint64_t> address(Dwarf_Half attribute) const;
  std::optional<DieKey> reference(Dwarf_Half attribute) const;
  std::vector<std::uint8_t> block(Dwarf_Half attribute) const;  // exprloc and blocks
  Die child() const;
  Die sibling() const;

 private:
  friend class DieAttribute;
  Dwarf_Debug debug_ = nullptr;
  Dwarf_Die die_ = nullptr;
  std::uint32_t file_ = 0;
};

// Calls visit(Die&&) for each child until it returns false.
void for_each_child(const Die& parent, const std::function<bool(Die&&)>& visit);

// Receives libdwarf's error and frees it.
class ErrorSlot {
 public:
  explicit ErrorSlot(Dwarf_Debug debug) : debug_(debug) {}
  ErrorSlot(const ErrorSlot&) = delete;
  ErrorSlot& operator=(const ErrorSlot&) = delete;
  ~ErrorSlot() {
    if (error_) dwarf_dealloc_error(debug_, error_);
  }
  Dwarf_Error* out() { return &error_; }

 private:
  Dwarf_Debug debug_;
  Dwarf_Error error_ = nullptr;
};

// One attribute of an entry; empty if the entry has none such.
class DieAttribute {
 public:
  DieAttribute(const Die& die, Dwarf_Half attribute);
  DieAttribute(const DieAttribute&) = delete;
  DieAttribute& operator=(const DieAttribute&) = delete;
  ~DieAttribute();
  explicit operator bool() const { return attribute_ != nullptr; }
  Dwarf_Attribute handle() const { return attribute_; }
  Dwarf_Half form() const;

 private:
  Dwarf_Attribute attribute_ = nullptr;
};

}  // namespace backsight::probes
