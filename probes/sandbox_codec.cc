#include "probes/sandbox_codec.h"

#include "schema/codec.h"
#include "schema/message.h"
#include "schema/planning.capnp.h"

#include <type_traits>

namespace backsight::probes {

namespace wire = schema::wire;
using schema::as_text;
using schema::decode_message;
using schema::encode_message;
using schema::Error;
using schema::ErrorCode;
using schema::from_text;
using schema::Result;

namespace {

Error corrupt(const std::string& what) {
  return schema::make_error(ErrorCode::kCorrupt, "message of the planning process: " + what);
}

template <class Builder>
void write_issues(Builder out, const std::vector<Issue>& issues) {
  for (unsigned i = 0; i < out.size(); ++i) {
    out[i].setMessage(as_text(issues[i].message));
    out[i].setHint(as_text(issues[i].hint));
  }
}

std::vector<Issue> read_issues(capnp::List<wire::Issue>::Reader in) {
  std::vector<Issue> issues;
  for (auto issue : in) issues.push_back({from_text(issue.getMessage()), from_text(issue.getHint())});
  return issues;
}

unsigned count_of(std::size_t size) {
  return static_cast<unsigned>(size);
}

// Plain structures that both processes, being one program, see alike.
template <class T>
capnp::Data::Reader as_data(const std::vector<T>& values) {
  static_assert(std::is_trivially_copyable_v<T>);
  return kj::arrayPtr(reinterpret_cast<const kj::byte*>(values.data()), values.size() * sizeof(T));
}

template <class T>
bool from_data(capnp::Data::Reader in, std::vector<T>& values) {
  if (in.size() % sizeof(T) != 0) return false;
  values.resize(in.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), in.begin(), in.size());
  return true;
}

void write_open_request(wire::OpenRequest::Builder out, const OpenRequest& request) {
  out.setPath(as_text(request.file.path));
  out.setOpenPath(as_text(request.file.open_path));
  out.setLocated(as_text(request.file.located));
  auto roots = out.initDebugRoots(count_of(request.debug_roots.size()));
  for (unsigned i = 0; i < roots.size(); ++i) roots.set(i, as_text(request.debug_roots[i]));
}

OpenRequest read_open_request(wire::OpenRequest::Reader in) {
  OpenRequest request;
  request.file.path = from_text(in.getPath());
  request.file.open_path = from_text(in.getOpenPath());
  request.file.located = from_text(in.getLocated());
  for (auto root : in.getDebugRoots()) request.debug_roots.push_back(from_text(root));
  return request;
}

Result<Site> read_site(wire::Site::Reader in) {
  Site site;
  site.address = in.getAddress();
  site.file_offset = in.getFileOffset();
  if (in.getKind() < BS_SITE_ENTRY || in.getKind() > BS_SITE_ENTRY_BY_RBP) {
    return corrupt("site of kind " + std::to_string(in.getKind()));
  }
  site.kind = static_cast<bs_site_kind>(in.getKind());
  site.is_uretprobe = in.getIsUretprobe();
  site.frame_adjust = in.getFrameAdjust();
  if (in.getSiteClass() > static_cast<std::uint8_t>(schema::SiteClass::kSingleStep)) {
    return corrupt("site of class " + std::to_string(in.getSiteClass()));
  }
  site.site_class = static_cast<schema::SiteClass>(in.getSiteClass());
  site.bytes.assign(in.getBytes().begin(), in.getBytes().end());
  return site;
}

Result<CompiledPlan> read_plan(wire::CompiledPlan::Reader in) {
  CompiledPlan compiled;
  const auto encoded = in.getPlan();
  auto plan = schema::decode_plan(std::as_bytes(std::span(encoded.begin(), encoded.size())));
  if (!plan) return plan.error();
  compiled.plan = *std::move(plan);
  for (auto site_in : in.getSites()) {
    auto site = read_site(site_in);
    if (!site) return site.error();
    compiled.sites.push_back(*site);
  }
  if (!from_data(in.getOps(), compiled.ops) || !from_data(in.getTypes(), compiled.types)) {
    return corrupt("operations or types that are not whole");
  }
  for (auto vtable : in.getVtables()) {
    if (vtable.getType() >= compiled.plan.types.size()) return corrupt("vtable of an unknown type");
    compiled.vtables.push_back({vtable.getAddress(), {vtable.getType()}});
  }
  compiled.entry_pc = in.getEntryPc();
  compiled.return_pc = in.getReturnPc();
  compiled.where_pc = in.getWherePc();
  compiled.sample_pc = in.getSamplePc();
  compiled.issues = read_issues(in.getIssues());
  return compiled;
}

}  // namespace

