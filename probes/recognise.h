// Types of the standard library, recognised by name and by the path of their
// members; where a path leads comes from this binary's debug information. What
// is found is a shape (schema::Container) and the types it is made of, by their
// entries: the type builder turns them into types. One file per family.
#pragma once

#include "probes/type_layout.h"
#include "schema/types.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace backsight::probes {

// A member of the shown type.
struct Part {
  enum class Form {
    kType,            // of the type `type`
    kAddress,         // a pointer that is not followed
    kControlBlock,    // a pointer to a structure: only its member at `inner`, of `inner_bytes`
    kCallableObject,  // a pointer to an object with virtual functions; the functor lies at `inner`
  };
  std::string name;  // empty: the name of its type
  std::uint64_t offset_bytes = 0;
  DieKey type = 0;
  Form form = Form::kType;
  std::uint64_t inner = 0;
  std::uint64_t inner_bytes = 0;
};

// What a value leads to by pointers. Not built before it is asked for: a node of
// a list may hold such a list.
struct Target {
  DieKey type = 0;    // 0: void
  DieKey mapped = 0;  // not 0: a pair of `type` and this, of which there is no entry
  std::optional<std::uint64_t> node_offset = {};  // the target is a node, and that is where its value lies
  std::optional<std::uint64_t> count = {};        // the target is an array of that many
};

struct Shape {
  schema::Container container = schema::Container::kNone;
  schema::TypeKind kind = schema::TypeKind::kStruct;
  std::uint64_t offset_a = 0;
  std::uint64_t offset_b = 0;
  std::vector<std::uint64_t> layout;
  std::uint64_t count = 0;
  bool is_map = false;
  std::vector<Part> parts;
  std::optional<Target> target;
};

struct Recognition {
  bool is_known = false;       // a standard type that is shown by its shape, or not at all
  std::optional<Shape> shape;  // none: its parts are not where they should be
};
// `name` is the qualified name of class `die`.
Recognition recognise(const TypeLayout& layout, const Die& die, std::string_view name);

// "vector" of "std::__1::vector<int>", "chrono::duration", "thread::id"; empty
// outside of namespace std. Inline and internal namespaces are left out.
std::string standard_family(std::string_view qualified_name);

// The families. None: not laid out as expected.
std::optional<Shape> recognise_string(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_string_view(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_vector(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_array(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_span(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_initializer_list(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_adapter(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_deque(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_list(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_forward_list(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_set(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_map(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_hash_set(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_hash_map(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_pair(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_tuple(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_optional(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_variant(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_any(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_function(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_unique_ptr(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_shared_ptr(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_weak_ptr(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_reference(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_atomic(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_duration(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_time_point(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_complex(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_bitset(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_path(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_thread(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_mutex(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_error(const TypeLayout& layout, const Die& die);
std::optional<Shape> recognise_exception_ptr(const TypeLayout& layout, const Die& die);

// Common to several families.
// Shown as that one member.
Shape transparent(const MemberPath& member);
// Elements of a tuple in order, wherever they lie; none if one is not found.
std::optional<std::vector<Part>> tuple_elements(const TypeLayout& layout, const Die& tuple);
// A node of linked containers: `name` its class, `owner` a type that has it among
// its template arguments, `paths` the value in it; `header_bytes` what precedes the
// value, for a node that has no entry. `value` is the type of the value.
struct NodeClass {
  DieKey owner = 0;
  std::string_view name;
  std::initializer_list<TypeLayout::Path> paths;
  std::uint64_t header_bytes = 0;
};
// `key` and `mapped`: of a map, to make the pair if `value` is only declared.
std::optional<Target> node_target(const TypeLayout& layout, const NodeClass& node, DieKey value,
                                  DieKey key = 0, DieKey mapped = 0);

}  // namespace backsight::probes
