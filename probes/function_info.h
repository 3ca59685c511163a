// What the debug information says about one function instance: its names,
// parameters, result type, source position and code.
#pragma once

#include "probes/type_builder.h"
#include "schema/plan.h"

#include <optional>
#include <string>
#include <vector>

namespace backsight::probes {

struct Parameter {
  std::string name;
  DieKey die = 0;  // the concrete entry, which has the location; 0: dropped by the compiler
  DieKey type = 0;
  bool is_artificial = false;  // this
};

struct FunctionInfo {
  DieKey die = 0;            // the concrete entry
  std::string name;          // qualified
  std::string linkage_name;  // mangled; empty if none
  std::string signature;
  std::vector<std::string> parameter_types;  // as written, without `this`
  std::vector<Parameter> parameters;
  std::optional<DieKey> return_type;  // none: void
  schema::SourcePosition source;
  std::vector<AddressRange> ranges;  // the first begins at the entry
  bool is_c = false;
  bool is_external = false;  // callable from other units: its calling convention is the ABI's
  bool is_clone = false;     // described by reference to an abstract function
  bool by_clang = false;
  bool is_part = false;                  // of a coroutine, or of a function that was inlined in part
  std::vector<std::string> other_names;  // of the same code
  std::string return_is_dropped;         // not empty: the result may not be there, and why
};

// Names and parameter types only: for choosing among overloads.
FunctionInfo read_function_names(const DwarfSession& session, const DebugIndex& index,
                                 const TypeBuilder& types, DieKey concrete);
// Everything.
FunctionInfo read_function(const DwarfSession& session, const DebugIndex& index, const TypeBuilder& types,
                           DieKey concrete);

}  // namespace backsight::probes