std::vector<std::byte> encode(const OpenRequest& request) {
  return encode_message<wire::OpenRequest>(
      [&](wire::OpenRequest::Builder out) { write_open_request(out, request); });
}

Result<OpenRequest> decode_open_request(std::span<const std::byte> bytes) {
  return decode_message<wire::OpenRequest, OpenRequest>(
      "open request", bytes, [](auto in) -> Result<OpenRequest> { return read_open_request(in); });
}

std::vector<std::byte> encode(const NamesRequest& request) {
  return encode_message<wire::NamesRequest>([&](wire::NamesRequest::Builder out) {
    write_open_request(out.initOpen(), request.open);
    auto offsets = out.initFileOffsets(count_of(request.file_offsets.size()));
    for (unsigned i = 0; i < offsets.size(); ++i) offsets.set(i, request.file_offsets[i]);
  });
}

Result<NamesRequest> decode_names_request(std::span<const std::byte> bytes) {
  return decode_message<wire::NamesRequest, NamesRequest>(
      "names request", bytes, [](auto in) -> Result<NamesRequest> {
        NamesRequest request;
        request.open = read_open_request(in.getOpen());
        for (const std::uint64_t offset : in.getFileOffsets()) request.file_offsets.push_back(offset);
        return request;
      });
}

std::vector<std::byte> encode(const std::vector<std::string>& names) {
  return encode_message<wire::Names>([&](wire::Names::Builder out) {
    auto list = out.initNames(count_of(names.size()));
    for (unsigned i = 0; i < list.size(); ++i) list.set(i, as_text(names[i]));
  });
}

Result<std::vector<std::string>> decode_names(std::span<const std::byte> bytes) {
  return decode_message<wire::Names, std::vector<std::string>>(
      "names", bytes, [](auto in) -> Result<std::vector<std::string>> {
        std::vector<std::string> names;
        for (auto name : in.getNames()) names.push_back(from_text(name));
        return names;
      });
}

std::vector<std::byte> encode(const OpenedBinary& opened) {
  return encode_message<wire::Opened>([&](wire::Opened::Builder out) {
    out.setBuildId(as_text(opened.build_id));
    write_issues(out.initDebugIssues(count_of(opened.debug_issues.size())), opened.debug_issues);
  });
}

Result<OpenedBinary> decode_opened(std::span<const std::byte> bytes) {
  return decode_message<wire::Opened, OpenedBinary>(
      "opened binary", bytes, [](auto in) -> Result<OpenedBinary> {
        return OpenedBinary{from_text(in.getBuildId()), read_issues(in.getDebugIssues())};
      });
}

std::vector<std::byte> encode(const ProbeConfig& probe) {
  return encode_message<wire::ProbeRequest>([&](wire::ProbeRequest::Builder out) {
    out.setFunction(as_text(probe.function));
    out.setModule(as_text(probe.module));
    out.setExactName(probe.exact_name);
    out.setOnEntry(probe.on_entry);
    out.setOnReturn(probe.on_return);
    out.setCaptureDefault(probe.capture_default);
    auto capture = out.initCapture(count_of(probe.capture.size()));
    for (unsigned i = 0; i < capture.size(); ++i) {
      capture[i].setName(as_text(probe.capture[i].name));
      capture[i].setExpression(as_text(probe.capture[i].expression));
    }
    out.setDepth(probe.limits.depth);
    out.setElements(probe.limits.elements);
    out.setStringBytes(probe.limits.string_bytes);
    out.setBytes(probe.limits.bytes);
    auto redact = out.initRedact(count_of(probe.redact.size()));
    for (unsigned i = 0; i < redact.size(); ++i) {
      redact[i].setText(as_text(probe.redact[i].text));
      redact[i].setOfService(probe.redact[i].of_service);
    }
    out.setStack(static_cast<std::uint8_t>(probe.stack));
    out.setWhere(as_text(probe.where));
    out.setSampleBelow(probe.sample.below);
    out.setSampleBy(as_text(probe.sample.by));
    auto index = out.initIndex(count_of(probe.index.size()));
    for (unsigned i = 0; i < index.size(); ++i) index.set(i, as_text(probe.index[i].expression));
  });
}

