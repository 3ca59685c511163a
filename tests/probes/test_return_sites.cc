// How returns are caught, for each way out of a function (tests/runtime/targets/sites.c).
#include "probes/return_sites.h"
#include "probes/site_check.h"

#include "tests/probes/site_support.h"

#include <catch2/catch.hpp>

namespace backsight::probes {
namespace {

using schema::ReturnVia;

ReturnSites returns(const std::string& function, bool is_c, bool may_throw) {
  CodeLandmarks landmarks = code().landmarks(function);
  landmarks.may_throw = may_throw;
  const FunctionCode whole = read_function_code(code().file(), {code().range(function)}, landmarks);
  return choose_return_sites(code().file(), whole, landmarks, is_c);
}

}  // namespace

TEST_CASE("a return probe stands only where nothing can unwind through it") {
  // Neither calls nor faults: whatever the language, whatever the program.
  for (const bool is_c : {false, true})
    CHECK(returns("leaf_computes", is_c, true).via == ReturnVia::kUretprobe);
  for (const char* faulting : {"leaf_loads", "leaf_divides"}) {
    INFO(faulting);
    CHECK(returns(faulting, true, false).via == ReturnVia::kUretprobe);
    CHECK(returns(faulting, true, true).via == ReturnVia::kRetSites);
    CHECK(returns(faulting, false, false).via == ReturnVia::kRetSites);
  }
  for (const char* calling : {"leaf_of_system", "good_call", "pops_arguments"}) {
    INFO(calling);
    CHECK(returns(calling, true, false).via == ReturnVia::kRetSites);
  }
  const ReturnSites probe = returns("leaf_computes", true, true);
  REQUIRE(probe.sites.size() == 1);
  CHECK(probe.sites[0].is_uretprobe);
  CHECK(probe.sites[0].address == code().range("leaf_computes").begin);
  CHECK(probe.sites[0].frame_adjust == -8);
}

TEST_CASE("a return probe stands with the entry probe where RSP is what it was at the entry") {
  const auto moved = [](const std::string& function) {
    const EntrySites sites = code().sites(function);
    ReturnSites result = returns(function, true, false);
    REQUIRE(result.via == ReturnVia::kUretprobe);
    move_return_probe(sites, 0, result.sites);
    const FunctionCode whole = code().code(function);
    CHECK(seal_sites(code().file(), whole, result.sites).empty());
    return result.sites[0].address - code().range(function).begin;
  };
  CHECK(moved("good_push") == 4);
  CHECK(moved("good_cet") == 4);
  CHECK(moved("good_frame") == 0);  // its cheap place is behind a change of RSP
  Site wrong;
  wrong.address = code().range("good_frame").begin + 9;
  wrong.is_uretprobe = true;
  CHECK_FALSE(site_problem(code().code("good_frame"), wrong).empty());
}

TEST_CASE("this target knows no exceptions") {
  CHECK_FALSE(code().landmarks("leaf_loads").may_throw);
}

TEST_CASE("return instructions are found over all parts of a function, and through thunks") {
  const ReturnSites parts = returns("two_ways", true, false);
  CHECK(parts.via == ReturnVia::kRetSites);
  CHECK(parts.sites.size() == 2);
  const ReturnSites thunk = returns("returns_by_thunk", true, false);
  REQUIRE(thunk.sites.size() == 1);
  CHECK(thunk.sites[0].kind == BS_SITE_RETURN);
  const ReturnSites tail = returns("enters_inside", true, false);
  REQUIRE(tail.sites.size() == 1);
  CHECK(tail.sites[0].kind == BS_SITE_TAIL_CALL);
}

TEST_CASE("returns that cannot be told are not caught, and why is said") {
  const auto reason = [](const std::string& function) {
    const ReturnSites result = returns(function, true, false);
    CHECK(result.via == ReturnVia::kNone);
    CHECK(result.sites.empty());
    return result.reason;
  };
  CHECK_THAT(reason("leaves_if"), Catch::Contains("conditional jump leaves the function"));
  CHECK_THAT(reason("jumps_by_thunk"), Catch::Contains("may or may not leave"));
  // Its calls have an end all the same.
  const ReturnSites endless = returns("never_returns", true, false);
  CHECK(endless.via == ReturnVia::kRetSites);
  CHECK(endless.sites.empty());
  CHECK_THAT(endless.reason, Catch::Contains("never returns"));
}

}  // namespace backsight::probes
