// Capture expressions to operations: names become locations, members become
// offsets, pointers become loads. What cannot be computed exactly is an error of
// that one capture.
#pragma once

#include "probes/function_info.h"
#include "probes/location.h"
#include "probes/return_value.h"
#include "schema/expression.h"
#include "schema/result.h"

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace backsight::probes {

class DynamicTypes;
class Redaction;
class SharedVariables;

// The value of a (sub)expression at the probe site.
struct Operand {
  schema::TypeId type = schema::kNoType;
  ValueSource source;
  bool at_return = false;
  bool is_bit_field = false;
  schema::Member bits;  // of a bit-field: where it lies in the storage at `source`
  // a[i..j]: `source` is the address of the first element, `type` the element's.
  bool is_range = false;
  std::vector<bs_op> count;
  std::vector<bs_op> end;                    // not empty: address behind the last element there is
  std::vector<bs_op> begin;                  // not empty: where the first index is not known to be >= 0
  std::optional<std::uint64_t> fixed_count;  // elements of a fixed array
  std::vector<std::string> projection;
  schema::TypeId projection_cast = schema::kNoType;  // (T)a[i..j].b: what each b is shown as
  std::uint32_t redaction = 0;                       // the context of its path (redaction.h)
};

struct FunctionContext {
  const DwarfSession& session;
  const DebugIndex& index;
  TypeBuilder& types;
  const FunctionInfo& function;
  const LocationReader& locations;
  bool is_library = false;  // its exported variables may be another module's
  DynamicTypes* dynamic = nullptr;
  const SharedVariables* shared = nullptr;  // of a library
  Redaction* redaction = nullptr;           // null: nothing is redacted
};

class ExpressionCompiler {
 public:
  explicit ExpressionCompiler(const FunctionContext& context) : context_(context) {}

  schema::Result<Operand> compile(const std::string& text);
  // For who walks a tree of its own: the text that messages show, and parts of it.
  void begin(const std::string& text);
  schema::Result<Operand> part(const schema::Expression& expression);
  // Without wrappers and references; what a pointer points to.
  schema::Result<Operand> plain(Operand operand, const schema::Expression& expression);
  schema::Result<Operand> followed(Operand pointer, const schema::Expression& expression);
  // Why the last text that did not compile is not available, though it means
  // something in this function. kNone: it means nothing there.
  schema::Unavailable refusal() const { return refusal_; }
  Operand parameter(const Parameter& parameter);
  bool is_called_otherwise() const;
  const ArgumentPlace* place_of(const Parameter& parameter);
  Operand return_value();
  // Elements projected to `path`: a type that is copied whole but followed only
  // there; what is there is taken for a `cast`, if given. kNoType: no such member or cast.
  schema::TypeId project(schema::TypeId element, const std::vector<std::string>& path, schema::TypeId cast);
  // Whether the value is redacted as a whole. Expressions that read one are refused.
  bool is_redacted(const Operand& operand) const;
  // Whether the members that its elements are projected to are.
  bool is_redacted_range(const Operand& range) const;
  // Whether `path` leads to a member, whatever can be done with it.
  bool has_members(schema::TypeId type, const std::vector<std::string>& path) const;
  // Of a projected type: the member that is followed (offset, type).
  const std::unordered_map<std::uint32_t, schema::Member>& followed() const { return followed_; }

 private:
  schema::Result<Operand> evaluate(const schema::Expression& expression, int depth);
  schema::Result<Operand> evaluate_any(const schema::Expression& expression, int depth);
  schema::Error redacted(const schema::Expression& at);
  std::uint32_t root_context(const std::string& name) const;
  void join_root(Operand& operand, const std::string& name) const;
  bool hides_after_cast(const Operand& value, schema::TypeId target) const;
  bool is_of_class(schema::TypeId type, schema::TypeId wanted, int depth) const;
  schema::Result<Operand> name(const schema::Expression& expression);
  schema::Result<Operand> global(const schema::Expression& expression, DieKey die);
  schema::Result<Operand> member(Operand base, const schema::Expression& expression);
  schema::Result<Operand> dereference(Operand pointer, const schema::Expression& expression);
  schema::Result<Operand> index(Operand base, const schema::Expression& expression, int depth);
  schema::Result<Operand> range(Operand base, const schema::Expression& expression, int depth);
  schema::Result<Operand> cast(Operand value, const schema::Expression& expression);
  // The address of element 0 (and of the end, where it is known), element type in `type`.
  schema::Result<Operand> elements(Operand base, const schema::Expression& expression);
  // Elements between two pointers, or of a pointer and a count.
  Operand sequence(Operand object, const schema::Type& type);
  // Operations that leave an integer on the stack; constants also as a value.
  struct Integer {
    std::vector<bs_op> ops;
    std::optional<std::int64_t> constant;
  };
  schema::Result<Integer> integer(const schema::Expression& expression, int depth, bool at_return);
  // Wrappers (std::atomic) and references are looked through; pointers to structures
  // too, plain and smart, for members.
  schema::Result<Operand> look_through(Operand operand, const schema::Expression& expression,
                                       bool pointers_too);
  // A cast that only changes how the same bytes are understood.
  bool can_cast(const schema::Type& from, const schema::Type& to) const;
  // C++ adds an offset to a pointer that it casts between a class and a base inside it.
  bool moves_pointer(schema::TypeId from, schema::TypeId to) const;
  bool lies_inside(schema::TypeId derived, const std::string& base, bool is_moved, int depth) const;
  // What a wrapper holds, at the same place or in the same register.
  schema::Result<Operand> unwrap(Operand operand, const schema::Expression& expression);
  Operand own_bits(Operand operand);
  std::optional<schema::Member> find_member(schema::TypeId type, const std::string& name, int depth) const;
  schema::Result<schema::TypeId> named_type(const schema::Expression& expression) const;
  std::vector<std::string> nearest(const std::string& wanted, schema::TypeId of_type) const;
  FirstParameter first_parameter();
  schema::Error member_error(const schema::Expression& at, const std::string& message,
                             std::string hint) const;
  schema::Error refused(schema::Unavailable reason, const schema::Expression& at, const std::string& message,
                        std::string hint = {});
  schema::Error error(const schema::Expression& at, const std::string& message, std::string hint = {}) const;

  const FunctionContext& context_;
  std::string text_;
  schema::Unavailable refusal_ = schema::Unavailable::kNone;
  std::unordered_map<std::uint32_t, schema::Member> followed_;
  std::optional<std::vector<ArgumentPlace>> places_;  // of the parameters, once asked for
};

}  // namespace backsight::probes
