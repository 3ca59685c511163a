// Process, thread, code symbol, gap, probe status, moment, pin and clock sample; plans are in
// codec_plan.cc.
#include "schema/codec.h"

#include "schema/message.h"
#include "schema/recording.capnp.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace backsight::schema {
namespace {

template <class Enum>
bool is_known(std::uint8_t value, Enum last) {
  return value <= static_cast<std::uint8_t>(last);
}

Error unknown_value(const char* what, unsigned value) {
  return make_error(ErrorCode::kCorrupt, std::string("unknown ") + what + " " + std::to_string(value));
}

std::uint64_t hash_bytes(const void* data, std::size_t size) {
  const std::uint64_t hash = XXH3_64bits(data, size);
  return hash == 0 ? 1 : hash;
}

constexpr std::size_t kMaxLossCounters = 256;

}  // namespace

std::vector<std::byte> encode(const Process& process) {
  return encode_message<wire::Process>([&](wire::Process::Builder out) {
    out.setId(process.id.value);
    out.setPid(process.pid);
    out.setParentPid(process.parent_pid);
    out.setExe(as_text(process.exe));
    auto cmdline = out.initCmdline(static_cast<unsigned>(process.cmdline.size()));
    for (unsigned i = 0; i < cmdline.size(); ++i) cmdline.set(i, as_text(process.cmdline[i]));
    out.setBuildId(as_text(process.build_id));
    out.setHost(as_text(process.host));
    out.setBootId(as_text(process.boot_id));
    out.setStartedNs(process.started.ns);
    out.setHasEnded(process.ended.has_value());
    out.setEndedNs(process.ended ? process.ended->ns : 0);
  });
}

Result<Process> decode_process(std::span<const std::byte> bytes) {
  return decode_message<wire::Process, Process>("process", bytes, [](auto in) -> Result<Process> {
    Process process;
    process.id = {in.getId()};
    process.pid = in.getPid();
    process.parent_pid = in.getParentPid();
    process.exe = from_text(in.getExe());
    for (auto argument : in.getCmdline()) process.cmdline.push_back(from_text(argument));
    process.build_id = from_text(in.getBuildId());
    process.host = from_text(in.getHost());
    process.boot_id = from_text(in.getBootId());
    process.started = {in.getStartedNs()};
    if (in.getHasEnded()) process.ended = BootTime{in.getEndedNs()};
    return process;
  });
}

std::vector<std::byte> encode(const Thread& thread) {
  return encode_message<wire::Thread>([&](wire::Thread::Builder out) {
    out.setProcess(thread.process.value);
    out.setTid(thread.tid);
    out.setName(as_text(thread.name));
    out.setSinceNs(thread.since.ns);
  });
}

Result<Thread> decode_thread(std::span<const std::byte> bytes) {
  return decode_message<wire::Thread, Thread>("thread", bytes, [](auto in) -> Result<Thread> {
    return Thread{{in.getProcess()}, in.getTid(), from_text(in.getName()), {in.getSinceNs()}};
  });
}

std::vector<std::byte> encode(const CodeSymbol& symbol) {
  return encode_message<wire::CodeSymbol>([&](wire::CodeSymbol::Builder out) {
    out.setProcess(symbol.process.value);
    out.setAddress(symbol.address);
    out.setSinceNs(symbol.since.ns);
    out.setName(as_text(symbol.name));
  });
}

Result<CodeSymbol> decode_code_symbol(std::span<const std::byte> bytes) {
  return decode_message<wire::CodeSymbol, CodeSymbol>(
      "code symbol", bytes, [](auto in) -> Result<CodeSymbol> {
        return CodeSymbol{{in.getProcess()}, in.getAddress(), {in.getSinceNs()}, from_text(in.getName())};
      });
}

std::vector<std::byte> encode(const Stack& stack) {
  return encode_message<wire::Stack>([&](wire::Stack::Builder out) {
    out.setProcess(stack.process.value);
    out.setEnd(static_cast<std::uint8_t>(stack.end));
    auto addresses = out.initAddresses(static_cast<unsigned>(stack.addresses.size()));
    for (unsigned i = 0; i < addresses.size(); ++i) addresses.set(i, stack.addresses[i]);
  });
}

Result<Stack> decode_stack(std::span<const std::byte> bytes) {
  return decode_message<wire::Stack, Stack>("stack", bytes, [](auto in) -> Result<Stack> {
    if (!is_known(in.getEnd(), StackEnd::kLast)) return unknown_value("end of a stack", in.getEnd());
    const auto addresses = in.getAddresses();
    if (addresses.size() > kMaxStackFrames) return unknown_value("number of frames:", addresses.size());
    Stack stack{{in.getProcess()}, static_cast<StackEnd>(in.getEnd()), {}};
    for (const std::uint64_t address : addresses) stack.addresses.push_back(address);
    return stack;
  });
}

std::vector<std::byte> encode(const Gap& gap) {
  return encode_message<wire::Gap>([&](wire::Gap::Builder out) {
    out.setFromNs(gap.from.ns);
    out.setToNs(gap.to.ns);
    out.setReason(static_cast<std::uint8_t>(gap.reason));
    out.setLost(gap.lost);
    out.setProbe(as_text(gap.probe));
    out.setHasPid(gap.pid.has_value());
    out.setPid(gap.pid.value_or(0));
  });
}

Result<Gap> decode_gap(std::span<const std::byte> bytes) {
  return decode_message<wire::Gap, Gap>("gap", bytes, [](auto in) -> Result<Gap> {
    if (in.getReason() >= kLossReasonCount) return unknown_value("loss reason", in.getReason());
    Gap gap;
    gap.from = {in.getFromNs()};
    gap.to = {in.getToNs()};
    gap.reason = static_cast<LossReason>(in.getReason());
    gap.lost = in.getLost();
    gap.probe = from_text(in.getProbe());
    if (in.getHasPid()) gap.pid = in.getPid();
    return gap;
  });
}

