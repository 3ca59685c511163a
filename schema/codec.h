// Facts to bytes and back (schema/recording.capnp, docs/format/recording.md).
// The store writes what encode() gives; decode_*() survives any bytes and checks
// every bound that recording.capnp names, so that what it returns can be used
// without further checks: type and capture references are in range, enumerations
// have known values, and no type contains itself by value.
#pragma once

#include "schema/facts.h"
#include "schema/ids.h"
#include "schema/plan.h"
#include "schema/result.h"
#include "schema/stack.h"
#include "schema/time.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace backsight::schema {

// Canonical: equal facts have equal bytes. Never empty.
std::vector<std::byte> encode(const Plan& plan);
std::vector<std::byte> encode(const Process& process);
std::vector<std::byte> encode(const Thread& thread);
std::vector<std::byte> encode(const CodeSymbol& symbol);
std::vector<std::byte> encode(const Stack& stack);
std::vector<std::byte> encode(const Gap& gap);
std::vector<std::byte> encode(const ProbeStatus& status);
std::vector<std::byte> encode(const Moment& moment);
std::vector<std::byte> encode(const Pin& pin);
std::vector<std::byte> encode(const ClockSample& sample);

// kCorrupt where the bytes are not a valid message of that kind. `bytes` need
// not be aligned. Work and memory are linear in the size of `bytes`.
Result<Plan> decode_plan(std::span<const std::byte> bytes);
Result<Process> decode_process(std::span<const std::byte> bytes);
Result<Thread> decode_thread(std::span<const std::byte> bytes);
Result<CodeSymbol> decode_code_symbol(std::span<const std::byte> bytes);
Result<Stack> decode_stack(std::span<const std::byte> bytes);
Result<Gap> decode_gap(std::span<const std::byte> bytes);
Result<ProbeStatus> decode_probe_status(std::span<const std::byte> bytes);
Result<Moment> decode_moment(std::span<const std::byte> bytes);
Result<Pin> decode_pin(std::span<const std::byte> bytes);
Result<ClockSample> decode_clock_sample(std::span<const std::byte> bytes);

// XXH3 (64 bits) of the encoded plan; never 0.
PlanId plan_id(const Plan& plan);
PlanId plan_id(std::span<const std::byte> encoded_plan);
// XXH3 (64 bits) of the encoded stack; never 0.
StackId stack_id(std::span<const std::byte> encoded_stack);
// XXH3 of the three; never 0. start_boot_ns: CLOCK_BOOTTIME, without a store's offset.
ProcessId process_id(std::string_view boot_id, std::uint32_t pid, std::int64_t start_boot_ns);

}  // namespace backsight::schema
