// Mutated ELF and DWARF through the whole planner. A corpus: any binaries with
// debug information, e.g. build/release/tests/targets/planner_*.
//   build/fuzz/fuzz/fuzz_binary CORPUS-DIRECTORY -max_len=1000000
#include "probes/planner.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

using namespace backsight;

namespace {

// The one file that there is.
class OneFile final : public probes::FileSource {
 public:
  OneFile(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  schema::Result<int> open_file(const std::string& path) override {
    if (path != "/input") return schema::make_error(schema::ErrorCode::kNotFound, "no " + path);
    const int file = ::memfd_create("input", MFD_CLOEXEC);
    for (std::size_t done = 0; file >= 0 && done < size_;) {
      const ssize_t written = ::write(file, data_ + done, size_ - done);
      if (written <= 0) break;
      done += static_cast<std::size_t>(written);
    }
    return file;
  }
  schema::Result<int> open_index(const std::string& key) override {
    return schema::make_error(schema::ErrorCode::kNotFound, "no index " + key);
  }
  schema::Result<void> save_index(const std::string&, std::span<const std::byte>) override { return {}; }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  probes::Binary::Options options;
  options.files = std::make_shared<OneFile>(data, size);
  const auto binary = probes::Binary::open({"/input", "/input"}, options);
  if (!binary) return 0;
  probes::ProbeConfig probe;
  probe.function = "*";
  (void)(*binary)->plan(probe);
  return 0;
}
