#include "probes/unwinder.h"

#include "bpf/abi/event.h"
#include "probes/call_check.h"
#include "probes/frame_expression.h"
#include "probes/frame_rules.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

namespace backsight::probes {

using schema::Stack;
using schema::StackEnd;

namespace {

constexpr std::size_t kMostImages = 256;
constexpr std::size_t kMostRules = 65536;  // of one module
using Kind = FrameRule::Kind;

// What a function may change without saying so (System V ABI).
constexpr std::array<std::uint8_t, 9> kScratch = {BS_RAX, BS_RDX, BS_RCX, BS_RSI, BS_RDI,
                                                  BS_R8,  BS_R9,  BS_R10, BS_R11};

}  // namespace

// One version of a file.
class Unwinder::Module {
 public:
  Module(std::uint64_t number, ElfFile file)
      : number_(number), file_(std::make_shared<const ElfFile>(std::move(file))), search_(*file_) {}

  std::uint64_t number() const { return number_; }
  // Of the code at an offset of the file; null: nothing describes it.
  const FrameRules* rules_at(std::uint64_t offset) {
    const auto known = rules_.find(offset);
    if (known != rules_.end()) return known->second ? &*known->second : nullptr;
    if (rules_.size() >= kMostRules) rules_.clear();
    const auto address = file_->code_address(offset);
    auto& rules = rules_[offset];
    if (address) rules = read_frame_rules(file_, search_, *address);
    return rules ? &*rules : nullptr;
  }
  // A call ends with the byte at an offset, or a signal handler returns behind it.
  bool may_return_to(std::uint64_t offset) {
    const auto known = calls_.find(offset);
    if (known != calls_.end()) return known->second;
    if (calls_.size() >= kMostRules) calls_.clear();
    const auto address = file_->code_address(offset);
    const FrameRules* rules = rules_at(offset);
    return calls_[offset] = address && ((rules && rules->is_signal) || ends_call(*file_, *address));
  }

 private:
  std::uint64_t number_;
  std::shared_ptr<const ElfFile> file_;
  FrameSearch search_;
  std::unordered_map<std::uint64_t, std::optional<FrameRules>> rules_;  // by offset
  std::unordered_map<std::uint64_t, bool> calls_;                       // likewise
};

// One stack. The registers are those of the frame that it has come to.
class Unwinder::Walk {
 public:
  Walk(const Image& image, std::span<const std::byte> copy, StackEnd copy_end)
      : image_(image), copy_end_(copy_end), stack_(copy.subspan(sizeof(bs_stack_registers))) {
    bs_stack_registers registers;
    std::memcpy(&registers, copy.data(), sizeof registers);
    for (std::size_t i = 0; i < registers_.size(); ++i) registers_[i] = registers.by_number[i];
    base_ = registers.by_number[BS_RSP];
  }

  Stack run() {
    Stack stack;
    stack.addresses.push_back(*registers_[BS_RIP]);
    bool is_exact = true;  // the frame was interrupted where it is; else it is in a call
    while (stack.addresses.size() < schema::kMaxStackFrames) {
      if (!step(is_exact)) {
        stack.end = end_;
        return stack;
      }
      is_exact = was_signal_;
      stack.addresses.push_back(*registers_[BS_RIP] - (is_exact || is_trampoline() ? 0 : 1));
    }
    stack.end = StackEnd::kDepthLimit;
    return stack;
  }

 private:
  using Value = std::optional<std::uint64_t>;

  bool ends(StackEnd end) {
    end_ = end;
    return false;
  }

  const Mapping* find_mapping(std::uint64_t address) const {
    const auto after =
        std::upper_bound(image_.mappings.begin(), image_.mappings.end(), address,
                         [](std::uint64_t value, const Mapping& mapping) { return value < mapping.begin; });
    if (after == image_.mappings.begin()) return nullptr;
    const Mapping& mapping = *std::prev(after);
    return address < mapping.end ? &mapping : nullptr;
  }

  // Memory of the copy alone.
  Value word(std::uint64_t address) {
    const std::uint64_t offset = address - base_;
    if (stack_.size() < 8 || offset > stack_.size() - 8) {
      missed_ = offset < (std::uint64_t{1} << 40) ? copy_end_ : StackEnd::kBadAddress;
      return std::nullopt;
    }
    std::uint64_t value = 0;
    std::memcpy(&value, stack_.data() + offset, sizeof value);
    return value;
  }

  Value evaluate(const std::vector<std::uint8_t>& code, Value first) {
    const FrameState state{[this](std::size_t number) -> Value {
                             return number < registers_.size() ? registers_[number] : std::nullopt;
                           },
                           [this](std::uint64_t address) { return word(address); }};
    return evaluate_frame_expression(code, first, state);
  }

  Value find_cfa(const FrameRule& rule) {
    if (rule.kind == Kind::kIsExpression) return evaluate(rule.expression, std::nullopt);
    const Value& base = registers_[rule.reg];
    if (!base) return std::nullopt;
    return *base + static_cast<std::uint64_t>(rule.offset);
  }

  Value find_register(const FrameRule& rule, std::size_t number, std::uint64_t cfa) {
    switch (rule.kind) {
      case Kind::kSame:
        return registers_[number];
      case Kind::kUndefined:
        return std::nullopt;
      case Kind::kAt:
        return word(cfa + static_cast<std::uint64_t>(rule.offset));
      case Kind::kIs:
        return cfa + static_cast<std::uint64_t>(rule.offset);
      case Kind::kRegister:
        return registers_[rule.reg];
      case Kind::kAtExpression: {
        const Value address = evaluate(rule.expression, cfa);
        return address ? word(*address) : std::nullopt;
      }
      case Kind::kIsExpression:
        return evaluate(rule.expression, cfa);
    }
    return std::nullopt;
  }

