// Plans to bytes and back, with the checks that make a decoded type table safe
// to walk.
#include "schema/codec.h"

#include "schema/message.h"
#include "schema/recording.capnp.h"

#include <algorithm>

namespace backsight::schema {
namespace {

constexpr std::size_t kMaxTypes = 65'535;
constexpr std::size_t kMaxCaptures = 65'536;
constexpr std::uint32_t kMaxNesting = 1'024;
constexpr std::size_t kMaxLayout = 16;

Error corrupt(const std::string& why) {
  return make_error(ErrorCode::kCorrupt, "plan: " + why);
}

template <class List>
void write_texts(List list, const std::vector<std::string>& values) {
  for (unsigned i = 0; i < list.size(); ++i) list.set(i, as_text(values[i]));
}

template <class List>
std::vector<std::string> read_texts(List list) {
  std::vector<std::string> values;
  for (auto value : list) values.push_back(from_text(value));
  return values;
}

unsigned count_of(const auto& values) {
  return static_cast<unsigned>(values.size());
}

void write_capture(wire::Capture::Builder out, const Capture& capture) {
  out.setName(as_text(capture.name));
  out.setExpression(as_text(capture.expression));
  write_texts(out.initPath(count_of(capture.path)), capture.path);
  out.setType(capture.type.value);
  out.setIsRange(capture.is_range);
  out.setAtReturn(capture.at_return);
  out.setUnavailable(static_cast<std::uint8_t>(capture.unavailable));
  write_texts(out.initProjection(count_of(capture.projection)), capture.projection);
  out.setIsIndexed(capture.is_indexed);
}

void write_type(wire::Type::Builder out, const Type& type) {
  out.setKind(static_cast<std::uint8_t>(type.kind));
  out.setName(as_text(type.name));
  out.setSizeBytes(type.size_bytes);
  out.setIsSigned(type.is_signed);
  out.setTarget(type.target.value);
  out.setCount(type.count);
  auto members = out.initMembers(count_of(type.members));
  for (unsigned i = 0; i < members.size(); ++i) {
    const Member& member = type.members[i];
    members[i].setName(as_text(member.name));
    members[i].setType(member.type.value);
    members[i].setOffsetBytes(member.offset_bytes);
    members[i].setBitOffset(member.bit_offset);
    members[i].setBitSize(member.bit_size);
    members[i].setIsBase(member.is_base);
  }
  auto enumerators = out.initEnumerators(count_of(type.enumerators));
  for (unsigned i = 0; i < enumerators.size(); ++i) {
    enumerators[i].setName(as_text(type.enumerators[i].name));
    enumerators[i].setValue(type.enumerators[i].value);
  }
  out.setContainer(static_cast<std::uint8_t>(type.container));
  out.setOffsetA(type.offset_a);
  out.setOffsetB(type.offset_b);
  if (!type.layout.empty()) {
    auto layout = out.initLayout(count_of(type.layout));
    for (unsigned i = 0; i < layout.size(); ++i) layout.set(i, type.layout[i]);
  }
  out.setIsMap(type.is_map);
  out.setDynamic(type.dynamic == kNoType ? 0 : type.dynamic.value + 1);
  out.setIsPolymorphic(type.is_polymorphic);
}

Result<Capture> read_capture(wire::Capture::Reader in, std::size_t type_count) {
  Capture capture;
  capture.name = from_text(in.getName());
  capture.expression = from_text(in.getExpression());
  capture.path = read_texts(in.getPath());
  capture.type = {in.getType()};
  if (capture.type != kNoType && capture.type.value >= type_count) {
    return corrupt("capture of type " + std::to_string(in.getType()) + " of " + std::to_string(type_count));
  }
  capture.is_range = in.getIsRange();
  capture.at_return = in.getAtReturn();
  capture.is_indexed = in.getIsIndexed();
  if (in.getUnavailable() > static_cast<std::uint8_t>(Unavailable::kUnsupportedType)) {
    return corrupt("unknown reason " + std::to_string(in.getUnavailable()));
  }
  capture.unavailable = static_cast<Unavailable>(in.getUnavailable());
  capture.projection = read_texts(in.getProjection());
  return capture;
}

Result<Member> read_member(wire::Member::Reader in, std::size_t type_count) {
  Member member;
  member.name = from_text(in.getName());
  member.type = {in.getType()};
  member.offset_bytes = in.getOffsetBytes();
  member.bit_offset = in.getBitOffset();
  member.bit_size = in.getBitSize();
  member.is_base = in.getIsBase();
  if (member.type.value >= type_count) return corrupt("member of type " + std::to_string(in.getType()));
  if (member.bit_size > 64) return corrupt("bit-field of " + std::to_string(member.bit_size) + " bits");
  return member;
}

// Fields of Type::layout and members that a reader of such a container relies on.
struct Needs {
  std::size_t layout = 0;
  std::size_t members = 0;
};
Needs needs_of(Container container) {
  switch (container) {
    case Container::kFlaggedString:
      return {layout::kFlaggedFields, 0};
    case Container::kBitVector:
      return {layout::kBitVectorFields, 0};
    case Container::kList:
      return {layout::kListFields, 0};
    case Container::kTree:
      return {layout::kTreeFields, 0};
    case Container::kDeque:
      return {layout::kDequeFields, 1};
    case Container::kWeakPointer:
      return {1, 1};
    case Container::kCallable:
      return {1, 0};
    case Container::kDuration:
      return {2, 1};
    case Container::kTimePoint:
      return {1, 1};
    case Container::kOptional:
    case Container::kTransparent:
      return {0, 1};
    default:
      return {};
  }
}

Result<Type> read_type(wire::Type::Reader in, std::size_t type_count) {
  Type type;
  if (in.getKind() > static_cast<std::uint8_t>(TypeKind::kRedacted)) {
    return corrupt("unknown type kind " + std::to_string(in.getKind()));
  }
  type.kind = static_cast<TypeKind>(in.getKind());
  type.name = from_text(in.getName());
  type.size_bytes = in.getSizeBytes();
  type.is_signed = in.getIsSigned();
  type.target = {in.getTarget()};
  if (type.target != kNoType && type.target.value >= type_count) {
    return corrupt("target type " + std::to_string(in.getTarget()) + " of " + std::to_string(type_count));
  }
  type.count = in.getCount();
  for (auto member_in : in.getMembers()) {
    auto member = read_member(member_in, type_count);
    if (!member) return std::move(member).error();
    type.members.push_back(*std::move(member));
  }
  for (auto enumerator : in.getEnumerators()) {
    type.enumerators.push_back({from_text(enumerator.getName()), enumerator.getValue()});
  }
  if (in.getContainer() > static_cast<std::uint8_t>(Container::kCallableObject)) {
    return corrupt("unknown container " + std::to_string(in.getContainer()));
  }
  type.container = static_cast<Container>(in.getContainer());
  type.offset_a = in.getOffsetA();
  type.offset_b = in.getOffsetB();
  const auto fields = in.getLayout();  // asked for once: what is read is counted
  if (fields.size() > kMaxLayout) return corrupt("layout of " + std::to_string(fields.size()) + " fields");
  for (const std::uint64_t field : fields) type.layout.push_back(field);
  type.is_map = in.getIsMap();
  if (in.getDynamic() > type_count) return corrupt("dynamic type " + std::to_string(in.getDynamic()));
  if (in.getDynamic() != 0) type.dynamic = {in.getDynamic() - 1};
  type.is_polymorphic = in.getIsPolymorphic();
  const Needs needs = needs_of(type.container);
  if (type.layout.size() < needs.layout || type.members.size() < needs.members) {
    return corrupt("container " + std::to_string(in.getContainer()) + " without its layout");
  }
  return type;
}

// The types whose values lie inside a value of `type`.
std::vector<std::uint32_t> parts(const Type& type) {
  std::vector<std::uint32_t> out;
  for (const Member& member : type.members) out.push_back(member.type.value);
  if (type.kind == TypeKind::kArray && type.target != kNoType) out.push_back(type.target.value);
  return out;
}

// A value that contains itself, or nests absurdly, would never end a reader that
// descends into it. Types are taken away once nothing contains them any more;
// what cannot be taken away is a cycle.
Result<void> check_nesting(const TypeTable& types) {
  std::vector<std::uint32_t> containers(types.size(), 0);
  for (const Type& type : types) {
    for (const std::uint32_t part : parts(type)) ++containers[part];
  }
  std::vector<std::uint32_t> ready;
  std::vector<std::uint32_t> depth(types.size(), 0);
  for (std::uint32_t i = 0; i < types.size(); ++i) {
    if (containers[i] == 0) ready.push_back(i);
  }
  std::size_t taken = 0;
  while (!ready.empty()) {
    const std::uint32_t i = ready.back();
    ready.pop_back();
    ++taken;
    for (const std::uint32_t part : parts(types[i])) {
      depth[part] = std::max(depth[part], depth[i] + 1);
      if (depth[part] > kMaxNesting)
        return corrupt("values nested too deeply at type " + std::to_string(part));
      if (--containers[part] == 0) ready.push_back(part);
    }
  }
  if (taken != types.size()) return corrupt("a type contains itself by value");
  return {};
}

Result<void> read_enumerations(wire::Plan::Reader in, Plan& plan) {
  if (in.getSiteClass() > static_cast<std::uint8_t>(SiteClass::kSingleStep)) {
    return corrupt("unknown site class " + std::to_string(in.getSiteClass()));
  }
  plan.site_class = static_cast<SiteClass>(in.getSiteClass());
  if (in.getReturnVia() > static_cast<std::uint8_t>(ReturnVia::kRetSites)) {
    return corrupt("unknown way of return " + std::to_string(in.getReturnVia()));
  }
  plan.return_via = static_cast<ReturnVia>(in.getReturnVia());
  if (in.getStack() > static_cast<std::uint8_t>(StackKind::kDwarf)) {
    return corrupt("unknown kind of stack " + std::to_string(in.getStack()));
  }
  plan.stack = static_cast<StackKind>(in.getStack());
  return {};
}

Result<void> read_lists(wire::Plan::Reader in, Plan& plan) {
  const auto types = in.getTypes();
  const auto captures = in.getCaptures();
  if (types.size() > kMaxTypes) return corrupt(std::to_string(types.size()) + " types");
  if (captures.size() > kMaxCaptures) return corrupt(std::to_string(captures.size()) + " captures");
  for (auto type_in : types) {
    auto type = read_type(type_in, types.size());
    if (!type) return std::move(type).error();
    plan.types.push_back(*std::move(type));
  }
  for (auto capture_in : captures) {
    auto capture = read_capture(capture_in, types.size());
    if (!capture) return std::move(capture).error();
    plan.captures.push_back(*std::move(capture));
  }
  return check_nesting(plan.types);
}

}  // namespace

std::vector<std::byte> encode(const Plan& plan) {
  return encode_message<wire::Plan>([&](wire::Plan::Builder out) {
    out.setProbe(as_text(plan.probe));
    out.setFunction(as_text(plan.function));
    out.setSignature(as_text(plan.signature));
    out.setSourceFile(as_text(plan.source.file));
    out.setSourceLine(plan.source.line);
    out.setModulePath(as_text(plan.module_path));
    out.setBuildId(as_text(plan.build_id));
    out.setAddress(plan.address);
    out.setSite(plan.site);
    out.setSiteClass(static_cast<std::uint8_t>(plan.site_class));
    out.setSiteReason(as_text(plan.site_reason));
    out.setReturnVia(static_cast<std::uint8_t>(plan.return_via));
    out.setReturnReason(as_text(plan.return_reason));
    out.setOnEntry(plan.on_entry);
    out.setOnReturn(plan.on_return);
    out.setInlined(plan.inlined);
    auto captures = out.initCaptures(count_of(plan.captures));
    for (unsigned i = 0; i < captures.size(); ++i) write_capture(captures[i], plan.captures[i]);
    auto limits = out.initLimits();
    limits.setDepth(plan.limits.depth);
    limits.setElements(plan.limits.elements);
    limits.setStringBytes(plan.limits.string_bytes);
    limits.setBytes(plan.limits.bytes);
    if (!plan.where.empty()) out.setWhere(as_text(plan.where));
    out.setSampleBelow(plan.sample_below);
    if (!plan.sample_by.empty()) out.setSampleBy(as_text(plan.sample_by));
    auto types = out.initTypes(count_of(plan.types));
    for (unsigned i = 0; i < types.size(); ++i) write_type(types[i], plan.types[i]);
    out.setStack(static_cast<std::uint8_t>(plan.stack));
  });
}

Result<Plan> decode_plan(std::span<const std::byte> bytes) {
  return decode_message<wire::Plan, Plan>("plan", bytes, [](wire::Plan::Reader in) -> Result<Plan> {
    Plan plan;
    plan.probe = from_text(in.getProbe());
    plan.function = from_text(in.getFunction());
    plan.signature = from_text(in.getSignature());
    plan.source = {from_text(in.getSourceFile()), in.getSourceLine()};
    plan.module_path = from_text(in.getModulePath());
    plan.build_id = from_text(in.getBuildId());
    plan.address = in.getAddress();
    plan.site = in.getSite();
    BACKSIGHT_TRY(read_enumerations(in, plan));
    plan.site_reason = from_text(in.getSiteReason());
    plan.return_reason = from_text(in.getReturnReason());
    plan.on_entry = in.getOnEntry();
    plan.on_return = in.getOnReturn();
    plan.inlined = in.getInlined();
    const auto limits = in.getLimits();
    plan.limits = {limits.getDepth(), limits.getElements(), limits.getStringBytes(), limits.getBytes()};
    plan.where = from_text(in.getWhere());
    plan.sample_below = in.getSampleBelow();
    plan.sample_by = from_text(in.getSampleBy());
    BACKSIGHT_TRY(read_lists(in, plan));
    return plan;
  });
}

}  // namespace backsight::schema
