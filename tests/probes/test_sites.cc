// The rules by which a probe site is moved behind the entry, each by a function
// that breaks it (tests/runtime/targets/sites.c; what breaking them does to a
// running process is shown by tests/runtime/test_sites_bpf.cc).
#include "probes/site_check.h"
#include "tests/probes/site_support.h"

#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <random>
#include <string>

namespace backsight::probes {
namespace {

// Offsets of all sites that are offered, the best first.
std::vector<std::uint64_t> offsets(const EntrySites& sites) {
  std::vector<std::uint64_t> result;
  for (const EntryCandidate& candidate : sites.candidates)
    result.push_back(candidate.site.address - candidate.frame.entry);
  return result;
}

using Offsets = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("the cheapest sound place is offered first") {
  CHECK(offsets(code().sites("good_entry")).front() == 0);
  CHECK(code().sites("good_entry").candidates.front().site.site_class == schema::SiteClass::kNop5);
  const EntrySites cet = code().sites("good_cet");
  CHECK(offsets(cet).front() == 4);
  CHECK(cet.candidates.front().site.site_class == schema::SiteClass::kNop5);
  CHECK(cet.candidates.front().reason == "behind endbr64 at entry+4, a 5-byte nop");
  const EntrySites push = code().sites("good_push");
  CHECK(offsets(push).front() == 4);
  CHECK(push.candidates.front().site.site_class == schema::SiteClass::kEmulated);
  CHECK(push.candidates.front().site.frame_adjust == 0);
  const EntrySites frame = code().sites("good_frame");
  REQUIRE(offsets(frame).front() == 9);
  CHECK(frame.candidates.front().site.frame_adjust == 40);
  CHECK(frame.candidates.front().frame.cfa == Cfa{BS_RSP, 48});
}

TEST_CASE("a site is not moved where it would not be passed once per call") {
  for (const char* function : {"back_to_second", "table_to_second", "entered_inside", "split_off"}) {
    INFO(function);
    const EntrySites sites = code().sites(function);
    CHECK(offsets(sites) == Offsets{0});
    CHECK_THAT(sites.obstacle, Catch::Contains(" leads to 0x"));
  }
  CHECK(offsets(code().sites("early_exit")) == Offsets{0});
  CHECK(offsets(code().sites("good_branch")) == Offsets{6, 0});  // the jump itself is passed by every call
  CHECK(code().sites("loop_head").candidates.empty());
  CHECK_THAT(code().sites("loop_head").refusal, Catch::Contains("head of a loop"));
}

TEST_CASE("without knowing who else leads there, the rules see nothing: what each of them needs") {
  CHECK(offsets(code().sites("entered_inside", {})) == Offsets{3, 0});
  CHECK(offsets(code().sites("split_off", {})) == Offsets{3, 0});
}

TEST_CASE("a site is not moved over what can be seen from outside, or can fault") {
  for (const char* function : {"stores_first", "stores_argument", "loads_first", "realigned"}) {
    INFO(function);
    CHECK(offsets(code().sites(function)) == Offsets{0});
  }
}

TEST_CASE("registers that are written on the way are known") {
  const EntrySites sites = code().sites("clobbered");
  REQUIRE(offsets(sites) == Offsets{11, 0});
  CHECK(sites.candidates[0].frame.written == (1u << BS_RDI | 1u << BS_RAX));
  CHECK(sites.candidates[1].frame.written == 0);
}

TEST_CASE("no form of a 5-byte NOP but the entry's is a site") {
  for (const char* function : {"red_zone", "red_zone_prefixed"}) {
    INFO(function);
    CHECK(offsets(code().sites(function)) == Offsets{0});
  }
}

TEST_CASE("instructions that the kernel refuses or mistakes are no sites") {
  CHECK(code().sites("exchanged").candidates.empty());
  CHECK_THAT(code().sites("exchanged").refusal, Catch::Contains("takes no probe"));
}

TEST_CASE("a call is no site where there may be a shadow stack") {
  CodeLandmarks landmarks = code().landmarks("good_call");
  CHECK(offsets(code().sites("good_call", landmarks)) == Offsets{4, 0});
  landmarks.may_have_shadow_stack = true;
  CHECK(offsets(code().sites("good_call", landmarks)) == Offsets{0});
}

TEST_CASE("the call frame information has the last word on the frame") {
  CHECK(offsets(code().sites("misdescribed")) == Offsets{0});
  CHECK(offsets(code().sites("misdescribed", {})).front() == 4);
}

TEST_CASE("no place but an instruction's beginning is ever offered or accepted") {
  std::size_t refused = 0;
  for (const auto& [name, range] : code().functions()) {
    if (range.end - range.begin > 4096) continue;
    const FunctionCode decoded = code().code(name);
    if (!decoded.problem.empty()) continue;
    std::map<std::uint64_t, const Instruction*> begins;
    for (const Instruction& instruction : decoded.instructions) begins[instruction.address] = &instruction;
    for (std::uint64_t at = range.begin; at < range.end; ++at) {
      const auto found = begins.find(at);
      const bool is_begin = found != begins.end();
      CHECK((decoded.at(at) != nullptr) == is_begin);
      std::vector<Site> sites(1);
      sites[0].address = at;
      sites[0].file_offset = *code().file().file_offset(at);
      const bool is_accepted = seal_sites(code().file(), decoded, sites).empty();
      const bool is_fine = is_begin && !found->second->is_refused &&
                           found->second->kind != InstructionKind::kTrap &&
                           (!found->second->is_nop5 || at == range.begin ||
                            (at == range.begin + 4 && begins.at(range.begin)->is_endbr64));
      INFO(name << "+" << at - range.begin);
      CHECK(is_accepted == is_fine);
      if (is_accepted) CHECK(sites[0].bytes.size() == found->second->length);
      refused += !is_accepted;
    }
  }
  CHECK(refused > 500);
}

namespace {

// Sites at these addresses, and what a plan compiled there would have of two captures.
struct Offer {
  bool is_entry = false, is_spare = false, has_first = true, has_second = true;
};

std::size_t chosen(const std::vector<Offer>& offers, std::size_t* compiled = nullptr) {
  EntrySites sites;
  for (std::size_t i = 0; i < offers.size(); ++i) {
    EntryCandidate candidate;
    candidate.frame.entry = 1000;
    candidate.frame.site = offers[i].is_entry ? 1000 : 1001 + i;
    candidate.site.address = i;
    candidate.is_spare = offers[i].is_spare;
    sites.candidates.push_back(candidate);
  }
  const auto result = choose_entry_site(sites, [&](const EntryCandidate& candidate) {
    if (compiled) ++*compiled;
    const Offer& offer = offers[candidate.site.address];
    CompiledPlan plan;
    plan.plan.captures.resize(2);
    const auto lost = schema::Unavailable::kOptimizedOut;
    if (!offer.has_first) plan.plan.captures[0].unavailable = lost;
    if (!offer.has_second) plan.plan.captures[1].unavailable = lost;
    return plan;
  });
  REQUIRE(result);
  return result->candidate;
}

constexpr Offer kEntry{.is_entry = true};
constexpr Offer kHalfEntry{.is_entry = true, .has_second = false};

}  // namespace

TEST_CASE("the cheapest site that loses nothing is taken: availability beats cost") {
  CHECK(chosen({{}, kEntry}) == 0);
  CHECK(chosen({{.has_first = false}, kEntry}) == 1);
  CHECK(chosen({{.has_first = false}, {}, kEntry}) == 1);
  CHECK(chosen({{.has_second = false}, kHalfEntry}) == 0);
  // Not one for the other: what is there at the entry must not be lost.
  CHECK(chosen({{.has_first = false}, kHalfEntry}) == 1);
  // A dearer site is taken for a value that no cheaper one has, and only then.
  CHECK(chosen({{.has_second = false}, kHalfEntry, {}}) == 2);
  CHECK(chosen({{.has_second = false}, kHalfEntry, {.is_spare = true}}) == 2);
  CHECK(chosen({{.is_spare = true}, {}, kEntry}) == 1);
  CHECK(chosen({{.is_spare = true, .has_first = false}, kHalfEntry}) == 1);
  std::size_t compiled = 0;
  CHECK(chosen({{}, kEntry, {.is_spare = true}}, &compiled) == 0);
  CHECK(compiled == 1);
}

TEST_CASE("a file that was changed behind the plan is not probed") {
  const std::string path = BACKSIGHT_TARGET_DIR "/planner_sites";
  std::vector<Site> sites = {code().sites("good_push").candidates.front().site};
  REQUIRE(seal_sites(code().file(), code().code("good_push"), sites).empty());
  CHECK(compare_sites(path, sites).has_value());
  sites[0].file_offset += 1;
  CHECK_FALSE(compare_sites(path, sites).has_value());
  sites[0].file_offset = 1ull << 40;
  CHECK_FALSE(compare_sites(path, sites).has_value());
  CHECK_FALSE(compare_sites(path + ".not", sites).has_value());
}

TEST_CASE("damaged code gives no site that was not decoded from the entry") {
  std::mt19937 random(7);  // NOLINT(cert-msc32-c, cert-msc51-cpp): repeatable
  const std::string path = BACKSIGHT_TARGET_DIR "/planner_sites";
  for (const auto& [name, range] : code().functions()) {
    const FunctionCode whole = code().code(name);
    // Ranges that begin or end in the midst of an instruction, as damaged debug information has them.
    for (int i = 0; i < 20; ++i) {
      const std::uint64_t begin = range.begin + random() % (range.end - range.begin);
      const AddressRange part{begin, begin + 1 + random() % 64};
      const FunctionCode decoded = disassemble(code().file(), {part});
      const EntrySites sites =
          find_entry_sites(code().file(), decoded, analyse_prologue(code().file(), part), {});
      for (const EntryCandidate& candidate : sites.candidates) {
        CHECK(part.contains(candidate.site.address));
        CHECK(decoded.at(candidate.site.address) != nullptr);
      }
    }
  }
}

}  // namespace backsight::probes
