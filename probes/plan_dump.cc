#include "probes/plan_dump.h"

#include <cctype>
#include <sstream>

namespace backsight::probes {

namespace {

const char* register_name(int number) {
  static constexpr const char* kNames[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8",
                                           "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rip"};
  return number >= 0 && number <= 16 ? kNames[number] : "?";
}

std::string type_name(const schema::Plan& plan, std::uint32_t id) {
  if (id >= plan.types.size()) return "-";
  const std::string& name = plan.types[id].name;
  return "#" + std::to_string(id) + (name.empty() ? "" : " " + name);
}

const char* kind_name(schema::TypeKind kind) {
  static constexpr const char* kNames[] = {"void",  "integer",  "bool",      "char",       "float",
                                           "enum",  "pointer",  "reference", "struct",     "union",
                                           "array", "function", "undefined", "unsupported"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string dump_op(const schema::Plan& plan, const bs_op& op) {
  std::ostringstream out;
  const auto amount = static_cast<std::int64_t>(op.d);
  const auto type = [&] { return type_name(plan, op.c); };
  switch (op.code) {
    case BS_OP_END:
      out << "end";
      break;
    case BS_OP_PUSH_REG:
      out << "push " << register_name(op.a) << (amount < 0 ? "" : "+") << amount;
      break;
    case BS_OP_PUSH_CONST:
      out << "push " << amount;
      break;
    case BS_OP_PUSH_IP_REL:
      out << "push ip+…";
      break;
    case BS_OP_ADD_CONST:
      out << "add " << amount;
      break;
    case BS_OP_LOAD:
      out << "load " << int(op.a) << (op.b ? " signed" : "");
      break;
    case BS_OP_EXTEND:
      out << "extend " << int(op.a) << (op.b ? " signed" : "");
      break;
    case BS_OP_ADD:
      out << "add";
      break;
    case BS_OP_SUB:
      out << "sub";
      break;
    case BS_OP_MUL:
      out << "mul";
      break;
    case BS_OP_ROOT:
      out << "root " << op.b;
      break;
    case BS_OP_EMIT:
      out << "emit " << type() << ", " << amount << " bytes";
      break;
    case BS_OP_COPY:
      out << "copy " << type() << ", " << amount << " bytes";
      break;
    case BS_OP_COPY_RANGE:
      out << "copy_range " << type() << ", " << amount << " bytes each"
          << (op.a == 0   ? ""
              : op.a == 1 ? ", bounded"
                          : ", bounded on both sides");
      break;
    case BS_OP_COPY_CSTR:
      out << "copy_cstr " << type();
      break;
    case BS_OP_CHASE_PTR:
      out << "chase_ptr at " << op.b << " -> " << type() << ", " << amount << " bytes";
      break;
    case BS_OP_CHASE_CSTR:
      out << "chase_cstr at " << op.b << " -> " << type();
      break;
    case BS_OP_CHASE_SPAN:
      out << "chase_span at " << op.b << ".." << op.b + 8 * static_cast<std::int8_t>(op.a) << " -> " << type()
          << ", " << amount << " bytes each";
      break;
    case BS_OP_CHASE_COUNTED:
      out << "chase_counted at " << op.b << ", length at " << (op.d >> 32) << " -> " << type() << ", "
          << static_cast<std::uint32_t>(op.d) << " bytes each" << (op.a ? ", string" : "");
      break;
    case BS_OP_NEXT:
      out << "next";
      break;
    default:
      out << "op " << int(op.code);
  }
  return out.str();
}

void dump_program(std::ostringstream& out, const CompiledPlan& plan, std::uint32_t pc) {
  for (; pc < plan.ops.size(); ++pc) {
    out << "    " << dump_op(plan.plan, plan.ops[pc]) << "\n";
    if (plan.ops[pc].code == BS_OP_END || plan.ops[pc].code == BS_OP_NEXT) return;
  }
}

void dump_type(std::ostringstream& out, const CompiledPlan& compiled, std::uint32_t id) {
  const schema::Plan& plan = compiled.plan;
  const schema::Type& type = plan.types[id];
  out << "  type #" << id << " " << kind_name(type.kind) << " \"" << type.name << "\" size "
      << type.size_bytes;
  if (type.is_signed) out << " signed";
  if (type.target != schema::kNoType) out << " -> " << type_name(plan, type.target.value);
  if (type.kind == schema::TypeKind::kArray) out << " count " << type.count;
  if (type.container == schema::Container::kString)
    out << " string(" << type.offset_a << "," << type.offset_b << ")";
  if (type.container == schema::Container::kVector)
    out << " vector(" << type.offset_a << "," << type.offset_b << ")";
  out << "\n";
  for (const schema::Member& member : type.members) {
    out << "    ." << (member.name.empty() ? "(anonymous)" : member.name) << " @" << member.offset_bytes;
    if (member.bit_size) out << " bits " << member.bit_offset << "+" << member.bit_size;
    out << (member.is_base ? " base " : " ") << type_name(plan, member.type.value) << "\n";
  }
  for (const schema::Enumerator& one : type.enumerators)
    out << "    " << one.name << " = " << one.value << "\n";
  if (id < compiled.types.size() && compiled.types[id].chase_pc != 0xffffffff) {
    out << "   chase:\n";
    dump_program(out, compiled, compiled.types[id].chase_pc);
  }
}

std::string without_addresses(const std::string& text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    result += text[i];
    const bool is_address = text[i] == 'x' && i > 0 && text[i - 1] == '0';
    while (is_address && i + 1 < text.size() && std::isxdigit(static_cast<unsigned char>(text[i + 1]))) ++i;
  }
  return result;
}

}  // namespace

std::string dump_plan(const CompiledPlan& compiled) {
  const schema::Plan& plan = compiled.plan;
  std::ostringstream out;
  const std::string& file = plan.source.file;
  out << plan.function << "\n  signature " << plan.signature << "\n  source "
      << file.substr(file.rfind('/') + 1) << ":" << plan.source.line << "\n  site "
      << to_string(plan.site_class) << ": " << plan.site_reason << "\n  return " << to_string(plan.return_via)
      << ": " << plan.return_reason << "\n";
  for (std::size_t i = 0; i < plan.captures.size(); ++i) {
    const schema::Capture& capture = plan.captures[i];
    out << "  capture " << i << " \"" << capture.name << "\" " << type_name(plan, capture.type.value);
    for (const std::string& step : capture.path) out << " /" << step;
    if (capture.is_range) out << " range";
    for (const std::string& step : capture.projection) out << " project " << step;
    if (capture.at_return) out << " at return";
    if (capture.unavailable != schema::Unavailable::kNone)
      out << " UNAVAILABLE " << to_string(capture.unavailable);
    out << "\n";
  }
  for (const auto& [name, pc] :
       {std::pair("entry", compiled.entry_pc), std::pair("return", compiled.return_pc)}) {
    if (pc == 0xffffffff) continue;
    out << "  " << name << ":\n";
    dump_program(out, compiled, pc);
  }
  for (std::uint32_t id = 0; id < plan.types.size(); ++id) dump_type(out, compiled, id);
  for (const Issue& issue : compiled.issues) {
    out << "  issue: " << issue.message << (issue.hint.empty() ? "" : " [" + issue.hint + "]") << "\n";
  }
  return without_addresses(out.str());
}

}  // namespace backsight::probes
