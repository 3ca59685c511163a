#include "probes/split_units.h"

namespace backsight::probes {

namespace {

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::string base_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

DieKey without_file(const Die& die) {
  const DieKey key = die.key();
  return offset_of(key) | (key & kTypesSection);
}

}  // namespace

void SplitUnits::note(const std::string& why) {
  if (why_.empty()) why_ = why;
}

const SplitUnit* SplitUnits::open(std::size_t number) {
  if (number >= skeletons_.size() || missing_.contains(number)) return nullptr;
  if (const auto it = opened_.find(number); it != opened_.end()) return it->second.get();
  auto unit = load(number);
  if (!unit) {
    missing_[number] = true;
    return nullptr;
  }
  return (opened_[number] = std::move(unit)).get();
}

std::unique_ptr<SplitUnit> SplitUnits::load(std::size_t number) {
  if (auto unit = from_package(number)) return unit;
  const Skeleton& skeleton = skeletons_[number];
  if (skeleton.name.empty()) return nullptr;
  std::vector<std::string> paths;
  const bool is_absolute = skeleton.name.front() == '/';
  paths.push_back(is_absolute || skeleton.directory.empty() ? skeleton.name
                                                            : skeleton.directory + "/" + skeleton.name);
  // Where the build's directory was moved or copied.
  const std::string beside = directory_of(binary_) + "/";
  if (!is_absolute) paths.push_back(beside + skeleton.name);
  paths.push_back(beside + base_of(skeleton.name));
  for (const std::string& path : paths) {
    if (auto unit = from_file(number, path)) return unit;
  }
  note(paths.front() + " cannot be found");
  return nullptr;
}

std::shared_ptr<const DwarfHandle> SplitUnits::view(std::size_t number, const DwarfHandle& whole) const {
  const Skeleton& skeleton = skeletons_[number];
  auto handle = DwarfHandle::open(DwarfSections::of_unit(*whole.sections(), *main_->sections(),
                                                         skeleton.address_base, skeleton.ranges_base));
  return handle ? *handle : nullptr;
}

schema::Result<std::shared_ptr<const DwarfHandle>> SplitUnits::open_handle(const std::string& path) {
  auto opened = ElfFile::open(path, reading_.files.get(), reading_.access);
  if (!opened) return opened.error();
  if (!has_debug_info(*opened, DwarfSections::Kind::kSplit)) {
    return schema::make_error(schema::ErrorCode::kCorrupt, path + " has no split debug information");
  }
  auto file = std::make_shared<const ElfFile>(std::move(*opened));
  return DwarfHandle::open(std::make_shared<DwarfSections>(std::move(file), DwarfSections::Kind::kSplit));
}

std::unique_ptr<SplitUnit> SplitUnits::from_file(std::size_t number, const std::string& path) {
  auto handle = open_handle(path);
  if (!handle) {
    if (handle.error().code != schema::ErrorCode::kNotFound) note(handle.error().message);
    return nullptr;
  }
  auto unit = std::make_unique<SplitUnit>();
  unit->handle = view(number, **handle);
  if (!unit->handle) return nullptr;
  bool is_other_build = false;
  for (const bool is_info : {true, false}) {
    if (!is_info && (*handle)->sections()->bytes(".debug_types").empty()) continue;
    for_each_unit(**handle, is_info, 0, [&](const UnitHeader& header, const Die& top) {
      if (header.is_type_unit) {
        unit->others.push_back(without_file(top));
      } else if (dwo_id_of(header, top) != skeletons_[number].id) {
        is_other_build = true;
      } else if (unit->top == 0) {
        unit->top = offset_of(top.key());
        unit->language = static_cast<std::uint16_t>(top.unsigned_value(DW_AT_language).value_or(0));
      }
    });
  }
  if (unit->top != 0) return unit;
  if (is_other_build) note(path + " is of another build");
  return nullptr;
}

void SplitUnits::open_package() {
  if (package_tried_) return;
  package_tried_ = true;
  auto handle = open_handle(binary_ + ".dwp");
  if (!handle) {
    if (handle.error().code != schema::ErrorCode::kNotFound) note(handle.error().message);
    return;
  }
  package_ = *handle;
  for (const bool is_info : {true, false}) {
    if (!is_info && package_->sections()->bytes(".debug_types").empty()) continue;
    for_each_unit(*package_, is_info, 0, [&](const UnitHeader& header, const Die& top) {
      if (header.is_type_unit) {
        package_types_.push_back(without_file(top));
      } else {
        package_tops_.emplace(dwo_id_of(header, top), offset_of(top.key()));
      }
    });
  }
  // They belong to all; one unit stands for them.
  for (package_types_owner_ = 0; package_types_owner_ < skeletons_.size(); ++package_types_owner_) {
    if (package_tops_.contains(skeletons_[package_types_owner_].id)) return;
  }
}

std::unique_ptr<SplitUnit> SplitUnits::from_package(std::size_t number) {
  open_package();
  const auto it = package_tops_.find(skeletons_[number].id);
  if (it == package_tops_.end()) return nullptr;
  auto unit = std::make_unique<SplitUnit>();
  unit->handle = view(number, *package_);
  if (!unit->handle) return nullptr;
  unit->top = it->second;
  unit->is_packed = true;
  if (number == package_types_owner_) unit->others = package_types_;
  ErrorSlot error(package_->get());
  Dwarf_Die found = nullptr;
  if (dwarf_offdie_b(package_->get(), unit->top, true, &found, error.out()) == DW_DLV_OK) {
    const Die top(package_->get(), found);
    unit->language = static_cast<std::uint16_t>(top.unsigned_value(DW_AT_language).value_or(0));
  }
  return unit;
}

SplitUnits SplitUnits::another(std::shared_ptr<const DwarfHandle> main) const {
  SplitUnits result(reading_, binary_);
  result.main_ = std::move(main);
  result.skeletons_ = skeletons_;
  return result;
}

std::string SplitUnits::package_identity() {
  if (skeletons_.empty()) return {};
  open_package();
  if (!package_) return {};
  const FileIdentity& id = package_->sections()->file().identity();
  return std::to_string(id.size) + "-" + std::to_string(id.inode) + "-" + std::to_string(id.modified_ns);
}

}  // namespace backsight::probes