  // Rules may be wrong, of hand-written code for one.
  bool can_be_caller(std::uint64_t address, bool was_interrupted) const {
    const Mapping* mapping = find_mapping(address - (was_interrupted ? 0 : 1));
    if (!mapping) return false;
    if (was_interrupted || !mapping->module) return true;
    return mapping->module->may_return_to(address - 1 - mapping->begin + mapping->offset);
  }

  // Where a signal handler returns to: not behind a call, but where that code begins.
  bool is_trampoline() const {
    const std::uint64_t address = *registers_[BS_RIP] - 1;
    const Mapping* mapping = find_mapping(address);
    if (!mapping || !mapping->module) return false;
    const FrameRules* rules = mapping->module->rules_at(address - mapping->begin + mapping->offset);
    return rules && rules->is_signal;
  }

  // To the caller.
  bool step(bool is_exact) {
    const std::uint64_t address = *registers_[BS_RIP] - (is_exact ? 0 : 1);
    const Mapping* mapping = find_mapping(address);
    if (!mapping) return ends(StackEnd::kBadAddress);
    const FrameRules* rules =
        mapping->module ? mapping->module->rules_at(address - mapping->begin + mapping->offset) : nullptr;
    if (!rules) return ends(StackEnd::kUndefined);
    missed_ = StackEnd::kUndefined;
    const Value cfa = find_cfa(rules->cfa);
    if (!cfa) return ends(missed_);
    // A signal may have come on another stack. Else callers' frames lie above.
    if (!rules->is_signal && *cfa <= *registers_[BS_RSP]) return ends(StackEnd::kBadAddress);
    const FrameRule& return_rule = rules->registers[BS_RIP];
    if (return_rule.kind == Kind::kUndefined) return ends(StackEnd::kOutermost);
    if (return_rule.kind == Kind::kSame) return ends(StackEnd::kUndefined);
    std::array<Value, kFrameRegisters> caller;
    for (std::size_t i = 0; i < caller.size(); ++i) caller[i] = find_register(rules->registers[i], i, *cfa);
    if (!caller[BS_RIP]) {
      missed_ = StackEnd::kUndefined;
      (void)find_register(return_rule, BS_RIP, *cfa);
      return ends(missed_);
    }
    if (*caller[BS_RIP] == 0) return ends(StackEnd::kOutermost);
    if (rules->registers[BS_RSP].kind == Kind::kSame) caller[BS_RSP] = *cfa;
    if (!caller[BS_RSP]) return ends(StackEnd::kUndefined);
    if (!rules->is_signal) {
      for (const std::uint8_t scratch : kScratch) {
        if (rules->registers[scratch].kind == Kind::kSame) caller[scratch].reset();
      }
    }
    if (!can_be_caller(*caller[BS_RIP], rules->is_signal)) return ends(StackEnd::kBadAddress);
    registers_ = caller;
    was_signal_ = rules->is_signal;
    return true;
  }

  const Image& image_;
  StackEnd copy_end_;
  std::span<const std::byte> stack_;
  std::uint64_t base_ = 0;
  std::array<Value, kFrameRegisters> registers_;
  StackEnd end_ = StackEnd::kUndefined;
  StackEnd missed_ = StackEnd::kUndefined;  // why a word could not be read
  bool was_signal_ = false;
};

Unwinder::Unwinder(std::shared_ptr<FileSource> files) : files_(std::move(files)) {}
Unwinder::~Unwinder() = default;

std::shared_ptr<Unwinder::Module> Unwinder::module_of(const UnwindMapping& mapping) {
  auto& known = modules_[mapping.file];
  if (auto module = known.lock()) return module;
  auto file = ElfFile::open(mapping.module.open_path, files_.get(), ElfFile::Access::kMapped);
  if (!file) return nullptr;
  auto module = std::make_shared<Module>(mapping.file, *std::move(file));
  known = module;
  return module;
}

void Unwinder::set_mappings(std::uint64_t image, const std::vector<UnwindMapping>& mappings) {
  Image made{image, {}};
  for (const UnwindMapping& mapping : mappings) {
    made.mappings.push_back({mapping.begin, mapping.end, mapping.offset, module_of(mapping)});
  }
  std::sort(made.mappings.begin(), made.mappings.end(),
            [](const Mapping& a, const Mapping& b) { return a.begin < b.begin; });
  std::erase_if(images_, [&](const Image& old) { return old.id == image; });
  images_.push_front(std::move(made));
  if (images_.size() > kMostImages) images_.pop_back();
  std::erase_if(modules_, [](const auto& module) { return module.second.expired(); });
}

const Unwinder::Image* Unwinder::find_image(std::uint64_t id) {
  const auto known =
      std::find_if(images_.begin(), images_.end(), [&](const Image& image) { return image.id == id; });
  if (known == images_.end()) return nullptr;
  images_.splice(images_.begin(), images_, known);
  return &images_.front();
}

Stack Unwinder::unwind(std::uint64_t image, std::span<const std::byte> copy) {
  Stack none;
  none.end = StackEnd::kUndefined;
  std::uint64_t end = 0;
  if (copy.size() < sizeof end + sizeof(bs_stack_registers)) return none;
  std::memcpy(&end, copy.data(), sizeof end);
  const auto copy_end =
      end <= static_cast<std::uint64_t>(StackEnd::kLast) ? static_cast<StackEnd>(end) : StackEnd::kUndefined;
  const Image* found = find_image(image);
  if (!found) return none;
  return Walk(*found, copy.subspan(sizeof end), copy_end).run();
}

}  // namespace backsight::probes
