#include "probes/elf_file.h"

#include "probes/planner.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace backsight::probes {

using schema::Error;
using schema::ErrorCode;
using schema::make_error;
using schema::Result;

namespace {

constexpr std::uint64_t kMaxTableEntries = 1 << 17;
constexpr std::uint64_t kMaxNoteBytes = 1 << 16;
constexpr std::uint64_t kMaxCodeBytes = 16 << 20;

template <class T>
std::optional<T> value_at(const std::vector<std::uint8_t>& bytes, std::uint64_t offset) {
  T value;
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) return std::nullopt;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

std::string text_at(std::span<const std::uint8_t> bytes, std::uint64_t offset) {
  if (offset >= bytes.size()) return {};
  const auto* begin = reinterpret_cast<const char*>(bytes.data()) + offset;
  return std::string(begin, strnlen(begin, bytes.size() - offset));
}

std::string hex(const std::vector<std::uint8_t>& bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string result;
  for (const std::uint8_t byte : bytes) {
    result += kDigits[byte >> 4];
    result += kDigits[byte & 15];
  }
  return result;
}

Error system_error(const std::string& path, int number) {
  const std::string message = "cannot open " + path + ": " + std::strerror(number);
  if (number == ENOENT || number == ENOTDIR) return make_error(ErrorCode::kNotFound, message);
  if (number == EACCES || number == EPERM) {
    return make_error(ErrorCode::kPermission, message, "run as root or with CAP_DAC_READ_SEARCH");
  }
  return make_error(ErrorCode::kIo, message);
}

}  // namespace

ElfFile::ElfFile(int descriptor, std::string path, Access access)
    : descriptor_(descriptor), path_(std::move(path)), access_(access) {}

ElfFile::ElfFile(ElfFile&& other) noexcept {
  *this = std::move(other);
}

ElfFile& ElfFile::operator=(ElfFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  std::swap(access_, other.access_);
  std::swap(identity_, other.identity_);
  std::swap(size_, other.size_);
  std::swap(mapping_, other.mapping_);
  std::swap(is_library_, other.is_library_);
  std::swap(build_id_, other.build_id_);
  std::swap(segments_, other.segments_);
  std::swap(sections_, other.sections_);
  return *this;
}

ElfFile::~ElfFile() {
  if (mapping_) ::munmap(mapping_, size_);
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<ElfFile> ElfFile::open(const std::string& path, FileSource* files, Access access) {
  if (files) {
    const Result<int> opened = files->open_file(path);
    if (!opened) return opened.error();
    return from_descriptor(*opened, path, access);
  }
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return system_error(path, errno);
  return from_descriptor(descriptor, path, access);
}

Result<ElfFile> ElfFile::from_descriptor(int descriptor, const std::string& path, Access access) {
  ElfFile file(descriptor, path, access);
  struct stat status {};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    return make_error(ErrorCode::kCorrupt, path + " is not a regular file");
  }
  file.size_ = static_cast<std::uint64_t>(status.st_size);
  file.identity_ = {file.size_, status.st_ino,
                    status.st_mtim.tv_sec * std::int64_t{1'000'000'000} + status.st_mtim.tv_nsec};
  BACKSIGHT_TRY(file.parse());
  return file;
}

std::vector<std::uint8_t> ElfFile::read(std::uint64_t offset, std::uint64_t size) const {
  if (offset > size_ || size > size_ - offset) return {};
  std::vector<std::uint8_t> bytes(size);
  std::uint64_t done = 0;
  while (done < size) {
    const ssize_t got =
        ::pread(descriptor_, bytes.data() + done, size - done, static_cast<off_t>(offset + done));
    if (got <= 0) return {};
    done += static_cast<std::uint64_t>(got);
  }
  return bytes;
}

Result<void> ElfFile::parse() {
  const auto bytes = read(0, std::min<std::uint64_t>(size_, sizeof(Elf64_Ehdr)));
  const auto header = value_at<Elf64_Ehdr>(bytes, 0);
  if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) {
    return make_error(ErrorCode::kCorrupt, path_ + " is not an ELF file");
  }
  if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB ||
      header->e_machine != EM_X86_64) {
    return make_error(ErrorCode::kCorrupt, path_ + " is not an ELF file for x86-64");
  }
  is_library_ = header->e_type == ET_DYN;
  if (header->e_phentsize == sizeof(Elf64_Phdr)) {
    const auto table = read(header->e_phoff, std::uint64_t{header->e_phnum} * sizeof(Elf64_Phdr));
    for (std::uint64_t i = 0; i < header->e_phnum; ++i) {
      const auto entry = value_at<Elf64_Phdr>(table, i * sizeof(Elf64_Phdr));
      if (!entry) break;
      if (entry->p_type == PT_LOAD) {
        segments_.push_back({entry->p_vaddr, entry->p_offset, entry->p_filesz, (entry->p_flags & PF_X) != 0});
      } else if (entry->p_type == PT_INTERP) {
        is_library_ = false;
      } else if (entry->p_type == PT_NOTE) {
        parse_notes(entry->p_offset, entry->p_filesz);
      }
    }
  }
  if (header->e_shentsize == sizeof(Elf64_Shdr) && header->e_shoff != 0) {
    parse_sections(header->e_shoff, header->e_shnum, header->e_shentsize, header->e_shstrndx);
  }
  return {};
}

