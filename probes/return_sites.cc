#include "probes/return_sites.h"

#include "probes/site_check.h"

#include <cstdio>

namespace backsight::probes {

using schema::ReturnVia;

namespace {

std::string hex(std::uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

std::string count_of(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

class ReturnSearch {
 public:
  ReturnSearch(const ElfFile& binary, const FunctionCode& code) : binary_(binary), code_(code) {}

  // Why returns cannot be caught; empty: they can.
  std::string run() {
    if (!code_.problem.empty()) return code_.problem;
    for (const Instruction& instruction : code_.instructions) {
      may_trap_ |= instruction.may_trap;
      if (std::string problem = look_at(instruction); !problem.empty()) return problem;
    }
    return {};
  }

  bool calls_nothing() const { return calls_nothing_; }
  bool may_trap() const { return may_trap_; }
  std::size_t returns() const { return returns_; }
  std::size_t tail_calls() const { return sites_.size() - returns_; }
  std::vector<Site> take() { return std::move(sites_); }

 private:
  std::string look_at(const Instruction& instruction) {
    const bool leaves = instruction.target && !code_.contains(*instruction.target);
    switch (instruction.kind) {
      case InstructionKind::kCall:
        calls_nothing_ = false;
        return {};
      case InstructionKind::kConditionalJump:
        if (!leaves) return {};
        return "a conditional jump leaves the function at " + hex(instruction.address);
      case InstructionKind::kIndirectJump:
        calls_nothing_ = false;
        if (instruction.is_table_jump) return {};
        if (!instruction.is_indirect_tail_call) {
          return "the indirect jump at " + hex(instruction.address) + " may or may not leave the function";
        }
        return add(instruction, BS_SITE_TAIL_CALL);
      case InstructionKind::kJump:
        if (!leaves) return {};
        calls_nothing_ = false;
        return add(instruction, BS_SITE_TAIL_CALL);
      case InstructionKind::kReturn:
        ++returns_;
        return add(instruction, BS_SITE_RETURN);
      default:
        return {};
    }
  }

  std::string add(const Instruction& at, bs_site_kind kind) {
    const auto offset = binary_.file_offset(at.address);
    if (!offset) return "its code is not in the file";
    Site site;
    site.address = at.address;
    site.file_offset = *offset;
    site.kind = kind;
    site.site_class = at.site_class;
    if (std::string problem = site_problem(code_, site); !problem.empty()) return problem;
    sites_.push_back(std::move(site));
    return {};
  }

  const ElfFile& binary_;
  const FunctionCode& code_;
  std::vector<Site> sites_;
  std::size_t returns_ = 0;
  bool calls_nothing_ = true;
  bool may_trap_ = false;
};

std::optional<Site> return_probe(const ElfFile& binary, const FunctionCode& code) {
  const Instruction& entry = code.instructions.front();
  const auto offset = binary.file_offset(entry.address);
  Site site;
  site.address = entry.address;
  site.file_offset = offset.value_or(0);
  site.kind = BS_SITE_RETURN;
  site.is_uretprobe = true;
  site.frame_adjust = -8;  // the return address is already popped
  site.site_class = entry.site_class;
  if (!offset || !site_problem(code, site).empty()) return std::nullopt;
  return site;
}

}  // namespace

ReturnSites choose_return_sites(const ElfFile& binary, const FunctionCode& code,
                                const CodeLandmarks& landmarks, bool is_c, bool needs_bias) {
  ReturnSearch search(binary, code);
  if (std::string problem = search.run(); !problem.empty()) return {ReturnVia::kNone, {}, std::move(problem)};
  const bool is_proven = search.calls_nothing() && (!search.may_trap() || (is_c && !landmarks.may_throw));
  const auto probe = is_proven && !needs_bias ? return_probe(binary, code) : std::nullopt;
  ReturnSites result;
  if (probe) {
    result.via = ReturnVia::kUretprobe;
    result.sites = {*probe};
    result.reason =
        search.may_trap()
            ? "a C function that calls nothing, in a program that throws nothing: nothing can unwind "
              "through it"
            : "it calls nothing and cannot fault: nothing can unwind through it";
    return result;
  }
  result.via = ReturnVia::kRetSites;
  if (search.returns() + search.tail_calls() == 0) {
    result.reason = "it never returns: its calls end by unwinding or with their thread";
    return result;
  }
  result.reason = count_of(search.returns(), "return instruction");
  if (search.tail_calls() > 0) result.reason += " and " + count_of(search.tail_calls(), "tail call");
  result.reason += "; the return address is never replaced, so that unwinding is safe";
  result.sites = search.take();
  return result;
}

}  // namespace backsight::probes
