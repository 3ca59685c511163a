#include "probes/sites.h"

#include "probes/argument_registers.h"
#include "probes/cfa.h"
#include "probes/function_code.h"

#include <algorithm>
#include <cstdio>
#include <limits>

namespace backsight::probes {

using schema::SiteClass;

namespace {

constexpr std::size_t kMostCandidates = 5;
constexpr std::size_t kMostSpares = 4;

std::string hex(std::uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

const char* describe(SiteClass site_class) {
  switch (site_class) {
    case SiteClass::kNop5:
      return "a 5-byte nop";
    case SiteClass::kEmulated:
      return "emulated by the kernel";
    case SiteClass::kSingleStep:
      return "single-stepped";
  }
  return "";
}

bool is_jump(const Instruction& instruction) {
  return instruction.kind == InstructionKind::kJump || instruction.kind == InstructionKind::kConditionalJump;
}

// A jump to exactly `address`.
const Instruction* jump_to(const FunctionCode& code, std::uint64_t address) {
  for (const Instruction& instruction : code.instructions) {
    if (is_jump(instruction) && instruction.target == address) return &instruction;
  }
  return nullptr;
}

// Where control flow may arrive by other ways than from the instruction before.
struct Arrivals {
  std::uint64_t first = std::numeric_limits<std::uint64_t>::max();  // behind the entry
  std::string what;

  void offer(std::uint64_t address, std::uint64_t entry, const std::string& text) {
    if (address <= entry || address >= first) return;
    first = address;
    what = text;
  }
};

Arrivals find_arrivals(const ElfFile& binary, const FunctionCode& code, const CodeLandmarks& landmarks) {
  Arrivals arrivals;
  const std::uint64_t entry = code.instructions.front().address;
  const auto offer_jumps = [&](const FunctionCode& from) {
    for (const Instruction& instruction : from.instructions) {
      const bool goes = is_jump(instruction) || instruction.kind == InstructionKind::kCall;
      if (goes && instruction.target) {
        arrivals.offer(*instruction.target, entry, "a branch at " + hex(instruction.address));
      }
    }
  };
  offer_jumps(code);
  for (const AddressRange& part : landmarks.split_parts) offer_jumps(disassemble(binary, {part}));
  for (const std::uint64_t target : code.table_targets) arrivals.offer(target, entry, "a jump table");
  const auto label = std::upper_bound(landmarks.labels.begin(), landmarks.labels.end(), entry);
  if (label != landmarks.labels.end()) arrivals.offer(*label, entry, "perhaps one that knows its symbol");
  return arrivals;
}

class EntrySearch {
 public:
  EntrySearch(const ElfFile& binary, const FunctionCode& code, const Prologue& prologue,
              const CodeLandmarks& landmarks)
      : binary_(binary), code_(code), prologue_(prologue), landmarks_(landmarks) {}

  EntrySites run() {
    const Instruction& entry = code_.instructions.front();
    if (entry.is_refused) {
      sites_.refusal = "the kernel takes no probe on its entry instruction";
    } else {
      offer(entry, 0, "entry instruction");
    }
    walk();
    if (sites_.candidates.size() > kMostCandidates) drop_late_ones();
    offer_spares();
    std::stable_sort(sites_.candidates.begin(), sites_.candidates.end(),
                     [](const EntryCandidate& a, const EntryCandidate& b) {
                       return rank(a.site.site_class) < rank(b.site.site_class);
                     });
    return std::move(sites_);
  }

 private:
  static int rank(SiteClass site_class) {
    return site_class == SiteClass::kNop5 ? 0 : site_class == SiteClass::kEmulated ? 1 : 2;
  }

  // The entry and the first few behind it.
  void drop_late_ones() { sites_.candidates.resize(kMostCandidates); }

  void walk() {
    sites_.obstacle = unclear_jump(code_);
    if (!sites_.obstacle.empty()) return;
    const Arrivals arrivals = find_arrivals(binary_, code_, landmarks_);
    for (std::size_t i = 1; i < prologue_.steps.size(); ++i) {
      const PrologueStep& step = prologue_.steps[i];
      const Instruction* instruction = code_.at(step.address);
      if (!step.is_quiet || !instruction || instruction->kind == InstructionKind::kTrap ||
          !code_.ranges.front().contains(step.address)) {
        return;
      }
      if (step.address >= arrivals.first) {
        sites_.obstacle = arrivals.what + " leads to " + hex(arrivals.first);
        return;
      }
      last_quiet_ = i;
      if (is_usable(*instruction, i)) offer(*instruction, i, distance_text(step.address, i));
    }
  }

  // Where the prologue has stored what vector registers brought: it is in memory there.
  // No matter what the kernel does with the instruction: only taken for values that
  // nothing else has, and the first that has them all.
  void offer_spares() {
    std::vector<std::uint64_t> stored;
    for (const Spill& spill : prologue_.spills) {
      if (spill.is_vector()) stored.push_back(spill.done_at);
    }
    if (stored.size() > kMostSpares) stored.erase(stored.begin() + kMostSpares - 1, stored.end() - 1);
    for (const std::uint64_t address : stored) offer_spare(address);
  }

  // At `stored` or behind it.
  void offer_spare(std::uint64_t stored) {
    for (std::size_t i = 1; i <= last_quiet_; ++i) {
      const Instruction* instruction = code_.at(prologue_.steps[i].address);
      if (!instruction || instruction->address < stored || instruction->is_refused || instruction->is_nop5)
        continue;
      if (instruction->kind == InstructionKind::kCall && landmarks_.may_have_shadow_stack) continue;
      const bool is_new = std::none_of(
          sites_.candidates.begin(), sites_.candidates.end(),
          [&](const EntryCandidate& other) { return other.site.address == instruction->address; });
      if (!is_new) return;
      if (!prologue_.steps[i].rsp || !frame_is_certain(prologue_.steps[i])) continue;
      offer(*instruction, i, distance_text(instruction->address, i) + ", where parameters are stored");
      sites_.candidates.back().is_spare = true;
      return;
    }
  }

  // What was counted from the instructions is what the call frame information says.
  bool frame_is_certain(const PrologueStep& step) const {
    const auto described = landmarks_.frames ? landmarks_.frames->at(step.address) : std::nullopt;
    if (!described) return true;
    if (described->reg == BS_RSP) return described->offset == -*step.rsp;
    return described->reg == BS_RBP && step.rbp && described->offset == -*step.rbp;
  }

  // Behind the entry.
  bool is_usable(const Instruction& instruction, std::size_t index) const {
    if (instruction.is_refused || !prologue_.steps[index].rsp) return false;
    if (!frame_is_certain(prologue_.steps[index])) return false;
    if (instruction.is_nop5) return index == 1 && code_.instructions.front().is_endbr64;
    if (instruction.kind == InstructionKind::kCall && landmarks_.may_have_shadow_stack) return false;
    return instruction.site_class == SiteClass::kEmulated;
  }

  std::string distance_text(std::uint64_t address, std::size_t index) const {
    const std::uint64_t entry = code_.instructions.front().address;
    const std::string where = "at entry+" + std::to_string(address - entry);
    if (index == 1 && code_.instructions.front().is_endbr64) return "behind endbr64 " + where;
    return "in the straight code behind the entry, " + where;
  }

  void offer(const Instruction& instruction, std::size_t index, const std::string& where) {
    const auto offset = binary_.file_offset(instruction.address);
    if (!offset) return;
    EntryCandidate candidate;
    candidate.site.address = instruction.address;
    candidate.site.file_offset = *offset;
    candidate.site.site_class = instruction.site_class;
    candidate.reason = where + ", " + describe(instruction.site_class);
    candidate.frame.site = instruction.address;
    candidate.frame.entry = code_.instructions.front().address;
    if (index > 0) {
      const PrologueStep& step = prologue_.steps[index];
      const std::int64_t return_slot = -8 - *step.rsp;  // above RSP
      if (return_slot < 0 || return_slot > std::numeric_limits<std::int16_t>::max()) return;
      candidate.site.frame_adjust = static_cast<std::int16_t>(return_slot);
      candidate.frame.cfa = Cfa{BS_RSP, return_slot + 8};
      candidate.frame.written = step.written;
    }
    sites_.candidates.push_back(std::move(candidate));
  }

  const ElfFile& binary_;
  const FunctionCode& code_;
  const Prologue& prologue_;
  const CodeLandmarks& landmarks_;
  EntrySites sites_;
  std::size_t last_quiet_ = 0;
};

// Every capture that `other` has is there, too.
bool has_all_of(const CompiledPlan& plan, const CompiledPlan& other) {
  const auto& mine = plan.plan.captures;
  const auto& theirs = other.plan.captures;
  if (mine.size() != theirs.size()) return mine.size() > theirs.size();
  for (std::size_t i = 0; i < mine.size(); ++i) {
    if (mine[i].unavailable != schema::Unavailable::kNone &&
        theirs[i].unavailable == schema::Unavailable::kNone)
      return false;
  }
  if (plan.conditions.size() != other.conditions.size())
    return plan.conditions.size() > other.conditions.size();
  for (std::size_t i = 0; i < plan.conditions.size(); ++i) {
    if (plan.conditions[i] != schema::Unavailable::kNone && other.conditions[i] == schema::Unavailable::kNone)
      return false;
  }
  return true;
}

bool is_whole(const CompiledPlan& plan) {
  const auto is_there = [](schema::Unavailable reason) { return reason == schema::Unavailable::kNone; };
  return std::all_of(plan.conditions.begin(), plan.conditions.end(), is_there) &&
         std::all_of(plan.plan.captures.begin(), plan.plan.captures.end(),
                     [](const schema::Capture& capture) {
                       return capture.unavailable == schema::Unavailable::kNone;
                     });
}

}  // namespace

EntrySites find_entry_sites(const ElfFile& binary, const FunctionCode& code, const Prologue& prologue,
                            const CodeLandmarks& landmarks) {
  EntrySites refused;
  if (code.instructions.empty()) {
    refused.refusal = "its entry cannot be decoded: " + code.problem;
    return refused;
  }
  const Instruction& entry = code.instructions.front();
  if (entry.kind == InstructionKind::kTrap) {
    refused.refusal = "its entry is a trap instruction";
    return refused;
  }
  if (const Instruction* branch = jump_to(code, entry.address)) {
    refused.refusal = "its entry is also the head of a loop (jump at " + hex(branch->address) +
                      "), so that entries could not be told from repetitions";
    return refused;
  }
  EntrySites sites = EntrySearch(binary, code, prologue, landmarks).run();
  if (sites.candidates.empty() && sites.refusal.empty()) sites.refusal = "its entry is not in the file";
  return sites;
}

void move_return_probe(const EntrySites& sites, std::size_t chosen, std::vector<Site>& returns) {
  if (returns.size() != 1 || !returns[0].is_uretprobe) return;
  const auto has_entry_stack = [](const EntryCandidate& candidate) {
    return candidate.site.frame_adjust == 0 && !candidate.is_spare;
  };
  const EntryCandidate* best = nullptr;
  if (has_entry_stack(sites.candidates[chosen])) {
    best = &sites.candidates[chosen];
  } else {
    const auto found = std::find_if(sites.candidates.begin(), sites.candidates.end(), has_entry_stack);
    if (found == sites.candidates.end()) return;
    best = &*found;
  }
  returns[0].address = best->site.address;
  returns[0].file_offset = best->site.file_offset;
  returns[0].site_class = best->site.site_class;
}

std::string site_reason(const EntrySites& sites, std::size_t chosen, std::size_t parameters) {
  const EntryCandidate& candidate = sites.candidates[chosen];
  if (candidate.site.site_class != SiteClass::kSingleStep || candidate.is_spare) return candidate.reason;
  const EntryCandidate& cheapest = sites.candidates.front();
  if (cheapest.site.site_class == SiteClass::kSingleStep) {
    return sites.obstacle.empty() ? candidate.reason
                                  : candidate.reason + "; not behind it: " + sites.obstacle;
  }
  std::uint32_t bringing = 0;  // registers
  for (std::size_t i = 0; i < std::min(parameters, std::size(kArgumentRegisters)); ++i)
    bringing |= 1u << kArgumentRegisters[i];
  const bool all_written =
      std::all_of(sites.candidates.begin(), sites.candidates.end(), [&](const EntryCandidate& other) {
        return other.site.site_class == SiteClass::kSingleStep || (other.frame.written & bringing) != 0;
      });
  return candidate.reason + "; at entry+" + std::to_string(cheapest.site.address - cheapest.frame.entry) +
         " it would cost less, but " +
         (all_written ? "a parameter's register is used for something else by then"
                      : "not all captured values are there");
}

std::optional<ChosenSite> choose_entry_site(
    const EntrySites& sites, const std::function<CompiledPlan(const EntryCandidate&)>& compile) {
  std::vector<std::optional<CompiledPlan>> plans(sites.candidates.size());
  std::optional<std::size_t> first;  // the function's first instruction
  for (std::size_t i = 0; i < sites.candidates.size(); ++i) {
    if (sites.candidates[i].is_spare) continue;
    plans[i] = compile(sites.candidates[i]);
    if (is_whole(*plans[i])) return ChosenSite{i, std::move(*plans[i])};
    if (sites.candidates[i].frame.site == sites.candidates[i].frame.entry) first = i;
  }
  std::optional<std::size_t> best = first;
  const auto consider = [&](std::size_t i) {
    if (!plans[i] || (first && !has_all_of(*plans[i], *plans[*first]))) return;
    const bool is_better =
        !best || !has_all_of(*plans[*best], *plans[i]) || (i < *best && has_all_of(*plans[i], *plans[*best]));
    if (is_better) best = i;
  };
  for (std::size_t i = 0; i < plans.size(); ++i) consider(i);
  for (std::size_t i = 0; i < plans.size(); ++i) {
    if (!sites.candidates[i].is_spare) continue;
    plans[i] = compile(sites.candidates[i]);
    consider(i);
  }
  if (!best) return std::nullopt;
  return ChosenSite{*best, std::move(*plans[*best])};
}

}  // namespace backsight::probes
