// Where the rows of a plan hold addresses of code: function pointers, pointers to
// member functions, and what std::function and std::any keep. Found out once per
// plan, so that plans without such types cost nothing.
#pragma once

#include "schema/event.h"
#include "schema/plan.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace backsight::collector {

class CodeAddresses {
 public:
  CodeAddresses() = default;
  explicit CodeAddresses(const schema::Plan& plan);

  bool empty() const { return types_.empty(); }
  // `is_sure`: by its type it is code, if it is not null; otherwise it may be
  // anything. Nulls are left out. `items`: of a row, as the pipeline has checked them.
  using Visit = std::function<void(std::uint64_t address, bool is_sure)>;
  void for_each(std::span<const std::byte> items, const Visit& visit) const;

 private:
  enum class Kind : std::uint8_t { kCode, kMember, kPerhaps };
  struct Word {
    std::uint32_t offset = 0;
    Kind kind = Kind::kCode;
  };
  struct Element {
    std::uint64_t size = 0;
    std::vector<Word> words;
  };
  void collect(const schema::Plan& plan, schema::TypeId id, std::uint64_t offset, int depth,
               Element& element) const;

  std::vector<Element> types_;  // by TypeId; empty: none of the plan has any
};

}  // namespace backsight::collector