Result<ProbeConfig> decode_probe(std::span<const std::byte> bytes) {
  return decode_message<wire::ProbeRequest, ProbeConfig>("probe", bytes, [](auto in) -> Result<ProbeConfig> {
    ProbeConfig probe;
    probe.function = from_text(in.getFunction());
    probe.module = from_text(in.getModule());
    probe.exact_name = in.getExactName();
    probe.on_entry = in.getOnEntry();
    probe.on_return = in.getOnReturn();
    probe.capture_default = in.getCaptureDefault();
    for (auto capture : in.getCapture()) {
      CaptureConfig one;
      one.name = from_text(capture.getName());
      one.expression = from_text(capture.getExpression());
      probe.capture.push_back(std::move(one));
    }
    for (auto pattern : in.getRedact())
      probe.redact.push_back({from_text(pattern.getText()), pattern.getOfService()});
    probe.limits = {in.getDepth(), in.getElements(), in.getStringBytes(), in.getBytes()};
    if (in.getStack() > static_cast<std::uint8_t>(schema::StackKind::kDwarf)) return corrupt("kind of stack");
    probe.stack = static_cast<schema::StackKind>(in.getStack());
    probe.where = from_text(in.getWhere());
    probe.sample = {in.getSampleBelow(), from_text(in.getSampleBy())};
    for (auto expression : in.getIndex()) {
      CaptureConfig one;
      one.expression = from_text(expression);
      probe.index.push_back(std::move(one));
    }
    return probe;
  });
}

std::vector<std::byte> encode(const CompiledPlan& compiled) {
  const auto plan = schema::encode(compiled.plan);
  return encode_message<wire::CompiledPlan>([&](wire::CompiledPlan::Builder out) {
    out.setPlan(as_data(plan));
    auto sites = out.initSites(count_of(compiled.sites.size()));
    for (unsigned i = 0; i < sites.size(); ++i) {
      const Site& site = compiled.sites[i];
      sites[i].setAddress(site.address);
      sites[i].setFileOffset(site.file_offset);
      sites[i].setKind(static_cast<std::uint8_t>(site.kind));
      sites[i].setIsUretprobe(site.is_uretprobe);
      sites[i].setFrameAdjust(site.frame_adjust);
      sites[i].setBytes(as_data(site.bytes));
      sites[i].setSiteClass(static_cast<std::uint8_t>(site.site_class));
    }
    out.setOps(as_data(compiled.ops));
    out.setTypes(as_data(compiled.types));
    auto vtables = out.initVtables(count_of(compiled.vtables.size()));
    for (unsigned i = 0; i < vtables.size(); ++i) {
      vtables[i].setAddress(compiled.vtables[i].address);
      vtables[i].setType(compiled.vtables[i].type.value);
    }
    out.setEntryPc(compiled.entry_pc);
    out.setReturnPc(compiled.return_pc);
    out.setWherePc(compiled.where_pc);
    out.setSamplePc(compiled.sample_pc);
    write_issues(out.initIssues(count_of(compiled.issues.size())), compiled.issues);
  });
}

Result<CompiledPlan> decode_compiled_plan(std::span<const std::byte> bytes) {
  return decode_message<wire::CompiledPlan, CompiledPlan>("compiled plan", bytes, read_plan);
}

std::vector<std::byte> encode(const std::vector<Issue>& issues) {
  return encode_message<wire::PlanEnd>(
      [&](wire::PlanEnd::Builder out) { write_issues(out.initIssues(count_of(issues.size())), issues); });
}

Result<std::vector<Issue>> decode_issues(std::span<const std::byte> bytes) {
  return decode_message<wire::PlanEnd, std::vector<Issue>>(
      "issues", bytes, [](auto in) -> Result<std::vector<Issue>> { return read_issues(in.getIssues()); });
}

std::vector<std::byte> encode(const Error& error) {
  return encode_message<wire::Failure>([&](wire::Failure::Builder out) {
    out.setCode(static_cast<std::uint8_t>(error.code));
    out.setMessage(as_text(error.message));
    out.setHint(as_text(error.hint));
  });
}

Error decode_error(std::span<const std::byte> bytes) {
  Error received;
  const auto read = decode_message<wire::Failure, bool>("failure", bytes, [&](auto in) -> Result<bool> {
    if (in.getCode() > static_cast<std::uint8_t>(ErrorCode::kInternal)) return corrupt("unknown error code");
    received = {static_cast<ErrorCode>(in.getCode()), from_text(in.getMessage()), from_text(in.getHint())};
    return true;
  });
  return read ? received : read.error();
}

}  // namespace backsight::probes
