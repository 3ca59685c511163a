// Which rows of a line table stand before the program has named a file: the file is
// number 1 there, in DWARF 5 too, where libdwarf 20210528 says 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace backsight::probes {

// Of the table at `offset` of .debug_line: for each row, in order, whether its file is the
// one that every sequence begins with. Empty: not DWARF 5, or damaged.
std::vector<bool> rows_of_first_file(std::span<const std::uint8_t> section, std::uint64_t offset,
                                     std::size_t most_rows);

}  // namespace backsight::probes
