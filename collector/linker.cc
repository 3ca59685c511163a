#include "collector/linker.h"

#include "probes/elf_file.h"

namespace backsight::collector {

bool is_dynamic_linker(const std::string& path) {
  const auto slash = path.rfind('/');
  const auto name = slash == std::string::npos ? path : path.substr(slash + 1);
  return name.starts_with("ld-") && name.find(".so") != std::string::npos;
}

schema::Result<std::uint64_t> find_linker_hook(const std::string& open_path) {
  auto file = probes::ElfFile::open(open_path);
  if (!file) return file.error();
  for (const auto& symbol : file->function_symbols()) {
    if (symbol.name != "_dl_debug_state") continue;
    if (const auto offset = file->file_offset(symbol.address)) return *offset;
  }
  return make_error(schema::ErrorCode::kNotFound, open_path + " has no _dl_debug_state",
                    "libraries loaded later are found by scanning /proc");
}

}  // namespace backsight::collector