void ElfFile::parse_sections(std::uint64_t table, std::uint64_t count, std::uint64_t entry_size,
                             std::uint64_t names) {
  const auto first = read(table, entry_size);
  const auto zero = value_at<Elf64_Shdr>(first, 0);
  if (!zero) return;
  if (count == 0) count = zero->sh_size;  // more than 65,279 sections
  if (names == SHN_XINDEX) names = zero->sh_link;
  if (count > kMaxTableEntries || names >= count) return;
  const auto bytes = read(table, count * entry_size);
  const auto names_header = value_at<Elf64_Shdr>(bytes, names * entry_size);
  if (!names_header) return;
  const auto texts = read(names_header->sh_offset, names_header->sh_size);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto entry = value_at<Elf64_Shdr>(bytes, i * entry_size);
    if (!entry) return;
    sections_.push_back({text_at(texts, entry->sh_name), entry->sh_type, entry->sh_link, entry->sh_addr,
                         entry->sh_offset, entry->sh_size, (entry->sh_flags & SHF_COMPRESSED) != 0});
    if (entry->sh_type == SHT_NOTE && build_id_.empty()) parse_notes(entry->sh_offset, entry->sh_size);
  }
}

void ElfFile::parse_notes(std::uint64_t offset, std::uint64_t size) {
  if (!build_id_.empty() || size > kMaxNoteBytes) return;
  const auto bytes = read(offset, size);
  std::uint64_t at = 0;
  while (const auto note = value_at<Elf64_Nhdr>(bytes, at)) {
    const std::uint64_t name = at + sizeof(Elf64_Nhdr);
    const std::uint64_t description = name + ((std::uint64_t{note->n_namesz} + 3) & ~3ull);
    const std::uint64_t next = description + ((std::uint64_t{note->n_descsz} + 3) & ~3ull);
    if (description + note->n_descsz > bytes.size()) return;
    if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && std::memcmp(&bytes[name], "GNU", 4) == 0 &&
        note->n_descsz <= 64) {
      const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(description);
      build_id_ = hex({begin, begin + note->n_descsz});
      return;
    }
    at = next;
  }
}

const Section* ElfFile::section(std::string_view name) const {
  const auto it =
      std::find_if(sections_.begin(), sections_.end(), [&](const Section& s) { return s.name == name; });
  return it == sections_.end() ? nullptr : &*it;
}

bool ElfFile::has_contents(std::string_view name) const {
  const Section* found = section(name);
  return found && found->type != SHT_NOBITS && found->size > 0 && found->offset < size_;
}

std::optional<std::uint64_t> ElfFile::file_offset(std::uint64_t address) const {
  for (const Segment& segment : segments_) {
    if (address >= segment.address && address - segment.address < segment.file_size) {
      return address - segment.address + segment.offset;
    }
  }
  return std::nullopt;
}

std::optional<std::uint64_t> ElfFile::code_address(std::uint64_t file_offset) const {
  for (const Segment& segment : segments_) {
    if (segment.executable && file_offset >= segment.offset &&
        file_offset - segment.offset < segment.file_size) {
      return file_offset - segment.offset + segment.address;
    }
  }
  return std::nullopt;
}

