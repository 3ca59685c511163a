#include "probes/chase_programs.h"

#include "probes/location.h"

#include <algorithm>

namespace backsight::probes {

using schema::Container;
using schema::kNoType;
using schema::Member;
using schema::Type;
using schema::TypeKind;

namespace {

constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxProgram = 512;

class Chase {
 public:
  Chase(const CompiledPlan& plan, const FollowedMembers& followed, std::uint64_t element_bytes)
      : plan_(plan), followed_(followed), element_bytes_(element_bytes) {}

  void follow(std::uint32_t id, std::uint64_t offset, int depth) {
    if (depth > kMaxDepth || ops_.size() >= kMaxProgram || offset >= element_bytes_) return;
    const Type& type = plan_.plan.types[id];
    if (const auto only = followed_.find(id); only != followed_.end() && type.kind == TypeKind::kStruct) {
      return follow(only->second.type.value, offset + only->second.offset_bytes, depth + 1);
    }
    switch (type.kind) {
      case TypeKind::kPointer:
      case TypeKind::kReference:
        return pointer(type, offset);
      case TypeKind::kArray: {
        const std::uint64_t size = plan_.plan.types[type.target.value].size_bytes;
        const std::uint64_t count = std::min<std::uint64_t>(type.count, plan_.plan.limits.elements);
        for (std::uint64_t i = 0; i < count && size > 0 && offset + i * size < element_bytes_; ++i) {
          follow(type.target.value, offset + i * size, depth + 1);
        }
        return;
      }
      case TypeKind::kStruct:
        if (type.container != Container::kNone) return container(type, offset);
        for (const Member& member : type.members) {
          if (member.bit_size == 0) follow(member.type.value, offset + member.offset_bytes, depth + 1);
        }
        return;
      default:
        return;  // which member of a union is alive is not known
    }
  }

  const std::vector<bs_op>& ops() const { return ops_; }

 private:
  bool inside(std::uint64_t offset) const { return offset + 8 <= element_bytes_ && offset <= 0xffff; }

  // Bytes of one item of that type; 0: nothing to copy.
  std::uint64_t bytes_of(schema::TypeId id) const {
    if (id == kNoType) return 0;
    const Type& target = plan_.plan.types[id.value];
    const bool shown = target.kind != TypeKind::kVoid && target.kind != TypeKind::kFunction &&
                       target.kind != TypeKind::kUndefined && target.kind != TypeKind::kUnsupported;
    return shown ? std::min<std::uint64_t>(target.size_bytes, BS_MAX_OBJECT) : 0;
  }

  void pointer(const Type& type, std::uint64_t offset) {
    const std::uint64_t bytes = bytes_of(type.target);
    if (bytes == 0 || !inside(offset)) return;
    const bool is_text =
        type.kind == TypeKind::kPointer && plan_.plan.types[type.target.value].kind == TypeKind::kChar;
    ops_.push_back(make_op(is_text ? BS_OP_CHASE_CSTR : BS_OP_CHASE_PTR, 0,
                           static_cast<std::uint16_t>(offset), type.target.value, is_text ? 0 : bytes));
  }

  void container(const Type& type, std::uint64_t offset) {
    const std::uint64_t first = offset + type.offset_a;
    const std::uint64_t second = offset + type.offset_b;
    const std::uint64_t bytes = bytes_of(type.target);
    if (bytes == 0 || !inside(first) || !inside(second)) return;
    if (type.container == Container::kString) {
      ops_.push_back(make_op(BS_OP_CHASE_COUNTED, 1, static_cast<std::uint16_t>(first), type.target.value,
                             second << 32 | bytes));
      return;
    }
    const std::int64_t words = (static_cast<std::int64_t>(second) - static_cast<std::int64_t>(first)) / 8;
    // Elements that do not fit an item would be taken for others.
    if (bytes != plan_.plan.types[type.target.value].size_bytes || words < -128 || words > 127) return;
    ops_.push_back(make_op(BS_OP_CHASE_SPAN, static_cast<std::uint8_t>(words),
                           static_cast<std::uint16_t>(first), type.target.value, bytes));
  }

  const CompiledPlan& plan_;
  const FollowedMembers& followed_;
  std::uint64_t element_bytes_;
  std::vector<bs_op> ops_;
};

}  // namespace

void compile_chase_programs(CompiledPlan& output, const FollowedMembers& followed) {
  for (std::uint32_t id = 0; id < output.types.size(); ++id) {
    Chase chase(output, followed, output.types[id].size);
    chase.follow(id, 0, 0);
    output.types[id].chase_pc = kNoProgram;
    if (chase.ops().empty()) continue;
    output.types[id].chase_pc = static_cast<std::uint32_t>(output.ops.size());
    output.ops.insert(output.ops.end(), chase.ops().begin(), chase.ops().end());
    output.ops.push_back(make_op(BS_OP_NEXT));
  }
}

}  // namespace backsight::probes
