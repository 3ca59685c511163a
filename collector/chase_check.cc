#include "collector/chase_check.h"

#include <initializer_list>

namespace backsight::collector {

schema::Error wrong_operation(std::size_t pc, const std::string& what) {
  return schema::make_error(schema::ErrorCode::kInvalid,
                            "operation " + std::to_string(pc) + " of the capture plan: " + what);
}

namespace {

// One operation in an element of `size` bytes.
class Check {
 public:
  Check(const probes::CompiledPlan& plan, std::size_t pc, std::uint32_t size)
      : plan_(plan), op_(plan.ops[pc]), pc_(pc), size_(size) {}

  schema::Result<void> run() const {
    switch (op_.code) {
      case BS_OP_CHASE_PTR:
        return all({inside(op_.b), copies(op_.c, op_.d)});
      case BS_OP_CHASE_CSTR:
        return all({inside(op_.b), is_type(op_.c)});
      case BS_OP_CHASE_SPAN:
        return all({inside(op_.b), inside(op_.b + words(op_.a)), copies(op_.c, op_.d)});
      case BS_OP_CHASE_COUNTED:
        return all({inside(op_.b), inside(high(32)), copies(op_.c, low32())});
      case BS_OP_CHASE_IF:
        return condition();
      case BS_OP_CHASE_BITS:
        if (op_.a == 0) return all({inside(op_.b), inside(high(32)), copies(op_.c, 8)});
        return all({inside(op_.b), inside(op_.b + words(op_.a), 12), copies(op_.c, 8)});
      case BS_OP_CHASE_LIST:
        return all({inside(op_.b), copies(op_.c, low32()), in_node(field(32), low32())});
      case BS_OP_CHASE_TREE:
        return tree();
      case BS_OP_CHASE_BLOCKS:
        return blocks();
      case BS_OP_CHASE_DYNAMIC:
        return all({inside(op_.b), copies(op_.c, low32()), is_type(static_cast<std::uint32_t>(high(32)))});
      default:
        return wrong_operation(pc_, "code " + std::to_string(op_.code) + " is not a chase operation");
    }
  }

 private:
  using Checks = std::initializer_list<schema::Result<void>>;
  static schema::Result<void> all(Checks checks) {
    for (const auto& check : checks)
      if (!check) return check.error();
    return {};
  }
  static std::int64_t words(__u8 count) { return static_cast<signed char>(count) * std::int64_t{8}; }
  std::int64_t high(unsigned shift) const { return static_cast<std::int64_t>(op_.d >> shift); }
  std::uint32_t low32() const { return static_cast<std::uint32_t>(op_.d); }
  std::uint16_t field(unsigned shift) const { return static_cast<std::uint16_t>(op_.d >> shift); }
  std::uint8_t byte(unsigned shift) const { return static_cast<std::uint8_t>(op_.d >> shift); }

  schema::Result<void> inside(std::int64_t offset, std::int64_t bytes = 8) const {
    if (offset >= 0 && offset + bytes <= size_) return {};
    return wrong_operation(pc_, "it reads outside its element of " + std::to_string(size_) + " bytes");
  }
  schema::Result<void> in_node(std::uint64_t offset, std::uint64_t bytes) const {
    if (offset + 8 <= bytes) return {};
    return wrong_operation(pc_, "it reads outside a node of " + std::to_string(bytes) + " bytes");
  }
  schema::Result<void> is_type(std::uint32_t type) const {
    if (type < plan_.types.size()) return {};
    return wrong_operation(
        pc_, "type " + std::to_string(type) + " of " + std::to_string(plan_.types.size()) + " types");
  }
  schema::Result<void> copies(std::uint32_t type, std::uint64_t bytes) const {
    if (bytes > 0 && bytes <= BS_MAX_OBJECT) return is_type(type);
    return wrong_operation(pc_, "an object of " + std::to_string(bytes) + " bytes; at most " +
                                    std::to_string(BS_MAX_OBJECT) + " can be captured");
  }
  schema::Result<void> condition() const {
    if (op_.a != 1 && op_.a != 2 && op_.a != 4)
      return wrong_operation(pc_, "cannot compare " + std::to_string(op_.a) + " bytes");
    if (op_.c >= plan_.ops.size() - pc_) return wrong_operation(pc_, "it skips over the end");
    for (std::uint32_t i = 1; i <= op_.c; i++)
      if (plan_.ops[pc_ + i].code == BS_OP_NEXT)
        return wrong_operation(pc_, "it skips over the end of its program");
    return inside(op_.b, op_.a);
  }
  schema::Result<void> tree() const {
    const std::uint16_t bytes = field(0);
    return all({inside(op_.b), inside(high(48)), copies(op_.c, bytes), in_node(byte(16), bytes),
                in_node(byte(24), bytes), in_node(byte(32), bytes)});
  }
  schema::Result<void> blocks() const {
    if (field(16) == 0) return wrong_operation(pc_, "blocks of no elements");
    const auto both = all({copies(op_.c & 0xffff, field(0)), is_type(op_.c >> 16)});
    if (!both) return both.error();
    if (op_.a == 0) return all({inside(op_.b, 32), inside(high(48), 32)});
    return all({inside(op_.b), inside(high(48), 16)});
  }

  const probes::CompiledPlan& plan_;
  const bs_op& op_;
  std::size_t pc_;
  std::int64_t size_;
};

}  // namespace

schema::Result<void> check_chase_program(const probes::CompiledPlan& plan, std::uint32_t pc,
                                         std::uint32_t element_bytes) {
  for (; pc < plan.ops.size(); pc++) {
    if (plan.ops[pc].code == BS_OP_NEXT) return {};
    BACKSIGHT_TRY(Check(plan, pc, element_bytes).run());
  }
  return wrong_operation(pc, "the chase program has no end");
}

}  // namespace backsight::collector
