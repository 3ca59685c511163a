#include "tests/collector/bpf_harness.h"

#include <Zydis/Zydis.h>
#include <fcntl.h>
#include <gelf.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>

namespace backsight::collector::testing {

std::string Target::path() {
  return BACKSIGHT_BPF_TARGET;
}

Target::Target() {
  int to[2], from[2];
  REQUIRE(::pipe2(to, O_CLOEXEC) == 0);
  REQUIRE(::pipe2(from, O_CLOEXEC) == 0);
  pid_ = ::fork();
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    ::dup2(to[0], 0);
    ::dup2(from[1], 1);
    ::execl(path().c_str(), path().c_str(), nullptr);
    ::_exit(127);
  }
  ::close(to[0]);
  ::close(from[1]);
  to_ = to[1];
  from_ = from[0];
  REQUIRE(read_line() == "ready");
}

Target::~Target() {
  finish();
}

void Target::finish() {
  if (pid_ < 0) return;
  ::close(to_);
  int status = 0;
  for (int i = 0; i < 500 && ::waitpid(pid_, &status, WNOHANG) == 0; i++) ::usleep(10'000);
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, &status, 0);
  ::close(from_);
  pid_ = -1;
}

std::string Target::read_line() {
  for (;;) {
    const std::size_t end = pending_.find('\n');
    if (end != std::string::npos) {
      std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return line;
    }
    char buffer[256];
    const ssize_t got = ::read(from_, buffer, sizeof buffer);
    if (got <= 0) return "(ended)";
    pending_.append(buffer, static_cast<std::size_t>(got));
  }
}

std::vector<std::string> Target::run(const std::string& command) {
  const std::string line = command + "\n";
  REQUIRE(::write(to_, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
  std::vector<std::string> lines;
  for (;;) {
    lines.push_back(read_line());
    if (lines.back() == "(ended)" || lines.back() == "again") return lines;
    if (lines.back() != "done") continue;
    lines.pop_back();
    return lines;
  }
}

namespace {

void find_rets(const std::string& path, FunctionPlace& function) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(function.file_offset));
  std::vector<char> code(function.size);
  file.read(code.data(), static_cast<std::streamsize>(code.size()));
  ZydisDecoder decoder;
  ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
  ZydisDecodedInstruction instruction;
  for (std::size_t at = 0; at < code.size(); at += instruction.length) {
    REQUIRE(ZYAN_SUCCESS(
        ZydisDecoderDecodeInstruction(&decoder, nullptr, code.data() + at, code.size() - at, &instruction)));
    if (instruction.mnemonic == ZYDIS_MNEMONIC_RET) function.ret_offsets.push_back(function.file_offset + at);
  }
}

std::uint64_t to_file_offset(Elf* elf, std::uint64_t address) {
  std::size_t count = 0;
  elf_getphdrnum(elf, &count);
  for (std::size_t i = 0; i < count; i++) {
    GElf_Phdr segment;
    gelf_getphdr(elf, static_cast<int>(i), &segment);
    if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
        address < segment.p_vaddr + segment.p_filesz)
      return address - segment.p_vaddr + segment.p_offset;
  }
  return 0;
}

void find_symbol(Elf* elf, Elf_Scn* section, const GElf_Shdr& header, const std::string& name,
                 FunctionPlace& place) {
  Elf_Data* data = elf_getdata(section, nullptr);
  for (std::size_t i = 0; i < header.sh_size / header.sh_entsize; i++) {
    GElf_Sym symbol;
    gelf_getsym(data, static_cast<int>(i), &symbol);
    if (symbol.st_value == 0 || name != elf_strptr(elf, header.sh_link, symbol.st_name)) continue;
    place.address = symbol.st_value;
    place.size = symbol.st_size;
    place.file_offset = to_file_offset(elf, symbol.st_value);
  }
}

}  // namespace

