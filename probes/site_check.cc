#include "probes/site_check.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace backsight::probes {

using schema::ErrorCode;
using schema::make_error;

namespace {

std::string hex(std::uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

// At the entry, or right behind its endbr64: no red zone is in use there.
bool is_at_entry(const FunctionCode& code, std::uint64_t address) {
  const Instruction& entry = code.instructions.front();
  return address == entry.address || (entry.is_endbr64 && address == entry.address + entry.length);
}

// RSP is there what it was at the entry.
bool has_entry_stack(const FunctionCode& code, std::uint64_t address) {
  for (const Instruction& instruction : code.instructions) {
    if (instruction.address == address) return true;
    if (instruction.changes_stack || (instruction.kind != InstructionKind::kOther)) return false;
  }
  return false;
}

}  // namespace

std::string site_problem(const FunctionCode& code, const Site& site) {
  const Instruction* instruction = code.at(site.address);
  if (!instruction) return hex(site.address) + " is not the beginning of an instruction";
  if (instruction->kind == InstructionKind::kTrap)
    return "there is a trap instruction at " + hex(site.address);
  if (instruction->is_refused) return "the kernel takes no probe on the instruction at " + hex(site.address);
  if (instruction->is_nop5 && !is_at_entry(code, site.address))
    return "the kernel would turn the 5-byte NOP at " + hex(site.address) + " into a call";
  if (site.is_uretprobe && !has_entry_stack(code, site.address))
    return "the return address is not on top of the stack at " + hex(site.address);
  return {};
}

std::string seal_sites(const ElfFile& binary, const FunctionCode& code, std::vector<Site>& sites) {
  for (Site& site : sites) {
    if (std::string problem = site_problem(code, site); !problem.empty()) return problem;
    const std::uint8_t length = code.at(site.address)->length;
    site.bytes = binary.code({site.address, site.address + length});
    if (site.bytes.size() != length) return "the code at " + hex(site.address) + " is not in the file";
  }
  return {};
}

schema::Result<void> compare_sites(const std::string& path, const std::vector<Site>& sites) {
  const auto is_compared = [](const Site& site) { return !site.bytes.empty(); };
  if (std::none_of(sites.begin(), sites.end(), is_compared)) return {};
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return make_error(ErrorCode::kIo, path + ": " + std::strerror(errno));
  for (const Site& site : sites) {
    std::vector<std::uint8_t> bytes(site.bytes.size());
    const auto count = ::pread(file, bytes.data(), bytes.size(), static_cast<off_t>(site.file_offset));
    if (count == static_cast<ssize_t>(bytes.size()) && bytes == site.bytes) continue;
    ::close(file);
    return make_error(
        ErrorCode::kInvalid,
        path + " no longer has the instruction that was planned for at offset " + hex(site.file_offset),
        "the file was changed in place; restart the process that runs it");
  }
  ::close(file);
  return {};
}

}  // namespace backsight::probes
