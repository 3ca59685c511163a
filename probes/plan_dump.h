// A compiled plan as text, without addresses: for golden tests and debugging.
#pragma once

#include "probes/planner.h"

#include <string>

namespace backsight::probes {

std::string dump_plan(const CompiledPlan& plan);

// Its parts: "chase_ptr at 8 -> #3 shop::Order, 64 bytes", "#3 shop::Order".
std::string dump_operation(const schema::Plan& plan, const bs_op& op);
std::string dump_type_name(const schema::Plan& plan, std::uint32_t id);

}  // namespace backsight::probes