bool ElfFile::is_code(std::uint64_t address) const {
  return std::any_of(segments_.begin(), segments_.end(), [&](const Segment& segment) {
    return segment.executable && address >= segment.address && address - segment.address < segment.file_size;
  });
}

std::vector<std::uint8_t> ElfFile::code(AddressRange range) const {
  if (range.end <= range.begin || range.end - range.begin > kMaxCodeBytes) return {};
  if (!is_code(range.begin) || !is_code(range.end - 1)) return {};
  const auto begin = file_offset(range.begin);
  const auto last = file_offset(range.end - 1);
  if (!begin || !last || *last - *begin != range.end - 1 - range.begin) return {};
  return read(*begin, range.end - range.begin);
}

std::optional<DebugLink> ElfFile::debug_link() const {
  const Section* link = section(".gnu_debuglink");
  if (!link || link->size < 8 || link->size > 4096) return std::nullopt;
  const auto bytes = read(link->offset, link->size);
  DebugLink result{text_at(bytes, 0), 0};
  const auto crc = value_at<std::uint32_t>(bytes, (result.file.size() + 4) & ~3ull);
  if (!crc || result.file.empty() || result.file.find('/') != std::string::npos) return std::nullopt;
  result.crc = *crc;
  return result;
}

std::optional<AltLink> ElfFile::alt_link() const {
  const Section* link = section(".gnu_debugaltlink");
  if (!link || link->size > 4096 + 64) return std::nullopt;
  const auto bytes = read(link->offset, link->size);
  AltLink result{text_at(bytes, 0), {}};
  if (result.file.empty() || result.file.size() + 1 >= bytes.size()) return std::nullopt;
  result.build_id = hex({bytes.begin() + static_cast<std::ptrdiff_t>(result.file.size()) + 1, bytes.end()});
  return result;
}

std::vector<FunctionSymbol> ElfFile::function_symbols() const {
  const Section* table = section(".symtab");
  if (!table || table->type != SHT_SYMTAB) table = section(".dynsym");
  if (!table || table->type == SHT_NOBITS || table->link >= sections_.size()) return {};
  const auto entries = section_bytes(*table);
  const auto texts = section_bytes(sections_[table->link]);
  if (!entries || !texts) return {};
  // Sorted before the names are copied: there are hundreds of thousands.
  struct Place {
    std::uint64_t address;
    std::uint32_t name;
    bool is_local;
  };
  std::vector<Place> places;
  for (std::uint64_t at = 0; at + sizeof(Elf64_Sym) <= entries->bytes.size(); at += sizeof(Elf64_Sym)) {
    Elf64_Sym symbol;
    std::memcpy(&symbol, entries->bytes.data() + at, sizeof(symbol));
    if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_shndx == SHN_UNDEF) continue;
    // Linkers make hidden symbols local, too, and leave them hidden.
    const bool is_local =
        ELF64_ST_BIND(symbol.st_info) == STB_LOCAL && ELF64_ST_VISIBILITY(symbol.st_other) == STV_DEFAULT;
    places.push_back({symbol.st_value, symbol.st_name, is_local});
  }
  std::stable_sort(places.begin(), places.end(),
                   [](const Place& a, const Place& b) { return a.address < b.address; });
  std::vector<FunctionSymbol> symbols;
  symbols.reserve(places.size());
  for (const Place& place : places)
    symbols.push_back({text_at(texts->bytes, place.name), place.address, place.is_local});
  return symbols;
}

Result<std::uint32_t> ElfFile::crc32() const {
  uLong crc = ::crc32(0, nullptr, 0);
  constexpr std::uint64_t kStep = 1 << 20;
  for (std::uint64_t at = 0; at < size_; at += kStep) {
    const std::uint64_t length = std::min(kStep, size_ - at);
    const auto bytes = read(at, length);
    if (bytes.size() != length) return make_error(ErrorCode::kIo, "cannot read " + path_);
    crc = ::crc32(crc, bytes.data(), static_cast<uInt>(length));
  }
  return static_cast<std::uint32_t>(crc);
}

Result<std::string> read_build_id(const std::string& path) {
  auto file = ElfFile::open(path);
  if (!file) return file.error();
  return file->build_id();
}

}  // namespace backsight::probes