namespace {

FunctionPlace find_place(const std::string& path, const std::string& name) {
  elf_version(EV_CURRENT);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  Elf* elf = elf_begin(fd, ELF_C_READ, nullptr);
  REQUIRE(elf != nullptr);
  FunctionPlace place;
  for (Elf_Scn* section = nullptr; (section = elf_nextscn(elf, section)) != nullptr;) {
    GElf_Shdr header;
    gelf_getshdr(section, &header);
    if (header.sh_type == SHT_SYMTAB) find_symbol(elf, section, header, name, place);
  }
  elf_end(elf);
  ::close(fd);
  INFO(name << " in " << path);
  REQUIRE(place.file_offset != 0);
  return place;
}

}  // namespace

FunctionPlace find_function(const std::string& path, const std::string& name) {
  FunctionPlace place = find_place(path, name);
  find_rets(path, place);
  return place;
}

std::uint64_t find_object_address(const std::string& path, const std::string& name) {
  return find_place(path, name).address;
}

probes::Site entry_site(const FunctionPlace& function) {
  probes::Site site;
  site.address = function.address;
  site.file_offset = function.file_offset;
  site.kind = BS_SITE_ENTRY;
  return site;
}

std::vector<probes::Site> ret_sites(const FunctionPlace& function) {
  std::vector<probes::Site> sites;
  for (const std::uint64_t offset : function.ret_offsets) {
    probes::Site site;
    site.address = function.address + (offset - function.file_offset);
    site.file_offset = offset;
    site.kind = BS_SITE_RETURN;
    sites.push_back(site);
  }
  return sites;
}

probes::Site uretprobe_site(const FunctionPlace& function) {
  probes::Site site = entry_site(function);
  site.kind = BS_SITE_RETURN;
  site.is_uretprobe = true;
  site.frame_adjust = -8;
  return site;
}

std::uint64_t Record::Item::number(std::size_t at) const {
  std::uint64_t value = 0;
  REQUIRE(at + sizeof value <= bytes.size());
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

Record decode(std::span<const std::byte> bytes) {
  Record record;
  REQUIRE(bytes.size() >= sizeof(bs_event));
  std::memcpy(&record.header, bytes.data(), sizeof record.header);
  REQUIRE(record.header.size == bytes.size());
  const char* data = reinterpret_cast<const char*>(bytes.data());
  std::size_t at = sizeof(bs_event);
  while (at < bytes.size()) {
    Record::Item item;
    REQUIRE(bytes.size() - at >= sizeof(bs_item));
    std::memcpy(&item.header, data + at, sizeof item.header);
    at += sizeof(bs_item);
    const std::size_t padded = (item.header.captured + 7) / 8 * 8;
    REQUIRE(bytes.size() - at >= padded);
    REQUIRE(item.header.captured <= item.header.length);
    item.bytes.assign(data + at, item.header.captured);
    record.padding.append(data + at + item.header.captured, padded - item.header.captured);
    at += padded;
    record.items.push_back(std::move(item));
  }
  for (const char c : record.padding) REQUIRE(c == 0);
  return record;
}

std::vector<Record> drain(Kernel& kernel) {
  std::vector<Record> records;
  kernel.drain_data([&](std::span<const std::byte> bytes) { records.push_back(decode(bytes)); }, SIZE_MAX);
  return records;
}

std::vector<bs_process_event> drain_control(Kernel& kernel) {
  std::vector<bs_process_event> events;
  kernel.drain_control([&](std::span<const std::byte> bytes) {
    REQUIRE(bytes.size() == sizeof(bs_process_event));
    events.emplace_back();
    std::memcpy(&events.back(), bytes.data(), bytes.size());
  });
  return events;
}

std::unique_ptr<Kernel> open_kernel(KernelOptions options) {
  auto kernel = open_libbpf_kernel(options);
  if (kernel) return std::move(*kernel);
  if (kernel.error().code == schema::ErrorCode::kPermission) {
    std::cout << "SKIPPED: " << kernel.error().to_string() << std::endl;
    return nullptr;
  }
  FAIL(kernel.error().to_string());
  return nullptr;
}

}  // namespace backsight::collector::testing
