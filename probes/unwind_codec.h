// The messages of schema/planning.capnp for unwinding: to bytes and back. decode_*()
// survives any bytes (kCorrupt).
#pragma once

#include "probes/unwinder.h"
#include "schema/result.h"

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace backsight::probes {

struct UnwindRequest {
  std::uint64_t image = 0;
  std::optional<std::vector<UnwindMapping>> mappings;  // none: as they were
  std::vector<std::vector<std::byte>> stacks;
};

std::vector<std::byte> encode(const UnwindRequest& request);
std::vector<std::byte> encode(const std::vector<schema::Stack>& unwound);
schema::Result<UnwindRequest> decode_unwind_request(std::span<const std::byte> bytes);
schema::Result<std::vector<schema::Stack>> decode_unwound(std::span<const std::byte> bytes);

}  // namespace backsight::probes
