#include "schema/plan.h"

#include <cmath>

namespace backsight::schema {

double sampled_fraction(const Plan& plan) {
  return plan.sample_below == 0 ? 1 : std::ldexp(static_cast<double>(plan.sample_below), -64);
}

}  // namespace backsight::schema
