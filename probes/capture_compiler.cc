#include "probes/capture_compiler.h"

#include "probes/chase_programs.h"
#include "probes/dynamic_types.h"
#include "probes/predicate_compiler.h"
#include "probes/predicate_ops.h"
#include "schema/expression.h"

#include <algorithm>

namespace backsight::probes {

using schema::Capture;
using schema::kNoType;
using schema::Type;
using schema::TypeId;
using schema::TypeKind;
using schema::Unavailable;

namespace {

constexpr std::size_t kMaxCaptures = 256;
constexpr int kMaxStack = BS_STACK;

bool fits_stack(const std::vector<bs_op>& ops) {
  return most_slots(ops) <= kMaxStack - 4;
}

// Whether it has to do with what the function returns.
bool names_result(const schema::Expression& expression) {
  if (expression.kind == schema::ExpressionKind::kName && expression.text == "ret") return true;
  return std::any_of(expression.children.begin(), expression.children.end(),
                     [](const schema::ExpressionPtr& child) { return names_result(*child); });
}

// "shop::Box<int>::Box" or "shop::Box<int>::~Box".
bool is_structor(const std::string& function) {
  std::vector<std::string> scopes = {""};
  int nesting = 0;
  for (const char c : function) {
    nesting += c == '<' || c == '(' ? 1 : c == '>' || c == ')' ? -1 : 0;
    if (c == ':' && nesting == 0) {
      if (!scopes.back().empty()) scopes.emplace_back();
    } else {
      scopes.back() += c;
    }
  }
  if (scopes.size() < 2) return false;
  const auto plain = [](const std::string& name) { return name.substr(0, name.find('<')); };
  const std::string& own = scopes.back();
  return own.rfind('~', 0) == 0 || plain(own) == plain(scopes[scopes.size() - 2]);
}

}  // namespace

void CaptureCompiler::compile(const ProbeConfig& probe) {
  if (probe.capture_default) {
    add_defaults();
  } else {
    for (const CaptureConfig& config : probe.capture) add(config);
  }
  for (const CaptureConfig& config : probe.index) add_indexed(config);
  decide(probe);
  finish_types(probe.limits.depth);
  emit_program(false);
  emit_program(true);
  compile_chase_programs(output_, followed_);
  emit_blanks();
}

// What is indexed is captured, too.
void CaptureCompiler::add_indexed(const CaptureConfig& config) {
  const auto same = [&](const Compiled& compiled) {
    return compiled.capture.expression == config.expression;
  };
  auto known = std::find_if(compiled_.begin(), compiled_.end(), same);
  if (known == compiled_.end()) {
    const std::size_t before = compiled_.size();
    add(config);
    if (compiled_.size() == before) {
      output_.refusal = "index: " + output_.issues.back().message;
      return;
    }
    known = compiled_.end() - 1;
  }
  if (known->capture.unavailable == Unavailable::kRedacted) {
    output_.refusal = "index: '" + config.expression + "' reads what is redacted";
  } else if (known->operand.is_range) {
    output_.refusal = "index: '" + config.expression + "' is a range; a single value can be indexed";
  }
  known->capture.is_indexed = true;
}

void CaptureCompiler::decide(const ProbeConfig& probe) {
  const bool at_return = !output_.plan.on_entry;
  output_.plan.where = probe.where;
  output_.plan.sample_below = probe.sample.below;
  output_.plan.sample_by = probe.sample.by;
  const auto compile = [&](const char* what, const std::string& text, std::uint32_t& pc, auto&& make) {
    if (text.empty() || !output_.refusal.empty()) return;
    PredicateCompiler predicate(context_, expressions_, at_return);
    const auto ops = make(predicate);
    const auto& found = predicate.availability();
    output_.conditions.insert(output_.conditions.end(), found.begin(), found.end());
    if (!ops) {
      output_.refusal = std::string(what) + ": " + ops.error().to_string();
      return;
    }
    for (const std::string& issue : predicate.issues())
      output_.issues.push_back({std::string(what) + ": " + issue, "what hangs on it cannot be decided"});
    pc = static_cast<std::uint32_t>(output_.ops.size());
    output_.ops.insert(output_.ops.end(), ops->begin(), ops->end());
  };
  compile("where", probe.where, output_.where_pc,
          [&](PredicateCompiler& predicate) { return predicate.condition(probe.where); });
  compile("sample", probe.sample.below ? probe.sample.by : "", output_.sample_pc,
          [&](PredicateCompiler& predicate) { return predicate.sampling_key(probe.sample.by); });
}

void CaptureCompiler::add_defaults() {
  for (const Parameter& parameter : context_.function.parameters) {
    if (parameter.name.empty() || !output_.plan.on_entry) continue;
    Capture capture;
    capture.name = capture.expression = parameter.name;
    capture.path = {parameter.name};
    add_operand(std::move(capture), expressions_.parameter(parameter), parameter.name);
  }
  if (!context_.function.return_type || !output_.plan.on_return) return;
  Capture capture;
  capture.name = capture.expression = "ret";
  capture.path = {"ret"};
  add_operand(std::move(capture), expressions_.return_value(), "ret");
}

void CaptureCompiler::add(const CaptureConfig& config) {
  const auto tree = schema::parse_expression(config.expression);
  auto operand = expressions_.compile(config.expression);
  if (!operand) {
    output_.issues.push_back({operand.error().message, operand.error().hint});
    if (!tree || expressions_.refusal() == Unavailable::kNone) return;
  }
  Capture capture;
  capture.expression = config.expression;
  capture.name = config.name.empty() ? config.expression : config.name;
  if (tree && config.name.empty()) capture.path = schema::plain_path(**tree);
  capture.at_return = operand ? operand->at_return : names_result(**tree);
  if (capture.at_return ? !output_.plan.on_return : !output_.plan.on_entry) {
    output_.issues.push_back({std::string("'") + config.expression + "' is known only at " +
                                  (capture.at_return ? "return" : "entry") +
                                  ", and there is no such event here",
                              capture.at_return ? output_.plan.return_reason : "add entry to `on`"});
    return;
  }
  if (operand) {
    add_operand(std::move(capture), std::move(*operand), config.expression);
  } else {
    add_refused(std::move(capture), expressions_.refusal(), config.expression);
  }
}

// A capture that has its place in the answers, and the reason there.
void CaptureCompiler::add_refused(Capture capture, Unavailable reason, const std::string& shown) {
  if (!has_room(shown)) return;
  capture.type = kNoType;
  capture.unavailable = reason;
  compiled_.push_back({std::move(capture), Operand{}});
}

bool CaptureCompiler::has_room(const std::string& shown) {
  if (compiled_.size() < kMaxCaptures) return true;
  output_.issues.push_back({"'" + shown + "' is one capture too many", "at most 256 a probe"});
  return false;
}

// What cannot be an item, whatever its location.
void CaptureCompiler::check_size(Operand& operand) const {
  const Type& type = context_.types.type(operand.type);
  if (operand.source.unavailable != Unavailable::kNone) return;
  if (type.kind == TypeKind::kUndefined) {
    operand.source = unavailable_source(Unavailable::kUndefinedType, type.name + " is only declared");
  } else if (type.kind == TypeKind::kUnsupported || type.kind == TypeKind::kVoid ||
             type.kind == TypeKind::kFunction || type.size_bytes == 0) {
    operand.source = unavailable_source(
        Unavailable::kUnsupportedType,
        "values of type " + (type.name.empty() ? "this" : type.name) + " are not supported yet");
  } else if (operand.is_range && type.size_bytes > BS_MAX_OBJECT) {
    operand.source = unavailable_source(Unavailable::kUnsupportedType, "its elements are too large");
  } else if (!operand.source.in_memory && type.size_bytes > 16) {
    operand.source = unavailable_source(Unavailable::kUnsupportedType, "it is too large for registers");
  } else if (!fits_stack(operand.source.ops) || !fits_stack(operand.count)) {
    operand.source = unavailable_source(Unavailable::kUnsupportedType, "its expression is too complicated");
  }
}

void CaptureCompiler::add_operand(Capture capture, Operand operand, const std::string& shown) {
  if (!has_room(shown)) return;
  // A name alone; expressions are refused where they read it.
  if (expressions_.is_redacted(operand)) {
    capture.at_return = operand.at_return;
    return add_refused(std::move(capture), Unavailable::kRedacted, shown);
  }
  if (operand.is_range && expressions_.is_redacted_range(operand)) {
    output_.issues.push_back({"'" + shown + "' reads what is redacted",
                              "take it out of the expression, or its pattern out of `redact`"});
    capture.at_return = operand.at_return;
    return add_refused(std::move(capture), Unavailable::kRedacted, shown);
  }
  if (operand.is_range) {
    const TypeId projected = expressions_.project(operand.type, operand.projection, operand.projection_cast);
    if (projected == kNoType) {
      output_.issues.push_back({"'" + shown + "': no such member of " +
                                    context_.types.type(operand.type).name + ", or not one that can be cast",
                                ""});
      if (expressions_.has_members(operand.type, operand.projection)) {
        capture.at_return = operand.at_return;
        add_refused(std::move(capture), Unavailable::kUnsupportedType, shown);
      }
      return;
    }
    operand.type = projected;
  }
  // What the object was or will be is not what it is.
  if (context_.dynamic && shown == "this" && is_structor(context_.function.name))
    operand.type = context_.dynamic->static_pointer(operand.type);
  check_size(operand);
  if (operand.source.unavailable != Unavailable::kNone) {
    output_.issues.push_back({"'" + shown + "' is not available (" + to_string(operand.source.unavailable) +
                                  "): " + operand.source.why,
                              ""});
    operand.source.ops.clear();
  } else if (!operand.source.why.empty()) {
    output_.issues.push_back({"'" + shown + "' " + operand.source.why, ""});
  }
  capture.type = operand.type;
  capture.is_range = operand.is_range;
  capture.at_return = operand.at_return;
  capture.unavailable = operand.source.unavailable;
  capture.projection = operand.projection;
  compiled_.push_back({std::move(capture), std::move(operand)});
}

// Types reachable from the captures, numbered anew for the plan.
void CaptureCompiler::finish_types(std::uint32_t depth) {
  std::vector<TypeId> roots;
  for (const Compiled& compiled : compiled_) {
    if (compiled.capture.type != kNoType) roots.push_back(compiled.capture.type);
  }
  DynamicTypes* dynamic = context_.dynamic;
  if (dynamic) context_.types.set_alternatives([dynamic](TypeId type) { return dynamic->link(type); });
  context_.types.finish(roots, depth);
  std::vector<TypeId> renumbered;
  take_types(std::move(roots), renumbered);
  if (dynamic) output_.vtables = dynamic->vtables(renumbered);
  if (dynamic && dynamic->left_out() > 0) {
    output_.issues.push_back({std::to_string(dynamic->left_out()) +
                                  " derived classes are too many: their objects are shown as the class that "
                                  "is declared, their $type is not known",
                              "capture less deep, or only what is needed"});
  }
  output_.types.assign(output_.plan.types.size(), bs_type{0, kNoProgram, 0, 0});
  for (std::size_t i = 0; i < output_.types.size(); ++i) {
    const std::uint64_t size = output_.plan.types[i].size_bytes;
    output_.types[i].size = static_cast<std::uint32_t>(std::min<std::uint64_t>(size, BS_MAX_OBJECT));
  }
  for (Compiled& compiled : compiled_) {
    if (compiled.capture.type != kNoType) compiled.capture.type = renumbered[compiled.capture.type.value];
    output_.plan.captures.push_back(compiled.capture);
  }
  for (const auto& [id, member] : expressions_.followed()) {
    if (renumbered.size() <= id || renumbered[id] == kNoType || renumbered[member.type.value] == kNoType)
      continue;
    schema::Member only = member;
    only.type = renumbered[member.type.value];
    followed_[renumbered[id].value] = only;
  }
}

void CaptureCompiler::emit_program(bool at_return) {
  const auto begin = static_cast<std::uint32_t>(output_.ops.size());
  for (std::size_t i = 0; i < compiled_.size(); ++i) {
    const Compiled& compiled = compiled_[i];
    if (compiled.capture.at_return != at_return || compiled.capture.unavailable != Unavailable::kNone)
      continue;
    emit(compiled, static_cast<std::uint16_t>(i));
  }
  if (output_.ops.size() == begin) return;
  output_.ops.push_back(make_op(BS_OP_END));
  (at_return ? output_.return_pc : output_.entry_pc) = begin;
}

void CaptureCompiler::emit(const Compiled& compiled, std::uint16_t root) {
  const Operand& operand = compiled.operand;
  const std::uint32_t type = compiled.capture.type.value;
  const std::uint64_t size = output_.plan.types[type].size_bytes;
  output_.ops.push_back(make_op(BS_OP_ROOT, 0, root));
  const auto append = [&](const std::vector<bs_op>& ops) {
    for (bs_op op : ops) {
      if (op.code == BS_OP_LOAD) {  // the item that says why, where it cannot be read
        op.c = type;
        op.d = root;
      } else if (op.code == BS_OP_ELEMENT) {  // likewise
        op.c = type;
        op.d |= root;
      } else if (op.code == BS_OP_NEED_CALLER) {
        op.c = type;
        op.b = root;
      }
      output_.ops.push_back(op);
    }
  };
  if (operand.is_range) {
    append(operand.begin);
    append(operand.end);
    append(operand.source.ops);
    append(operand.count);
    const std::uint8_t bounds = operand.end.empty() ? 0 : operand.begin.empty() ? 1 : 2;
    output_.ops.push_back(make_op(BS_OP_COPY_RANGE, bounds, root, type, size));
    return;
  }
  append(operand.source.ops);
  if (operand.source.in_memory) {
    output_.ops.push_back(make_op(BS_OP_COPY, 0, root, type, std::min<std::uint64_t>(size, BS_MAX_OBJECT)));
  } else {
    output_.ops.push_back(make_op(BS_OP_EMIT, 0, root, type, size));
  }
}

}  // namespace backsight::probes
