// One target's functions by their symbols, for the tests of sites and returns.
#pragma once

#include "probes/cfa.h"
#include "probes/function_code.h"
#include "probes/landmarks.h"
#include "probes/sites.h"
#include "probes/symbol_table.h"

#include <catch2/catch.hpp>

#include <map>
#include <memory>
#include <string>

namespace backsight::probes {

class Code {
 public:
  explicit Code(const std::string& path)
      : shared_(open(path)), file_(*shared_), landmarks_(file_, nullptr), frames_(shared_, nullptr) {
    for_each_symbol(file_, [this](const ElfSymbol& symbol) {
      if (symbol.size > 0 && file_.is_code(symbol.address))
        functions_[std::string(symbol.name)] = {symbol.address, symbol.address + symbol.size};
    });
  }

  AddressRange range(const std::string& function) const {
    INFO(function);
    REQUIRE(functions_.contains(function));
    return functions_.at(function);
  }
  const std::map<std::string, AddressRange>& functions() const { return functions_; }
  FunctionCode code(const std::string& function) const { return disassemble(file_, {range(function)}); }
  CodeLandmarks landmarks(const std::string& function) const {
    CodeLandmarks result = landmarks_.of_function({range(function)});
    result.frames = &frames_;
    return result;
  }
  EntrySites sites(const std::string& function) const { return sites(function, landmarks(function)); }
  EntrySites sites(const std::string& function, const CodeLandmarks& landmarks) const {
    return find_entry_sites(file_, code(function), analyse_prologue(file_, range(function)), landmarks);
  }
  const ElfFile& file() const { return file_; }

 private:
  static std::shared_ptr<const ElfFile> open(const std::string& path) {
    auto file = ElfFile::open(path);
    if (!file) FAIL(file.error().to_string());
    return std::make_shared<const ElfFile>(std::move(*file));
  }

  std::shared_ptr<const ElfFile> shared_;
  const ElfFile& file_;
  Landmarks landmarks_;
  FrameTable frames_;
  std::map<std::string, AddressRange> functions_;
};

inline const Code& code() {
  static const Code instance(BACKSIGHT_TARGET_DIR "/planner_sites");
  return instance;
}

}  // namespace backsight::probes
