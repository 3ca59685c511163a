// Frame descriptions: found by the table for unwinders, they are those that are found by reading all.
#include "probes/cfa.h"
#include "probes/elf_file.h"
#include "tests/probes/planner_support.h"

#include <algorithm>

namespace backsight::probes {

namespace {

constexpr const char* kHeader = ".eh_frame_hdr";

std::shared_ptr<const ElfFile> open_elf(const std::string& path) {
  auto file = ElfFile::open(path);
  if (!file) FAIL(file.error().to_string());
  return std::make_shared<const ElfFile>(std::move(*file));
}

// Some addresses of each function, and some of none.
std::vector<std::uint64_t> addresses_of(const ElfFile& file) {
  std::vector<std::uint64_t> result = {0, 1, 64, ~std::uint64_t{0}};
  for (const FunctionSymbol& symbol : file.function_symbols()) {
    for (const std::uint64_t offset : {0, 1, 4, 5, 9, 17}) result.push_back(symbol.address + offset);
  }
  return result;
}

using Frames = std::vector<std::pair<std::uint64_t, std::optional<std::pair<int, std::int64_t>>>>;

Frames read_frames(const FrameTable& table, const std::vector<std::uint64_t>& addresses) {
  Frames result;
  for (const std::uint64_t address : addresses) {
    const auto cfa = table.at(address);
    result.emplace_back(
        address, cfa ? std::optional(std::pair<int, std::int64_t>(cfa->reg, cfa->offset)) : std::nullopt);
  }
  return result;
}

// The program in `bytes`, by a path of its own.
std::shared_ptr<const ElfFile> rewritten(const ScratchDirectory& scratch, const std::string& bytes) {
  std::ofstream(scratch / "program", std::ios::binary) << bytes;
  return open_elf(scratch / "program");
}

}  // namespace

TEST_CASE("frames of single functions are those that reading all of them finds") {
  const ScratchDirectory scratch;
  const std::string path = target(GENERATE(as<std::string>(), "planner_shop", "planner_c"));
  const auto file = open_elf(path);
  const Section* header = file->section(kHeader);
  REQUIRE(header);
  std::string bytes = read_text(path);
  bytes[header->offset] = 2;  // a version that nobody knows
  const auto without = rewritten(scratch, bytes);
  const auto addresses = addresses_of(*file);
  const FrameTable whole(without, nullptr);
  const Frames expected = read_frames(whole, addresses);
  CHECK(whole.has_read_all());
  CHECK(std::count_if(expected.begin(), expected.end(),
                      [](const auto& frame) { return frame.second.has_value(); }) > 20);
  std::size_t searched = 0;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const FrameTable table(file, nullptr);
    CHECK(read_frames(table, {addresses[i]}) == Frames{expected[i]});
    searched += table.has_read_all() ? 0 : 1;
  }
  CHECK(searched > 20);
  const FrameTable table(file, nullptr);
  CHECK(read_frames(table, addresses) == expected);
}

TEST_CASE("a damaged table of frames does not change what is found") {
  const ScratchDirectory scratch;
  const std::string path = target("planner_c");
  const auto file = open_elf(path);
  const Section* header = file->section(kHeader);
  REQUIRE(header);
  const std::string original = read_text(path);
  const auto addresses = addresses_of(*file);
  const Frames expected = read_frames(FrameTable(file, nullptr), addresses);
  for (std::uint64_t i = 0; i < header->size; i += i < 16 ? 1 : 1 + header->size / 100) {
    for (const int flipped : {0x01, 0x80, 0xff}) {
      std::string bytes = original;
      char& byte = bytes[header->offset + i];
      byte = static_cast<char>(byte ^ flipped);
      const FrameTable table(rewritten(scratch, bytes), nullptr);
      CHECK(read_frames(table, addresses) == expected);
    }
  }
}

}  // namespace backsight::probes
