#include "probes/chase_programs.h"

#include "probes/location.h"

#include <algorithm>
#include <optional>
#include <unordered_set>

namespace backsight::probes {

using schema::Container;
using schema::kNoType;
using schema::Member;
using schema::Type;
using schema::TypeId;
using schema::TypeKind;

namespace layout = schema::layout;

namespace {

constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxProgram = 512;
constexpr std::uint64_t kMaxOffset = 0xffff;  // what an operation can say

struct ChaseContext {
  const CompiledPlan& plan;
  const FollowedMembers& followed;
  std::unordered_set<std::uint32_t> nodes;  // types of which only the value, members[0], is followed
};

class Chase {
 public:
  Chase(const ChaseContext& context, std::uint64_t element_bytes)
      : context_(context), types_(context.plan.plan.types), element_bytes_(element_bytes) {}

  void follow(TypeId id, std::uint64_t offset, int depth) {
    if (depth > kMaxDepth || ops_.size() >= kMaxProgram || offset >= element_bytes_) return;
    const Type& type = types_[id.value];
    const auto only = context_.followed.find(id.value);
    if (only != context_.followed.end() && type.kind == TypeKind::kStruct)
      return member(only->second, offset, depth);
    switch (type.kind) {
      case TypeKind::kPointer:
      case TypeKind::kReference:
        return pointer(type, offset);
      case TypeKind::kArray:
        return array(type, offset, depth);
      case TypeKind::kStruct:
        if (type.container != Container::kNone) return container(type, offset, depth);
        if (context_.nodes.contains(id.value)) return first_member(type, offset, depth);
        return all_members(type, offset, depth);
      default:
        return;  // which member of a union is alive is not known
    }
  }

  const std::vector<bs_op>& ops() const { return ops_; }

 private:
  bool inside(std::uint64_t offset, std::uint64_t bytes = 8) const {
    return offset + bytes <= element_bytes_ && offset <= kMaxOffset;
  }

  // Bytes of one item of that type; 0: nothing to copy.
  std::uint64_t bytes_of(TypeId id) const {
    if (id == kNoType) return 0;
    const Type& target = types_[id.value];
    const bool shown = target.kind != TypeKind::kVoid && target.kind != TypeKind::kFunction &&
                       target.kind != TypeKind::kUndefined && target.kind != TypeKind::kUnsupported &&
                       target.kind != TypeKind::kRedacted;
    return shown ? std::min<std::uint64_t>(target.size_bytes, BS_MAX_OBJECT) : 0;
  }

  // The same where the item holds elements or nodes: those that do not fit would be taken for others.
  std::uint64_t whole_bytes_of(TypeId id) const {
    const std::uint64_t bytes = bytes_of(id);
    return bytes != 0 && bytes == types_[id.value].size_bytes ? bytes : 0;
  }

  void add(bs_op_code code, std::uint8_t a, std::uint64_t b, std::uint32_t c, std::uint64_t d) {
    ops_.push_back(make_op(code, a, static_cast<std::uint16_t>(b), c, d));
  }

  // What `inner` adds is executed where the `bytes` at offset, masked, are `value`.
  template <class Inner>
  void only_if(std::uint64_t offset, std::uint64_t bytes, std::uint64_t mask, std::uint64_t value,
               Inner inner) {
    const bool can_say = (bytes == 1 || bytes == 2 || bytes == 4) && inside(offset, bytes) &&
                         mask <= 0xffffffff && value <= 0xffffffff;
    if (!can_say) return;
    const std::size_t at = ops_.size();
    add(BS_OP_CHASE_IF, static_cast<std::uint8_t>(bytes), offset, 0, mask << 32 | value);
    inner();
    ops_[at].c = static_cast<std::uint32_t>(ops_.size() - at - 1);
    if (ops_[at].c == 0) ops_.pop_back();
  }

  void member(const Member& member, std::uint64_t offset, int depth) {
    if (member.bit_size == 0) follow(member.type, offset + member.offset_bytes, depth + 1);
  }
  void all_members(const Type& type, std::uint64_t offset, int depth) {
    for (const Member& one : type.members) member(one, offset, depth);
  }
  void first_member(const Type& type, std::uint64_t offset, int depth) {
    if (!type.members.empty()) member(type.members.front(), offset, depth);
  }

