// Names of enumerations are part of the contract.
#include "schema/facts.h"
#include "schema/plan.h"

#include <catch2/catch.hpp>

#include <set>
#include <string>

namespace backsight::schema {
namespace {

template <class Enum>
std::vector<std::string> names(std::uint8_t first, std::uint8_t last) {
  std::vector<std::string> out;
  for (unsigned i = first; i <= last; ++i) out.emplace_back(to_string(static_cast<Enum>(i)));
  return out;
}

using Names = std::vector<std::string>;

TEST_CASE("reasons why a value is missing") {
  CHECK(names<Unavailable>(1, 12) == Names{"optimized_out", "in_vector_register", "not_resident",
                                           "bad_address", "depth_limit", "element_limit", "string_limit",
                                           "byte_limit", "redacted", "undefined_type", "unsupported_type",
                                           "changing"});
}

TEST_CASE("site classes and ways of return") {
  CHECK(names<SiteClass>(0, 2) == Names{"nop5", "emulated", "single_step"});
  CHECK(names<ReturnVia>(0, 2) == Names{"none", "uretprobe", "ret_sites"});
}

TEST_CASE("reasons of loss are all named, each differently") {
  const Names all = names<LossReason>(0, kLossReasonCount - 1);
  CHECK(std::set<std::string>(all.begin(), all.end()).size() == kLossReasonCount);
  CHECK(std::set<std::string>(all.begin(), all.end()).count("unknown") == 0);
  CHECK(all.front() == "ring_full");
  CHECK(all.back() == "open_calls");
  CHECK(std::string(to_string(static_cast<LossReason>(kLossReasonCount))) == "unknown");
}

TEST_CASE("states and kinds") {
  CHECK(names<ProbeState>(0, 2) == Names{"pending", "active", "failed"});
  CHECK(names<MomentKind>(0, 1) == Names{"alert", "mark"});
}

}  // namespace
}  // namespace backsight::schema
