#include "query/members.h"

namespace backsight::query {
namespace {

using schema::Member;
using schema::Type;
using schema::TypeKind;

constexpr int kMaxTypesVisited = 256;  // to find one member

const Member* find(const schema::TypeTable& types, const Type& type, std::string_view name,
                   std::uint64_t& offset, int& visited) {
  for (const Member& member : type.members) {
    if (!member.is_base && member.name == name) return &member;
  }
  for (const Member& member : type.members) {
    if (!member.is_base && !member.name.empty()) continue;
    if (++visited > kMaxTypesVisited) return nullptr;
    if (member.type.value >= types.size()) continue;
    const Type& part = types[member.type.value];
    if (part.kind != TypeKind::kStruct && part.kind != TypeKind::kUnion) continue;
    std::uint64_t inner = offset + member.offset_bytes;
    if (const Member* found = find(types, part, name, inner, visited)) {
      offset = inner;
      return found;
    }
  }
  return nullptr;
}

}  // namespace

const Member* find_member(const schema::TypeTable& types, const Type& type, std::string_view name,
                          std::uint64_t& offset) {
  int visited = 0;
  return find(types, type, name, offset, visited);
}

bool is_multimap(const Type& type) {
  return std::string_view(type.name).substr(0, type.name.find('<')).ends_with("multimap");
}

}  // namespace backsight::query
