// ElfFile: the bytes of sections, mapped or copied, decompressed where needed.
#include "probes/elf_file.h"

#include <elf.h>
#include <sys/mman.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>

namespace backsight::probes {

using schema::Error;
using schema::ErrorCode;
using schema::make_error;
using schema::Result;

namespace {

// Of a compressed section. Deflate makes at most 1032 bytes of one.
constexpr std::uint64_t kMaxInflatedBytes = 2ull << 30;
constexpr std::uint64_t kMaxInflateRatio = 1040;
constexpr std::uint32_t kElfCompressZstd = 2;

// The older form of -gz: "ZLIB" and the size, the highest byte first.
constexpr std::string_view kOldPrefix = ".zdebug_";
constexpr std::uint64_t kOldHeader = 12;

}  // namespace

const std::uint8_t* ElfFile::mapping() const {
  if (!mapping_ && access_ == Access::kMapped && size_ > 0) {
    void* mapped = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor_, 0);
    if (mapped != MAP_FAILED) mapping_ = mapped;
  }
  return static_cast<const std::uint8_t*>(mapping_);
}

std::uint64_t ElfFile::section_size(const Section& section) const {
  if (section.compressed) {
    Elf64_Chdr header{};
    const auto bytes = read(section.offset, std::min<std::uint64_t>(section.size, sizeof(header)));
    if (bytes.size() == sizeof(header)) std::memcpy(&header, bytes.data(), sizeof(header));
    return header.ch_size;
  }
  if (section.name.rfind(kOldPrefix, 0) != 0) return section.size;
  std::uint64_t size = 0;
  const auto bytes = read(section.offset, std::min(section.size, kOldHeader));
  for (std::size_t i = 4; i < bytes.size(); ++i) size = size << 8 | bytes[i];
  return size;
}

std::optional<std::vector<std::uint8_t>> ElfFile::contents(const Section& section) const {
  const auto found = section_bytes(section);
  if (!found) return std::nullopt;
  return std::vector<std::uint8_t>(found->bytes.begin(), found->bytes.end());
}

Error ElfFile::damaged(const Section& section, const std::string& what) const {
  return make_error(ErrorCode::kCorrupt,
                    "the debug information in " + path_ + " is damaged: section " + section.name + " " + what,
                    "rebuild it, or install its debug symbol package again");
}

Result<SectionBytes> ElfFile::section_bytes(const Section& section) const {
  if (section.type == SHT_NOBITS || section.offset > size_ || section.size > size_ - section.offset) {
    return damaged(section, "is not in the file");
  }
  SectionBytes raw;
  if (const std::uint8_t* mapped = mapping()) {
    raw.bytes = {mapped + section.offset, section.size};
  } else {
    auto copy = std::make_shared<std::vector<std::uint8_t>>(read(section.offset, section.size));
    if (copy->size() != section.size) return damaged(section, "cannot be read");
    raw.bytes = *copy;
    raw.copy = std::move(copy);
  }
  if (section.compressed) {
    Elf64_Chdr header;
    if (raw.bytes.size() < sizeof(header)) return damaged(section, "has no compression header");
    std::memcpy(&header, raw.bytes.data(), sizeof(header));
    if (header.ch_type != ELFCOMPRESS_ZLIB) {
      return make_error(ErrorCode::kCorrupt,
                        "section " + section.name + " of " + path_ + " is compressed with " +
                            (header.ch_type == kElfCompressZstd ? "zstd" : "an unknown method") +
                            ", which cannot be read",
                        "run objcopy --decompress-debug-sections on it, or build with -gz=zlib");
    }
    return inflate(section, raw.bytes, sizeof(header), header.ch_size);
  }
  if (section.name.rfind(kOldPrefix, 0) == 0) {
    if (raw.bytes.size() < kOldHeader || std::memcmp(raw.bytes.data(), "ZLIB", 4) != 0) {
      return damaged(section, "has no compression header");
    }
    return inflate(section, raw.bytes, kOldHeader, section_size(section));
  }
  return raw;
}

Result<SectionBytes> ElfFile::inflate(const Section& section, std::span<const std::uint8_t> packed,
                                      std::uint64_t header_size, std::uint64_t size) const {
  const auto stream = packed.subspan(header_size);
  if (size > kMaxInflatedBytes || size / kMaxInflateRatio > stream.size()) {
    return damaged(section, "claims to hold " + std::to_string(size) + " bytes");
  }
  auto result = std::make_shared<std::vector<std::uint8_t>>(size);
  uLongf length = size;
  if (::uncompress(result->data(), &length, stream.data(), stream.size()) != Z_OK || length != size) {
    return damaged(section, "cannot be decompressed");
  }
  return SectionBytes{*result, result};
}

}  // namespace backsight::probes
