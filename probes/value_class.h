// How a value of at most 16 bytes goes through registers (System V ABI for x86-64,
// 3.2.3): the classes of its words, and which of its bytes mean something.
#pragma once

#include "probes/type_layout.h"

#include <array>
#include <cstdint>

namespace backsight::probes {

enum class WordClass { kNone, kInteger, kSse, kX87, kMemory, kUnknown };

struct ValueClass {
  std::array<WordClass, 2> words = {WordClass::kNone, WordClass::kNone};
  bool has_x87 = false;
  bool has_vector = false;
  std::uint32_t used = 0;  // bit n: byte n is not padding, or that is not known

  // Nothing in it means anything.
  bool is_empty() const { return words[0] == WordClass::kNone && words[1] == WordClass::kNone; }
};

ValueClass classify_value(const TypeLayout& layout, DieKey type);

}  // namespace backsight::probes
