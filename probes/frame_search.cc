#include "probes/frame_search.h"

#include <cstring>

namespace backsight::probes {

namespace {

constexpr std::uint64_t kTableOffset = 12;
constexpr std::uint64_t kRowSize = 8;
constexpr std::uint32_t kMaxRecord = 1 << 20;
// DW_EH_PE_pcrel | sdata4, udata4, DW_EH_PE_datarel | sdata4: what every linker writes.
constexpr std::uint8_t kStart[] = {1, 0x1b, 0x03, 0x3b};

std::uint32_t word_at(std::span<const std::uint8_t> bytes, std::size_t offset) {
  std::uint32_t value = 0;
  if (offset + sizeof(value) <= bytes.size()) std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

}  // namespace

FrameSearch::FrameSearch(const ElfFile& binary) : binary_(binary) {
  constexpr const char* kHeader = ".eh_frame_hdr";
  constexpr const char* kFrames = ".eh_frame";
  if (!binary.has_contents(kHeader) || !binary.has_contents(kFrames)) return;
  const Section* header = binary.section(kHeader);
  auto bytes = binary.section_bytes(*header);
  if (!bytes || bytes->bytes.size() < kTableOffset) return;
  if (std::memcmp(bytes->bytes.data(), kStart, sizeof(kStart)) != 0) return;
  header_ = std::move(*bytes);
  header_address_ = header->address;
  frames_ = binary.section(kFrames);
  const auto to_frames = static_cast<std::int32_t>(word_at(header_.bytes, 4));
  const std::uint64_t count = word_at(header_.bytes, 8);
  const bool fits = count <= (header_.bytes.size() - kTableOffset) / kRowSize;
  const bool is_of_these =
      header_address_ + 4 + static_cast<std::uint64_t>(std::int64_t{to_frames}) == frames_->address &&
      !frames_->compressed;
  if (fits && is_of_these) count_ = count;
}

FrameSearch::Row FrameSearch::row(std::size_t index) const {
  const std::size_t at = kTableOffset + index * kRowSize;
  return {static_cast<std::int32_t>(word_at(header_.bytes, at)),
          static_cast<std::int32_t>(word_at(header_.bytes, at + 4))};
}

std::vector<std::uint8_t> FrameSearch::record(std::uint64_t offset) const {
  if (offset >= frames_->size || frames_->size - offset < 8) return {};
  const auto start = binary_.read(frames_->offset + offset, 4);
  const std::uint32_t length = word_at(start, 0);
  // 0 ends the section; longer ones have a length of eight bytes.
  if (length < 4 || length > kMaxRecord || length > frames_->size - offset - 4) return {};
  return binary_.read(frames_->offset + offset, std::uint64_t{length} + 4);
}

std::optional<FrameSlice> FrameSearch::find(std::uint64_t address) const {
  const auto wanted = static_cast<std::int64_t>(address - header_address_);
  std::size_t begin = 0;
  std::size_t end = count_;
  while (begin < end) {
    const std::size_t middle = begin + (end - begin) / 2;
    if (row(middle).code <= wanted) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  if (begin == 0) return std::nullopt;
  const Row found = row(begin - 1);
  const std::uint64_t fde_address = header_address_ + static_cast<std::uint64_t>(std::int64_t{found.fde});
  const std::uint64_t fde_offset = fde_address - frames_->address;
  std::vector<std::uint8_t> fde = record(fde_offset);
  const std::uint32_t back = word_at(fde, 4);  // from here to the CIE
  if (fde.empty() || back == 0 || back > fde_offset + 4) return std::nullopt;
  FrameSlice slice;
  slice.bytes = record(fde_offset + 4 - back);
  if (slice.bytes.empty() || word_at(slice.bytes, 4) != 0) return std::nullopt;
  const auto cie_size = static_cast<std::uint32_t>(slice.bytes.size());
  const std::uint32_t new_back = cie_size + 4;  // the CIE is moved right before it
  std::memcpy(fde.data() + 4, &new_back, sizeof(new_back));
  slice.bytes.insert(slice.bytes.end(), fde.begin(), fde.end());
  slice.bytes.insert(slice.bytes.end(), 4, 0);
  slice.address = fde_address - cie_size;
  slice.code = header_address_ + static_cast<std::uint64_t>(std::int64_t{found.code});
  return slice;
}

}  // namespace backsight::probes