  void array(const Type& type, std::uint64_t offset, int depth) {
    const std::uint64_t size = types_[type.target.value].size_bytes;
    const std::uint64_t count = std::min<std::uint64_t>(type.count, context_.plan.plan.limits.elements);
    for (std::uint64_t i = 0; i < count && size > 0 && offset + i * size < element_bytes_; ++i)
      follow(type.target, offset + i * size, depth + 1);
  }

  void pointer(const Type& type, std::uint64_t offset) {
    if (bytes_of(type.target) == 0 || !inside(offset)) return;
    const Type& target = types_[type.target.value];
    if (type.kind == TypeKind::kReference || target.kind != TypeKind::kChar)
      return object(type.target, offset);
    // Texts of wider characters are not shown through bare pointers.
    if (target.size_bytes == 1) add(BS_OP_CHASE_CSTR, 0, offset, type.target.value, 0);
  }

  // One object, as what it is where that can be known.
  void object(TypeId target, std::uint64_t offset) {
    const std::uint64_t bytes = bytes_of(target);
    if (bytes == 0 || !inside(offset)) return;
    const TypeId link = types_[target.value].dynamic;
    if (link == kNoType || context_.followed.contains(target.value))
      return add(BS_OP_CHASE_PTR, 0, offset, target.value, bytes);
    add(BS_OP_CHASE_DYNAMIC, 0, offset, target.value, std::uint64_t{link.value} << 32 | bytes);
  }

  void container(const Type& type, std::uint64_t offset, int depth) {
    switch (type.container) {
      case Container::kString:
        return counted(type, offset, true);
      case Container::kFlaggedString:
        return flagged_string(type, offset);
      case Container::kCounted:
        return counted(type, offset, false);
      case Container::kVector:
        return span(type, offset);
      case Container::kBitVector:
        return bits(type, offset);
      case Container::kList:
        return list(type, offset);
      case Container::kTree:
        return tree(type, offset);
      case Container::kDeque:
        return deque(type, offset);
      case Container::kTuple:
        return all_members(type, offset, depth);
      case Container::kTransparent:
      case Container::kCallable:
        return first_member(type, offset, depth);
      case Container::kOptional:
        return only_if(offset + type.offset_a, 1, 0xff, 1, [&] { first_member(type, offset, depth); });
      case Container::kVariant:
        return variant(type, offset, depth);
      case Container::kSmartPointer:
        return object(type.target, offset + type.offset_a);
      case Container::kWeakPointer:
        object(type.target, offset + type.offset_a);
        return first_member(type, offset, depth);
      default:
        return;  // what they show lies in the value itself, or is an address
    }
  }

  void counted(const Type& type, std::uint64_t offset, bool is_text) {
    const std::uint64_t data = offset + type.offset_a, length = offset + type.offset_b;
    const std::uint64_t bytes = whole_bytes_of(type.target);
    if (bytes == 0 || !inside(data) || !inside(length)) return;
    add(BS_OP_CHASE_COUNTED, is_text, data, type.target.value, length << 32 | bytes);
  }

  void flagged_string(const Type& type, std::uint64_t offset) {
    if (type.layout.size() < layout::kFlaggedFields) return;
    only_if(offset + type.layout[layout::kFlagOffset], 1, type.layout[layout::kFlagMask],
            type.layout[layout::kFlagLong], [&] { counted(type, offset, true); });
  }

  // Distance from one pointer to another, as operations say it.
  static std::optional<std::uint8_t> words_between(std::uint64_t first, std::uint64_t second) {
    const auto bytes = static_cast<std::int64_t>(second - first);
    if (bytes % 8 != 0 || bytes / 8 < -128 || bytes / 8 > 127) return std::nullopt;
    return static_cast<std::uint8_t>(bytes / 8);
  }

  void span(const Type& type, std::uint64_t offset) {
    const std::uint64_t begin = offset + type.offset_a, end = offset + type.offset_b;
    const std::uint64_t bytes = whole_bytes_of(type.target);
    const auto words = words_between(begin, end);
    if (bytes == 0 || !words || !inside(begin) || !inside(end)) return;
    add(BS_OP_CHASE_SPAN, *words, begin, type.target.value, bytes);
  }

