// What expressions must not read.
#include "probes/expression_compiler.h"
#include "probes/expression_ops.h"
#include "probes/redaction.h"

#include <algorithm>

namespace backsight::probes {

using schema::Expression;
using schema::kNoType;
using schema::Type;
using schema::TypeId;
using schema::Unavailable;

namespace {

constexpr int kMaxPointers = 4;
constexpr int kMaxBases = 16;

}  // namespace

schema::Error ExpressionCompiler::redacted(const Expression& at) {
  return refused(Unavailable::kRedacted, at, "this reads what is redacted",
                 "take it out of the expression, or its pattern out of `redact`");
}

std::uint32_t ExpressionCompiler::root_context(const std::string& name) const {
  return context_.redaction ? context_.redaction->rules().root(name) : RedactRules::kNowhere;
}

// It is known by that name, too.
void ExpressionCompiler::join_root(Operand& operand, const std::string& name) const {
  if (!context_.redaction) return;
  operand.redaction = context_.redaction->rules().join(operand.redaction, root_context(name));
}

bool ExpressionCompiler::is_redacted(const Operand& operand) const {
  return context_.redaction && context_.redaction->hides(operand.type, operand.redaction);
}

bool ExpressionCompiler::is_redacted_range(const Operand& range) const {
  if (!context_.redaction || !context_.redaction->is_active()) return false;
  Redaction& redaction = *context_.redaction;
  TypeId type = range.type;
  std::uint32_t context = range.redaction;
  for (const std::string& step : range.projection) {
    for (int i = 0; i < kMaxPointers && type != kNoType && is_pointer(context_.types.type(type)); ++i)
      type = context_.types.pointee(type);
    const auto found = type == kNoType ? std::nullopt : find_member(type, step, 0);
    const auto own = found ? redaction.of_name(type, step, context) : std::nullopt;
    if (!own) return false;  // there is no such member
    if (redaction.hides_member(type, context, *found, *own)) return true;
    type = found->type;
    context = *own;
  }
  if (range.projection_cast == kNoType) return false;
  Operand last;
  last.type = type;
  last.redaction = context;
  return hides_after_cast(last, range.projection_cast);
}

// Another view of the same bytes knows nothing of what is redacted in them, nor in
// what they lead to; only a class and its bases say the same of the same bytes.
bool ExpressionCompiler::hides_after_cast(const Operand& value, TypeId target) const {
  if (!context_.redaction || !context_.redaction->is_active() || value.is_range) return false;
  TypeId from = value.type;
  const auto pointee = [&](TypeId type) {
    return type != kNoType && is_pointer(context_.types.type(type)) ? context_.types.pointee(type) : kNoType;
  };
  if (context_.types.type(from).kind == schema::TypeKind::kReference) from = pointee(from);
  if (from == kNoType || !context_.redaction->leads_to_hidden(from, value.redaction)) return false;
  const TypeId old_class = pointee(from), new_class = pointee(target);
  if (old_class == kNoType || new_class == kNoType) return true;
  return !is_of_class(old_class, new_class, 0) && !is_of_class(new_class, old_class, 0);
}

// Whether every object of `type` is one of class `wanted`. Each unit describes a class anew.
bool ExpressionCompiler::is_of_class(TypeId type, TypeId wanted, int depth) const {
  const Type &own = context_.types.type(type), &other = context_.types.type(wanted);
  if (type == wanted) return true;
  if (depth > kMaxBases || own.kind != schema::TypeKind::kStruct) return false;
  if (!own.name.empty() && own.name == other.name && own.size_bytes == other.size_bytes) return true;
  return std::any_of(own.members.begin(), own.members.end(), [&](const schema::Member& member) {
    return member.is_base && is_of_class(member.type, wanted, depth + 1);
  });
}

}  // namespace backsight::probes
