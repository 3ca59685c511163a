// What the name of a type-erasing class's own function says about what is held.
// Names are demangled, as symbol tables of libstdc++ and libc++ programs have
// them; any other name says nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace backsight::query {

struct HeldType {
  std::string type;
  bool in_place = true;  // in the holder itself; otherwise behind a pointer
};
// `manager`: of std::any.
std::optional<HeldType> held_by_any(std::string_view manager);

// `invoker`: of std::function. The target's type: "int (*)(int)", "main::{lambda(int)#1}".
std::optional<std::string> held_by_function(std::string_view invoker);

bool is_function_pointer_type(std::string_view type);  // of a function or member function
bool is_method_pointer_type(std::string_view type);

}  // namespace backsight::query
