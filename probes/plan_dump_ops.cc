// One operation of a plan as text.
#include "probes/plan_dump.h"

#include <span>
#include <sstream>

namespace backsight::probes {

namespace {

const char* register_name(int number) {
  static constexpr const char* kNames[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8",
                                           "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rip"};
  return number >= 0 && number <= 16 ? kNames[number] : "?";
}

// The bytes of a literal, as far as they can be shown.
std::string text_of(std::uint64_t word) {
  std::string text;
  for (; word != 0; word >>= 8) {
    const char c = static_cast<char>(word & 0xff);
    text += c >= ' ' && c <= '~' ? c : '.';
  }
  return text;
}

struct Fields {
  const bs_op& op;
  std::uint64_t from(unsigned shift) const { return op.d >> shift; }
  unsigned low16() const { return static_cast<std::uint16_t>(op.d); }
  unsigned half(unsigned shift) const { return static_cast<std::uint16_t>(op.d >> shift); }
  unsigned byte(unsigned shift) const { return static_cast<std::uint8_t>(op.d >> shift); }
  std::uint32_t low32() const { return static_cast<std::uint32_t>(op.d); }
  int other() const { return op.b + 8 * static_cast<std::int8_t>(op.a); }
};

bool dump_arithmetic(std::ostringstream& out, const bs_op& op) {
  const auto amount = static_cast<std::int64_t>(op.d);
  switch (op.code) {
    case BS_OP_PUSH_REG:
      out << "push " << register_name(op.a) << (amount < 0 ? "" : "+") << amount;
      return true;
    case BS_OP_PUSH_CONST:
      out << "push " << amount;
      return true;
    case BS_OP_PUSH_IP_REL:
      out << "push ip+…";
      return true;
    case BS_OP_PUSH_LINKED:
      out << "push linked …";
      return true;
    case BS_OP_ADD_CONST:
      out << "add " << amount;
      return true;
    case BS_OP_LOAD:
      out << "load " << int(op.a) << (op.b ? " signed" : "");
      return true;
    case BS_OP_ELEMENT:
      out << "element of " << (op.d >> 16) << " bytes";
      return true;
    case BS_OP_IF_CALLER:
      out << "if the caller is …, else skip " << op.c;
      return true;
    case BS_OP_NEED_CALLER:
      out << "need one of the callers";
      return true;
    case BS_OP_EXTEND:
      out << "extend " << int(op.a) << (op.b ? " signed" : "");
      return true;
    case BS_OP_SHIFT:
      out << "shift " << int(op.a) << (op.b ? " signed" : "");
      return true;
    case BS_OP_ADD:
      out << "add";
      return true;
    case BS_OP_SUB:
      out << "sub";
      return true;
    case BS_OP_MUL:
      out << "mul";
      return true;
    default:
      return false;
  }
}

bool dump_capture(std::ostringstream& out, const bs_op& op, const std::string& type) {
  switch (op.code) {
    case BS_OP_END:
      out << "end";
      return true;
    case BS_OP_ROOT:
      out << "root " << op.b;
      return true;
    case BS_OP_EMIT:
      out << "emit " << type << ", " << op.d << " bytes";
      return true;
    case BS_OP_COPY:
      out << "copy " << type << ", " << op.d << " bytes";
      return true;
    case BS_OP_COPY_RANGE:
      out << "copy_range " << type << ", " << op.d << " bytes each"
          << (op.a == 0   ? ""
              : op.a == 1 ? ", bounded"
                          : ", bounded on both sides");
      return true;
    case BS_OP_COPY_CSTR:
      out << "copy_cstr " << type;
      return true;
    default:
      return false;
  }
}

bool dump_chase(std::ostringstream& out, const bs_op& op, const std::string& type) {
  const Fields fields{op};
  switch (op.code) {
    case BS_OP_CHASE_PTR:
      out << "chase_ptr at " << op.b << " -> " << type << ", " << op.d << " bytes";
      return true;
    case BS_OP_CHASE_CSTR:
      out << "chase_cstr at " << op.b << " -> " << type;
      return true;
    case BS_OP_CHASE_SPAN:
      out << "chase_span at " << op.b << ".." << fields.other() << " -> " << type << ", " << op.d
          << " bytes each";
      return true;
    case BS_OP_CHASE_COUNTED:
      out << "chase_counted at " << op.b << ", length at " << fields.from(32) << " -> " << type << ", "
          << fields.low32() << " bytes each" << (op.a ? ", string" : "");
      return true;
    case BS_OP_CHASE_IF:
      out << "chase_if (" << int(op.a) << " bytes at " << op.b << " & " << fields.from(32)
          << ") == " << fields.low32() << ", else skip " << op.c;
      return true;
    case BS_OP_CHASE_BITS:
      out << "chase_bits at " << op.b;
      if (op.a)
        out << ".." << fields.other() << ", bits at " << fields.other() + 8;
      else
        out << ", count at " << fields.from(32);
      out << " -> " << type;
      return true;
    case BS_OP_NEXT:
      out << "next";
      return true;
    default:
      return false;
  }
}

bool dump_walk(std::ostringstream& out, const schema::Plan& plan, const bs_op& op, const std::string& type) {
  const Fields fields{op};
  switch (op.code) {
    case BS_OP_CHASE_LIST:
      out << "chase_list at " << op.b << " -> " << type << ", " << fields.low32() << " bytes each, next at "
          << fields.half(32);
      if (op.a) out << ", ends at +" << fields.from(48);
      return true;
    case BS_OP_CHASE_TREE:
      out << "chase_tree at " << op.b << ", count at " << fields.from(48) << " -> " << type << ", "
          << fields.low16() << " bytes each, parent, left, right at " << fields.byte(16) << ", "
          << fields.byte(24) << ", " << fields.byte(32);
      return true;
    case BS_OP_CHASE_BLOCKS:
      out << "chase_blocks at " << op.b << (op.a ? ", numbers at " : " and ") << fields.from(48)
          << " -> blocks " << dump_type_name(plan, op.c >> 16) << " of " << fields.half(16) << " "
          << dump_type_name(plan, op.c & 0xffff) << ", " << fields.low16() << " bytes each";
      return true;
    case BS_OP_CHASE_DYNAMIC:
      out << "chase_dynamic at " << op.b << " -> " << type << ", " << fields.low32() << " bytes, link "
          << dump_type_name(plan, static_cast<std::uint32_t>(fields.from(32)));
      return true;
    default:
      return false;
  }
}

const char* name_of(std::span<const char* const> names, unsigned index) {
  return index < names.size() ? names[index] : "?";
}

bool dump_predicate(std::ostringstream& out, const bs_op& op) {
  static constexpr const char* kRelations[] = {"==", "!=", "<", "<=", ">", ">="};
  static constexpr const char* kOperators[] = {"+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>"};
  static constexpr const char* kLogic[] = {"not", "and", "or", "truth"};
  static constexpr const char* kTexts[] = {"number", "counted text", "C string", "array", "thread's name"};
  static constexpr const char* kFrom[] = {"signed", "unsigned", "float"};
  const char* signs = op.b == 0   ? ""
                      : op.b == 1 ? " unsigned left"
                      : op.b == 2 ? " unsigned right"
                                  : " unsigned";
  switch (op.code) {
    case BS_OP_ATOM:
      out << "atom of " << op.c;
      return true;
    case BS_OP_COMPARE:
      out << "compare " << name_of(kRelations, op.a) << signs;
      return true;
    case BS_OP_COMPARE_FLOAT:
      out << "compare doubles " << name_of(kRelations, op.a);
      return true;
    case BS_OP_COMPUTE:
      out << "compute " << name_of(kOperators, op.a) << signs;
      return true;
    case BS_OP_TO_FLOAT:
      out << "to double from " << name_of(kFrom, op.a);
      return true;
    case BS_OP_LOGIC:
      out << name_of(kLogic, op.a);
      return true;
    case BS_OP_SHORTCUT:
      out << "if " << (op.a ? "true" : "false") << " skip " << op.c;
      return true;
    case BS_OP_IF_NULL:
      out << "if null " << op.d << ", skip " << op.c << (op.a ? "; else drop" : "");
      return true;
    case BS_OP_TEXT:
      out << name_of(kTexts, op.a) << (op.c ? " begins with " : " equals ") << op.b << " bytes";
      if (op.a == BS_TEXT_ARRAY) out << ", of " << op.d;
      return true;
    case BS_OP_DATA:
      out << "  \"" << text_of(op.d) << "\"";
      return true;
    case BS_OP_HASH:
      out << "hash of " << name_of(kTexts, op.a);
      return true;
    case BS_OP_SELECT:
      out << "select";
      return true;
    case BS_OP_PUSH_ID:
      out << "push " << (op.a ? "tid" : "pid");
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string dump_operation(const schema::Plan& plan, const bs_op& op) {
  std::ostringstream out;
  const std::string type = dump_type_name(plan, op.c);
  if (!dump_arithmetic(out, op) && !dump_capture(out, op, type) && !dump_chase(out, op, type) &&
      !dump_walk(out, plan, op, type) && !dump_predicate(out, op))
    out << "op " << int(op.code);
  return out.str();
}

}  // namespace backsight::probes
