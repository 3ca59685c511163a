// A collector in miniature, to be killed at any moment: appends rows whose tags
// follow one another and reports each acknowledged sequence on stdout.
//   crash_writer STORE SEED
#include "store/timeline.h"

#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <random>

namespace {

using namespace backsight;

void add_row(std::vector<std::byte>& rows, std::uint64_t tag) {
  schema::EventHeader header;
  header.kind =
      static_cast<std::uint16_t>(tag % 3 == 0 ? schema::EventKind::kEntry : schema::EventKind::kReturn);
  header.boot_ns = static_cast<std::int64_t>(tag) * 1'000'000;
  header.source_seq = tag;
  header.tid = static_cast<std::uint32_t>(tag % 5);
  header.process = 1;
  header.plan = 1 + tag % 7;
  header.frame = 1000 + tag % 11;
  const auto row = schema::EventBuilder(header).finish();
  rows.insert(rows.end(), row.begin(), row.end());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::mt19937_64 random(std::strtoull(argv[2], nullptr, 10));
  store::StoreOptions options;
  options.path = argv[1];
  options.boot_id = "boot";
  options.min_free_bytes = 0;
  options.partition_ns = 1'000'000'000;
  options.write_buffer_bytes = 256 << 10;
  auto writer = store::StoreWriter::open(options);
  if (!writer) return std::fprintf(stderr, "%s\n", writer.error().to_string().c_str()), 1;
  auto last = (*writer)->append("shop", {});
  while (last) {
    std::vector<std::byte> rows;
    const std::uint64_t count = 1 + random() % 20;
    for (std::uint64_t i = 1; i <= count; ++i) add_row(rows, last->value + i);
    last = (*writer)->append("shop", rows);
    if (last && ::write(STDOUT_FILENO, &last->value, 8) != 8) return 3;
  }
  return std::fprintf(stderr, "%s\n", last.error().to_string().c_str()), 1;
}
