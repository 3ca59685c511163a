#include "store/frame.h"

#include "store/bytes.h"

#include <zstd.h>

#include <cstring>
#include <vector>

namespace backsight::store {

using schema::ErrorCode;
using schema::make_error;
using schema::Result;

namespace {

constexpr std::uint32_t kMagic = 0x31465342;  // "BSF1"
constexpr std::uint32_t kCompressed = 1;

struct Header {
  std::uint32_t magic = kMagic;
  std::uint32_t flags = 0;
  std::uint32_t rows = 0;
  std::uint32_t raw_bytes = 0;
  std::int64_t tmin = 0;
  std::int64_t tmax = 0;
  std::uint32_t crc = 0;
  std::uint32_t zero = 0;
};
static_assert(sizeof(Header) == 40);

std::uint32_t checksum(std::string_view key, Header header, std::string_view payload) {
  header.crc = 0;
  std::uint32_t crc = crc32c(key);
  crc = crc32c({reinterpret_cast<const char*>(&header), sizeof header}, crc);
  return crc32c(payload, crc);
}

Result<void> check_rows(std::span<const std::byte> rows, const FrameInfo& info) {
  std::uint32_t count = 0;
  for (; !rows.empty(); ++count) {
    const std::size_t size = row_size(rows);
    if (size == 0) return make_error(ErrorCode::kCorrupt, "a row does not fit its frame");
    rows = rows.subspan(size);
  }
  if (count != info.rows) return make_error(ErrorCode::kCorrupt, "the number of rows is wrong");
  return {};
}

}  // namespace

struct FrameCodec::Contexts {
  ZSTD_CCtx* compress = ZSTD_createCCtx();
  ZSTD_DCtx* expand = ZSTD_createDCtx();
  std::vector<std::byte> rows;
  ~Contexts() {
    ZSTD_freeCCtx(compress);
    ZSTD_freeDCtx(expand);
  }
};

FrameCodec::FrameCodec() : contexts_(std::make_unique<Contexts>()) {}
FrameCodec::~FrameCodec() = default;

void FrameCodec::encode(const FrameInfo& info, std::span<const std::byte> rows, std::string& out) {
  Header header;
  header.rows = info.rows;
  header.raw_bytes = static_cast<std::uint32_t>(rows.size());
  header.tmin = info.tmin.ns;
  header.tmax = info.tmax.ns;
  out.resize(sizeof header + ZSTD_compressBound(rows.size()));
  const std::size_t written = ZSTD_compressCCtx(contexts_->compress, out.data() + sizeof header,
                                                out.size() - sizeof header, rows.data(), rows.size(), 1);
  if (!ZSTD_isError(written) && written < rows.size()) {
    header.flags = kCompressed;
    out.resize(sizeof header + written);
  } else {
    out.resize(sizeof header + rows.size());
    std::memcpy(out.data() + sizeof header, rows.data(), rows.size());
  }
  header.crc = checksum(be64(info.first.value), header, std::string_view(out).substr(sizeof header));
  std::memcpy(out.data(), &header, sizeof header);
}

Result<FrameInfo> FrameCodec::check(std::string_view key, std::string_view value) {
  Header header;
  if (key.size() != 8 || value.size() < sizeof header) {
    return make_error(ErrorCode::kCorrupt, "not a frame: " + std::to_string(value.size()) + " bytes");
  }
  std::memcpy(&header, value.data(), sizeof header);
  if (header.magic != kMagic) return make_error(ErrorCode::kCorrupt, "not a frame: bad magic number");
  if (checksum(key, header, value.substr(sizeof header)) != header.crc) {
    return make_error(ErrorCode::kCorrupt, "checksum differs");
  }
  if (header.rows == 0 || header.raw_bytes > kMaxFrameRawBytes || header.tmin > header.tmax ||
      header.rows > header.raw_bytes / sizeof(schema::EventHeader)) {
    return make_error(ErrorCode::kCorrupt, "impossible frame header");
  }
  FrameInfo info;
  info.first = {read_be64(key)};
  info.rows = header.rows;
  info.raw_bytes = header.raw_bytes;
  info.tmin = {header.tmin};
  info.tmax = {header.tmax};
  return info;
}

Result<std::span<const std::byte>> FrameCodec::expand(std::string_view key, std::string_view value) {
  auto info = check(key, value);
  if (!info) return info.error();
  Header header;
  std::memcpy(&header, value.data(), sizeof header);
  const std::string_view payload = value.substr(sizeof header);
  auto& rows = contexts_->rows;
  rows.resize(info->raw_bytes);
  if (header.flags & kCompressed) {
    const std::size_t got =
        ZSTD_decompressDCtx(contexts_->expand, rows.data(), rows.size(), payload.data(), payload.size());
    if (ZSTD_isError(got) || got != rows.size()) {
      return make_error(ErrorCode::kCorrupt, "the frame does not expand");
    }
  } else if (payload.size() == rows.size()) {
    std::memcpy(rows.data(), payload.data(), payload.size());
  } else {
    return make_error(ErrorCode::kCorrupt, "the frame's size is wrong");
  }
  BACKSIGHT_TRY(check_rows(rows, *info));
  return std::span<const std::byte>(rows);
}

std::size_t row_size(std::span<const std::byte> rows) {
  if (rows.size() < sizeof(schema::EventHeader)) return 0;
  std::uint32_t size = 0;
  std::memcpy(&size, rows.data(), sizeof size);
  return size >= sizeof(schema::EventHeader) && size <= rows.size() ? size : 0;
}

schema::EventHeader row_header(std::span<const std::byte> rows) {
  schema::EventHeader header;
  std::memcpy(&header, rows.data(), sizeof header);
  return header;
}

}  // namespace backsight::store