  void bits(const Type& type, std::uint64_t offset) {
    const std::uint64_t begin = offset + type.offset_a, other = offset + type.offset_b;
    if (type.layout.size() < layout::kBitVectorFields || bytes_of(type.target) != 8) return;
    if (!inside(begin) || !inside(other)) return;
    if (!type.layout[layout::kEndIsPointer])
      return add(BS_OP_CHASE_BITS, 0, begin, type.target.value, other << 32);
    const auto words = words_between(begin, other);
    // The number of its bits has to be behind the pointer.
    if (!words || *words == 0 || type.layout[layout::kEndBits] != type.offset_b + std::uint64_t{8}) return;
    if (inside(other, 12)) add(BS_OP_CHASE_BITS, *words, begin, type.target.value, 0);
  }

  void list(const Type& type, std::uint64_t offset) {
    const std::uint64_t first = offset + type.offset_a, bytes = whole_bytes_of(type.target);
    if (type.layout.size() < layout::kListFields || bytes == 0 || !inside(first)) return;
    const std::uint64_t next = type.layout[layout::kNext], end = type.layout[layout::kSentinel];
    const bool has_end = end != layout::kNoOffset;
    const std::uint64_t end_offset = has_end ? offset + end : 0;
    if (next + 8 > bytes || end_offset > kMaxOffset) return;
    add(BS_OP_CHASE_LIST, has_end, first, type.target.value, end_offset << 48 | next << 32 | bytes);
  }

  void tree(const Type& type, std::uint64_t offset) {
    const std::uint64_t first = offset + type.offset_a, count = offset + type.offset_b;
    const std::uint64_t bytes = whole_bytes_of(type.target);
    if (type.layout.size() < layout::kTreeFields || bytes == 0 || !inside(first) || !inside(count)) return;
    std::uint64_t offsets = 0;
    for (const auto part : {layout::kRight, layout::kLeft, layout::kParent}) {
      const std::uint64_t at = type.layout[part];
      if (at > 0xff || at + 8 > bytes) return;
      offsets = offsets << 8 | at;
    }
    add(BS_OP_CHASE_TREE, 0, first, type.target.value, count << 48 | offsets << 16 | bytes);
  }

  void deque(const Type& type, std::uint64_t offset) {
    if (type.layout.size() < layout::kDequeFields || type.members.empty()) return;
    const std::uint64_t a = offset + type.offset_a, b = offset + type.offset_b;
    const bool by_iterators = type.layout[layout::kByIterators] != 0;
    const std::uint64_t bytes = whole_bytes_of(type.target), in_block = type.layout[layout::kBlockElements];
    const std::uint32_t element = type.target.value, block = type.members.front().type.value;
    const bool is_inside = by_iterators ? inside(a, 32) && inside(b, 32) : inside(a) && inside(b, 16);
    if (bytes == 0 || !is_inside || in_block == 0 || in_block > 0xffff || element > 0xffff || block > 0xffff)
      return;
    add(BS_OP_CHASE_BLOCKS, !by_iterators, a, block << 16 | element, b << 48 | in_block << 16 | bytes);
  }

  void variant(const Type& type, std::uint64_t offset, int depth) {
    const std::uint64_t bytes = type.offset_b;
    if (bytes != 1 && bytes != 2 && bytes != 4) return;
    const std::uint64_t mask = (std::uint64_t{1} << bytes * 8) - 1;
    for (std::size_t i = 0; i < type.members.size(); ++i)
      only_if(offset + type.offset_a, bytes, mask, i, [&] { member(type.members[i], offset, depth); });
  }

  const ChaseContext& context_;
  const schema::TypeTable& types_;
  std::uint64_t element_bytes_;
  std::vector<bs_op> ops_;
};

}  // namespace

void compile_chase_programs(CompiledPlan& output, const FollowedMembers& followed) {
  ChaseContext context{.plan = output, .followed = followed, .nodes = {}};
  for (const Type& type : output.plan.types) {
    const bool has_nodes = type.container == Container::kList || type.container == Container::kTree;
    if (has_nodes && type.target != kNoType) context.nodes.insert(type.target.value);
  }
  for (std::uint32_t id = 0; id < output.types.size(); ++id) {
    Chase chase(context, output.types[id].size);
    chase.follow({id}, 0, 0);
    output.types[id].chase_pc = kNoProgram;
    if (chase.ops().empty()) continue;
    output.types[id].chase_pc = static_cast<std::uint32_t>(output.ops.size());
    output.ops.insert(output.ops.end(), chase.ops().begin(), chase.ops().end());
    output.ops.push_back(make_op(BS_OP_NEXT));
  }
}

}  // namespace backsight::probes
