#include "probes/code_places.h"

#include "probes/call_check.h"
#include "probes/debug_file.h"
#include "probes/function_symbols.h"
#include "probes/sandbox.h"
#include "probes/scopes.h"
#include "probes/symbol_table.h"

#include <algorithm>
#include <cstdio>
#include <numeric>

namespace backsight::probes {
namespace {

constexpr std::size_t kMaxNameBytes = 1024;

std::string file_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// One line of a stack: what is in binaries may hold anything.
std::string plain(std::string text) {
  if (text.size() > kMaxNameBytes) text.resize(kMaxNameBytes);
  for (char& c : text) {
    if (c == '\n' || c == '\0') c = '?';
  }
  return text;
}

std::string with_line(const std::string& file, std::uint64_t line) {
  return file.empty() || line == 0 ? std::string() : " " + file_name(file) + ":" + std::to_string(line);
}

}  // namespace

schema::Result<std::unique_ptr<CodePlaces>> CodePlaces::open(const ModuleFile& file,
                                                             const std::vector<std::string>& debug_roots,
                                                             const std::shared_ptr<FileSource>& files) {
  const Reading reading{files, ElfFile::Access::kMapped};
  auto opened = ElfFile::open(file.open_path, files.get(), reading.access);
  if (!opened) return opened.error();
  opened->locate(file.located.empty() ? file.path : file.located);
  std::unique_ptr<CodePlaces> places(new CodePlaces);
  places->module_ = file_name(file.path);
  places->elf_ = std::make_shared<const ElfFile>(*std::move(opened));
  places->debug_ = find_debug_file(places->elf_, file.path, debug_roots, reading).file;
  if (!places->debug_) return places;
  auto session = DwarfSession::open(places->debug_, {reading, debug_roots, places->elf_->path()});
  if (!session) return places;  // its symbols remain
  places->session_ = std::move(*session);
  places->index_ = std::make_unique<DebugIndex>(*places->session_, files.get());
  places->lines_ = std::make_unique<LineTables>(*places->session_);
  places->load_units();
  return places;
}

void CodePlaces::load_units() {
  for (const Unit& unit : session_->units()) {
    for (const AddressRange& range : session_->code_of(unit)) units_.push_back({range, unit.die});
  }
}

bool CodePlaces::is_code(std::uint64_t place, std::uint64_t& address) const {
  const auto found = elf_->code_address(place & ~kEndsCall);
  if (!found) return false;
  address = *found;
  if ((place & kEndsCall) == 0) return true;
  return ends_call(*elf_, address);
}

std::string CodePlaces::line_at(const LineTable& table, std::uint64_t address) const {
  const LineRow* best = nullptr;
  for (std::size_t i = 0; i + 1 < table.rows.size(); ++i) {
    const LineRow& row = table.rows[i];
    if (row.ends_sequence || row.address > address || table.rows[i + 1].address <= address) continue;
    best = &row;
    // Of one address the last row counts, but for such as begin no statement.
    for (std::size_t j = i; !best->is_statement && j-- > 0 && table.rows[j].address == row.address;) {
      if (table.rows[j].is_statement) best = &table.rows[j];
    }
    break;
  }
  if (!best || best->file >= table.files.size()) return {};
  return with_line(table.files[best->file], best->line);
}

std::string CodePlaces::call_line(const Die& copy) const {
  const auto file = copy.unsigned_value(DW_AT_call_file);
  const auto line = copy.unsigned_value(DW_AT_call_line);
  return file && line ? with_line(session_->source_file(copy.key(), *file), *line) : std::string();
}

std::string CodePlaces::from_debug_info(std::uint64_t address) const {
  std::vector<Scope> scopes;
  DieKey unit = 0;
  for (const UnitCode& code : units_) {
    if (!code.range.contains(address)) continue;
    const Unit* found = session_->unit_of(code.unit);
    const DieKey function = found ? find_function_in(*session_, *found, address) : 0;
    if (function == 0) continue;
    scopes = find_scopes_in(*session_, function, address, 0);
    unit = code.unit;
    break;
  }
  std::erase_if(scopes, [](const Scope& scope) { return !scope.is_certain; });
  if (scopes.empty()) return {};
  std::string line = line_at(lines_->of_unit(unit), address);
  std::string text;
  for (std::size_t i = scopes.size(); i-- > 0;) {
    const Die die = session_->die(scopes[i].die);
    const std::string name = index_->qualified_name(die);
    if (name.empty()) return {};
    text += (text.empty() ? "" : "\n") + plain(name + line);
    line = call_line(die);
  }
  return text;
}

std::vector<std::string> CodePlaces::at(std::span<const std::uint64_t> file_offsets) {
  std::vector<std::string> texts(file_offsets.size());
  std::vector<std::size_t> order(file_offsets.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  // A line table is read once for all that is in it.
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return (file_offsets[a] & ~kEndsCall) < (file_offsets[b] & ~kEndsCall);
  });
  std::vector<std::size_t> unnamed;
  std::vector<std::uint64_t> offsets;
  for (const std::size_t i : order) {
    std::uint64_t address = 0;
    if (!is_code(file_offsets[i], address)) continue;
    if (session_) texts[i] = from_debug_info(address);
    if (!texts[i].empty()) continue;
    std::array<char, 24> hex{};
    std::snprintf(hex.data(), hex.size(), "+0x%llx", static_cast<unsigned long long>(address));
    texts[i] = plain(module_) + hex.data();
    unnamed.push_back(i);
    offsets.push_back(file_offsets[i] & ~kEndsCall);
  }
  if (offsets.empty()) return texts;
  const auto names = names_at(*elf_, debug_.get(), offsets);
  for (std::size_t i = 0; i < unnamed.size(); ++i) {
    const std::string first = names[i].substr(0, names[i].find(" = "));
    if (!first.empty()) texts[unnamed[i]] = plain(without_parameters(first));
  }
  return texts;
}

}  // namespace backsight::probes
