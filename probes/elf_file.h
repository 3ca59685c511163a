// A bounds-checked view of one ELF file for x86-64: what the planner needs to
// find debug information, map addresses to file offsets and read code. The
// file is read with pread; nothing in it is trusted.
//
// Debug sections may be mapped instead (Access::kMapped): no copy, and only what
// is looked at is loaded. A file that is cut while it is mapped ends the process
// (SIGBUS), so that only a process that may die reads so.
#pragma once

#include "probes/file_source.h"
#include "schema/result.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace backsight::probes {

// Half-open, link-time addresses.
struct AddressRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  bool contains(std::uint64_t address) const { return address >= begin && address < end; }
  bool operator==(const AddressRange&) const = default;
};

struct Segment {
  std::uint64_t address = 0;
  std::uint64_t offset = 0;
  std::uint64_t file_size = 0;
  bool executable = false;
};

struct Section {
  std::string name;
  std::uint32_t type = 0;
  std::uint32_t link = 0;
  std::uint64_t address = 0;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  bool compressed = false;
};

struct FunctionSymbol {
  std::string name;
  std::uint64_t address = 0;
  bool is_local = false;  // to the file it was compiled in, or to all that was optimised at link time
};

// Which version of a file this is.
struct FileIdentity {
  std::uint64_t size = 0;
  std::uint64_t inode = 0;
  std::int64_t modified_ns = 0;
  bool operator==(const FileIdentity&) const = default;
};

// The bytes of a section, where they are or a copy.
struct SectionBytes {
  std::span<const std::uint8_t> bytes;
  std::shared_ptr<const std::vector<std::uint8_t>> copy;  // null: mapped, valid as long as the file
};

// .gnu_debuglink: a file name and the CRC-32 of that file.
struct DebugLink {
  std::string file;
  std::uint32_t crc = 0;
};

// .gnu_debugaltlink: the file with what several debug files have in common (dwz).
struct AltLink {
  std::string file;
  std::string build_id;  // hex
};

class ElfFile {
 public:
  enum class Access { kCopied, kMapped };

  // Opens with `files` where given. kNotFound, kPermission, kIo; kCorrupt when it
  // is not an ELF file for x86-64.
  static schema::Result<ElfFile> open(const std::string& path, FileSource* files = nullptr,
                                      Access access = Access::kCopied);
  // Takes the descriptor; `path` is for messages.
  static schema::Result<ElfFile> from_descriptor(int descriptor, const std::string& path,
                                                 Access access = Access::kCopied);
  ElfFile(ElfFile&& other) noexcept;
  ElfFile& operator=(ElfFile&& other) noexcept;
  ~ElfFile();

  int descriptor() const { return descriptor_; }
  const std::string& path() const { return path_; }
  // Where it lies, if it was opened by another path: files that go with it are beside it.
  void locate(const std::string& path) { path_ = path; }
  const std::string& build_id() const { return build_id_; }  // hex, empty if none
  const std::vector<Section>& sections() const { return sections_; }
  const FileIdentity& identity() const { return identity_; }

  // A shared library, as far as can be told: position-independent, and without an interpreter.
  bool is_library() const { return is_library_; }
  const Section* section(std::string_view name) const;
  // The section exists with bytes in this file.
  bool has_contents(std::string_view name) const;
  std::optional<std::uint64_t> file_offset(std::uint64_t address) const;
  // The other way round, of code.
  std::optional<std::uint64_t> code_address(std::uint64_t file_offset) const;
  // The machine code of a range; empty when it is not wholly in an executable segment.
  std::vector<std::uint8_t> code(AddressRange range) const;
  bool is_code(std::uint64_t address) const;
  std::optional<DebugLink> debug_link() const;
  std::optional<AltLink> alt_link() const;
  // Of .symtab, else .dynsym; sorted by address.
  std::vector<FunctionSymbol> function_symbols() const;
  // Of the whole file, as .gnu_debuglink has it.
  schema::Result<std::uint32_t> crc32() const;
  // Decompressed, if it is compressed with zlib; nothing if it cannot be read.
  std::optional<std::vector<std::uint8_t>> contents(const Section& section) const;
  // As contents(), without a copy where it can be. kCorrupt says what is wrong and what to do.
  schema::Result<SectionBytes> section_bytes(const Section& section) const;
  // As it is claimed to be when decompressed.
  std::uint64_t section_size(const Section& section) const;
  // Empty when [offset, offset + size) is not in the file.
  std::vector<std::uint8_t> read(std::uint64_t offset, std::uint64_t size) const;

 private:
  ElfFile(int descriptor, std::string path, Access access);
  const std::uint8_t* mapping() const;
  schema::Result<SectionBytes> inflate(const Section& section, std::span<const std::uint8_t> packed,
                                       std::uint64_t header_size, std::uint64_t size) const;
  schema::Error damaged(const Section& section, const std::string& what) const;
  schema::Result<void> parse();
  void parse_sections(std::uint64_t table, std::uint64_t count, std::uint64_t entry_size,
                      std::uint64_t names);
  void parse_notes(std::uint64_t offset, std::uint64_t size);

  int descriptor_ = -1;
  std::string path_;
  Access access_ = Access::kCopied;
  FileIdentity identity_;
  std::uint64_t size_ = 0;
  mutable void* mapping_ = nullptr;
  bool is_library_ = false;
  std::string build_id_;
  std::vector<Segment> segments_;
  std::vector<Section> sections_;
};

}  // namespace backsight::probes