std::vector<std::byte> encode(const ProbeStatus& status) {
  return encode_message<wire::ProbeStatus>([&](wire::ProbeStatus::Builder out) {
    out.setProbe(as_text(status.probe));
    out.setFunction(as_text(status.function));
    out.setModulePath(as_text(status.module_path));
    out.setState(static_cast<std::uint8_t>(status.state));
    out.setMessage(as_text(status.message));
    out.setPlan(status.plan.value);
    out.setHits(status.hits);
    out.setKept(status.kept);
    auto lost = out.initLost(static_cast<unsigned>(status.lost.size()));
    for (unsigned i = 0; i < lost.size(); ++i) lost.set(i, status.lost[i]);
    out.setCostNs(status.cost_ns);
    out.setInstance(status.instance);
    out.setRejected(status.rejected);
    out.setSampleBelow(status.sample_below);
    out.setCpuNs(status.cpu_ns);
    out.setAtNs(status.at.ns);
  });
}

Result<ProbeStatus> decode_probe_status(std::span<const std::byte> bytes) {
  return decode_message<wire::ProbeStatus, ProbeStatus>(
      "probe status", bytes, [](auto in) -> Result<ProbeStatus> {
        if (!is_known(in.getState(), ProbeState::kDetached))
          return unknown_value("probe state", in.getState());
        const auto lost = in.getLost();
        if (lost.size() > kMaxLossCounters) return unknown_value("number of loss counters:", lost.size());
        ProbeStatus status;
        status.probe = from_text(in.getProbe());
        status.function = from_text(in.getFunction());
        status.module_path = from_text(in.getModulePath());
        status.state = static_cast<ProbeState>(in.getState());
        status.message = from_text(in.getMessage());
        status.plan = {in.getPlan()};
        status.hits = in.getHits();
        status.kept = in.getKept();
        for (const std::uint64_t count : lost) status.lost.push_back(count);
        status.cost_ns = in.getCostNs();
        status.instance = in.getInstance();
        status.rejected = in.getRejected();
        status.sample_below = in.getSampleBelow();
        status.cpu_ns = in.getCpuNs();
        status.at = {in.getAtNs()};
        return status;
      });
}

std::vector<std::byte> encode(const Moment& moment) {
  return encode_message<wire::Moment>([&](wire::Moment::Builder out) {
    out.setKind(static_cast<std::uint8_t>(moment.kind));
    out.setName(as_text(moment.name));
    out.setAtWallNs(moment.at.ns);
    out.setText(as_text(moment.text));
    out.setService(as_text(moment.service));
    out.setLabelsJson(as_text(moment.labels_json));
    out.setIsResolved(moment.resolved_at.has_value());
    out.setResolvedWallNs(moment.resolved_at ? moment.resolved_at->ns : 0);
  });
}

Result<Moment> decode_moment(std::span<const std::byte> bytes) {
  return decode_message<wire::Moment, Moment>("moment", bytes, [](auto in) -> Result<Moment> {
    if (!is_known(in.getKind(), MomentKind::kMark)) return unknown_value("moment kind", in.getKind());
    Moment moment;
    moment.kind = static_cast<MomentKind>(in.getKind());
    moment.name = from_text(in.getName());
    moment.at = {in.getAtWallNs()};
    moment.text = from_text(in.getText());
    moment.service = from_text(in.getService());
    moment.labels_json = from_text(in.getLabelsJson());
    if (in.getIsResolved()) moment.resolved_at = WallTime{in.getResolvedWallNs()};
    return moment;
  });
}

std::vector<std::byte> encode(const Pin& pin) {
  return encode_message<wire::Pin>([&](wire::Pin::Builder out) {
    out.setName(as_text(pin.name));
    out.setFromWallNs(pin.from.ns);
    out.setToWallNs(pin.to.ns);
  });
}

Result<Pin> decode_pin(std::span<const std::byte> bytes) {
  return decode_message<wire::Pin, Pin>("pin", bytes, [](auto in) -> Result<Pin> {
    return Pin{from_text(in.getName()), {in.getFromWallNs()}, {in.getToWallNs()}};
  });
}

std::vector<std::byte> encode(const ClockSample& sample) {
  return encode_message<wire::ClockSample>([&](wire::ClockSample::Builder out) {
    out.setBootNs(sample.boot.ns);
    out.setWallNs(sample.wall.ns);
  });
}

Result<ClockSample> decode_clock_sample(std::span<const std::byte> bytes) {
  return decode_message<wire::ClockSample, ClockSample>(
      "clock sample", bytes, [](auto in) -> Result<ClockSample> {
        return ClockSample{{in.getBootNs()}, {in.getWallNs()}};
      });
}

PlanId plan_id(const Plan& plan) {
  return plan_id(encode(plan));
}

PlanId plan_id(std::span<const std::byte> encoded_plan) {
  return {hash_bytes(encoded_plan.data(), encoded_plan.size())};
}

StackId stack_id(std::span<const std::byte> encoded_stack) {
  return {hash_bytes(encoded_stack.data(), encoded_stack.size())};
}

ProcessId process_id(std::string_view boot_id, std::uint32_t pid, std::int64_t start_boot_ns) {
  std::string key(boot_id);
  key.append(reinterpret_cast<const char*>(&pid), sizeof pid);
  key.append(reinterpret_cast<const char*>(&start_boot_ns), sizeof start_boot_ns);
  return {hash_bytes(key.data(), key.size())};
}

}  // namespace backsight::schema
