#include "probes/jump_tables.h"

#include <algorithm>
#include <cstring>

namespace backsight::probes {

namespace {
constexpr std::size_t kMaxEntries = 65'536;
constexpr std::size_t kAtOnce = 256;
}  // namespace

std::vector<std::uint64_t> read_jump_table(const ElfFile& binary, const JumpTable& table,
                                           const std::vector<AddressRange>& function) {
  std::vector<std::uint64_t> targets;
  const auto offset = binary.file_offset(table.address);
  if (!offset || (table.entry_bytes != 4 && table.entry_bytes != 8)) return targets;
  for (std::size_t done = 0; done < kMaxEntries;) {
    std::size_t count = kAtOnce;
    auto bytes = binary.read(*offset + done * table.entry_bytes, count * table.entry_bytes);
    while (bytes.empty() && count > 1) {  // the file ends here
      count /= 2;
      bytes = binary.read(*offset + done * table.entry_bytes, count * table.entry_bytes);
    }
    if (bytes.empty()) return targets;
    for (std::size_t i = 0; i < count; ++i) {
      std::uint64_t target = 0;
      if (table.entry_bytes == 8) {
        std::memcpy(&target, &bytes[i * 8], 8);
      } else {
        std::int32_t relative = 0;
        std::memcpy(&relative, &bytes[i * 4], 4);
        target = table.address + static_cast<std::uint64_t>(std::int64_t{relative});
      }
      const bool is_inside = std::any_of(function.begin(), function.end(),
                                         [&](const AddressRange& range) { return range.contains(target); });
      if (!is_inside) return targets;
      targets.push_back(target);
    }
    done += count;
  }
  return targets;
}

}  // namespace backsight::probes
