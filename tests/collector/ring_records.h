// Ring records as the BPF program writes them.
#pragma once

#include "bpf/abi/event.h"
#include "bpf/abi/plan.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace backsight::collector {

struct RecordSpec {
  std::uint64_t boot_ns = 0;
  std::uint32_t plan = 1, tgid = 41, tid = 43;
  std::uint8_t kind = BS_SITE_ENTRY;
  std::string comm = "worker";
  std::uint32_t captured = 12;  // bytes of its one item
  std::uint64_t seq = 1;
};

inline std::vector<std::byte> ring_record(const RecordSpec& spec) {
  const std::size_t padded = (spec.captured + 7) & ~std::size_t{7};
  bs_event event{};
  event.size = static_cast<std::uint32_t>(sizeof(bs_event) + sizeof(bs_item) + padded);
  event.kind = spec.kind;
  event.boot_ns = spec.boot_ns;
  event.seq = spec.seq;
  event.cpu = 1;
  event.plan = spec.plan;
  event.tgid = spec.tgid;
  event.tid = spec.tid;
  event.frame = 0x7ffc0000;
  std::memcpy(event.comm, spec.comm.data(), spec.comm.size());
  bs_item item{};
  item.length = item.captured = spec.captured;
  std::vector<std::byte> record(event.size);
  std::memcpy(record.data(), &event, sizeof event);
  std::memcpy(record.data() + sizeof event, &item, sizeof item);
  return record;
}

}  // namespace backsight::collector
