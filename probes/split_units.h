// Split DWARF: units whose entries are in a .dwo file of their own, or all
// together in a .dwp file. Each is opened when it is first asked for.
#pragma once

#include "probes/debug_file.h"
#include "probes/dwarf_handle.h"

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace backsight::probes {

// What the main file says about a split unit.
struct Skeleton {
  std::uint64_t unit = 0;  // offset of its top entry
  std::string name;        // of the .dwo file
  std::string directory;   // of the compilation
  std::uint64_t id = 0;
  std::uint64_t address_base = 0;  // in .debug_addr of the main file
  std::uint64_t ranges_base = 0;   // in .debug_ranges, up to DWARF 4
};

// A split unit that was opened.
struct SplitUnit {
  std::shared_ptr<const DwarfHandle> handle;
  std::uint64_t top = 0;       // offset of its top entry
  bool is_packed = false;      // in a .dwp file
  std::vector<DieKey> others;  // tops of the type units beside it, without the file's number
  std::uint16_t language = 0;
};

class SplitUnits {
 public:
  // `binary` is the path of the binary. `main` has the skeletons.
  SplitUnits(Reading reading, std::string binary)
      : reading_(std::move(reading)), binary_(std::move(binary)) {}

  void set_main(std::shared_ptr<const DwarfHandle> main) { main_ = std::move(main); }
  void add(Skeleton skeleton) { skeletons_.push_back(std::move(skeleton)); }
  std::size_t size() const { return skeletons_.size(); }
  const Skeleton& skeleton(std::size_t number) const { return skeletons_[number]; }
  // Null: not found, or not of this build.
  const SplitUnit* open(std::size_t number);
  // Frees what belongs to it alone. Nothing of it may be in use.
  void close(std::size_t number) { opened_.erase(number); }
  // Of those that were asked for.
  std::size_t missing() const { return missing_.size(); }
  const std::string& why() const { return why_; }  // of the first one
  // The same for another thread.
  SplitUnits another(std::shared_ptr<const DwarfHandle> main) const;
  // Of the package, if there is one; empty for .dwo files, which the skeletons identify.
  std::string package_identity();

 private:
  std::unique_ptr<SplitUnit> load(std::size_t number);
  std::unique_ptr<SplitUnit> from_file(std::size_t number, const std::string& path);
  std::unique_ptr<SplitUnit> from_package(std::size_t number);
  // The view of a unit on the file of `whole`.
  std::shared_ptr<const DwarfHandle> view(std::size_t number, const DwarfHandle& whole) const;
  schema::Result<std::shared_ptr<const DwarfHandle>> open_handle(const std::string& path);
  void open_package();
  void note(const std::string& why);

  std::shared_ptr<const DwarfHandle> main_;
  Reading reading_;
  std::string binary_;
  std::vector<Skeleton> skeletons_;
  std::unordered_map<std::size_t, std::unique_ptr<SplitUnit>> opened_;
  std::unordered_map<std::size_t, bool> missing_;
  std::string why_;
  bool package_tried_ = false;
  std::shared_ptr<const DwarfHandle> package_;
  std::unordered_map<std::uint64_t, std::uint64_t> package_tops_;  // by id
  std::vector<DieKey> package_types_;
  std::size_t package_types_owner_ = 0;
};

}  // namespace backsight::probes
