// The messages of schema/planning.capnp: to bytes and back. decode_*() survives
// any bytes (kCorrupt).
#pragma once

#include "probes/planner.h"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace backsight::probes {

struct OpenRequest {
  ModuleFile file;
  std::vector<std::string> debug_roots;
};

struct NamesRequest {
  OpenRequest open;
  std::vector<std::uint64_t> file_offsets;
};

struct OpenedBinary {
  std::string build_id;
  std::vector<Issue> debug_issues;
};

std::vector<std::byte> encode(const OpenRequest& request);
std::vector<std::byte> encode(const NamesRequest& request);
std::vector<std::byte> encode(const OpenedBinary& opened);
std::vector<std::byte> encode(const std::vector<std::string>& names);
std::vector<std::byte> encode(const ProbeConfig& probe);  // without positions
std::vector<std::byte> encode(const CompiledPlan& plan);
std::vector<std::byte> encode(const std::vector<Issue>& issues);
std::vector<std::byte> encode(const schema::Error& error);

schema::Result<OpenRequest> decode_open_request(std::span<const std::byte> bytes);
schema::Result<NamesRequest> decode_names_request(std::span<const std::byte> bytes);
schema::Result<std::vector<std::string>> decode_names(std::span<const std::byte> bytes);
schema::Result<OpenedBinary> decode_opened(std::span<const std::byte> bytes);
schema::Result<ProbeConfig> decode_probe(std::span<const std::byte> bytes);
schema::Result<CompiledPlan> decode_compiled_plan(std::span<const std::byte> bytes);
schema::Result<std::vector<Issue>> decode_issues(std::span<const std::byte> bytes);
// The error that was sent; kCorrupt where the bytes are none.
schema::Error decode_error(std::span<const std::byte> bytes);

}  // namespace backsight::probes
