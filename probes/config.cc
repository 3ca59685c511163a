#include "probes/config.h"

#include "probes/config_listen.h"
#include "probes/config_reader.h"
#include "probes/config_services.h"

#include <yaml-cpp/depthguard.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace backsight::probes {
namespace {

using schema::ErrorCode;
using schema::make_error;

constexpr std::size_t kMaxFile = 1 << 20;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kDay = 24 * 3600 * kSecond;

constexpr KeySpec kTopKeys[] = {{"store"}, {"listen"}, {"limits"}, {"services"}, {"alerts"}};
constexpr KeySpec kStoreKeys[] = {
    {"path"},
    {"partition"},
    {"retention", "remove the key: nothing is deleted; each hour is a folder of its own that can be removed"},
    {"durability"},
};
constexpr KeySpec kLimitKeys[] = {
    {"cpu", "remove the key; `backsight probes` shows the hits and the estimated cost of each probe"},
    {"memory"},
};
constexpr KeySpec kAlertKeys[] = {{"lookback"}};

StoreConfig read_store(const ConfigValue& value) {
  constexpr std::string_view kDurabilities[] = {"process", "power"};
  const ConfigMap map(value, "store", kStoreKeys);
  StoreConfig store;
  if (const auto* path = map.find("path")) store.path = path->text();
  if (const auto* partition = map.find("partition")) {
    store.partition_ns = partition->duration_ns(kSecond, 30 * kDay);
  }
  if (const auto* durability = map.find("durability")) {
    store.durability = durability->choice(kDurabilities) == 0 ? Durability::kProcess : Durability::kPower;
  }
  return store;
}

Config read_document(const ConfigSource& source, const YAML::Node& root) {
  const ConfigValue document(source, root, "configuration");
  const ConfigMap map(document, "the configuration", kTopKeys);
  Config config;
  if (const auto* store = map.find("store")) config.store = read_store(*store);
  if (const auto* listen = map.find("listen")) config.listen = read_listen(*listen);
  if (const auto* limits = map.find("limits")) {
    const ConfigMap limit_map(*limits, "limits", kLimitKeys);
    if (const auto* memory = limit_map.find("memory")) {
      config.memory_bytes = memory->size_bytes(32ull << 20, 1ull << 40);
    }
  }
  if (const auto* alerts = map.find("alerts")) {
    const ConfigMap alert_map(*alerts, "alerts", kAlertKeys);
    if (const auto* lookback = alert_map.find("lookback")) {
      config.alert_lookback_ns = lookback->duration_ns(0, 7 * kDay);
    }
  }
  config.services = read_services(map.require("services", "services: [ { name: …, match: …, probes: … } ]"));
  return config;
}

std::string syntax_hint(const std::string& message, const std::string& text, int line) {
  std::size_t begin = 0;
  for (int i = 0; i < line && begin != std::string::npos; ++i) {
    begin = text.find('\n', begin);
    if (begin != std::string::npos) ++begin;
  }
  if (begin != std::string::npos && begin < text.size()) {
    const std::string_view at = std::string_view(text).substr(begin, text.find('\n', begin) - begin);
    if (at.substr(0, at.find_first_not_of(" \t")).find('\t') != std::string_view::npos) {
      return "YAML indents with spaces, not with tabs";
    }
  }
  if (message.find("anchor") != std::string::npos || message.find("alias") != std::string::npos) {
    return "put quotes around an expression that begins with '*' or '&'";
  }
  return "";
}

schema::Result<Config> parse_checked(const std::string& text, const std::string& file) {
  const ConfigSource source(file, text);
  std::vector<YAML::Node> documents;
  try {
    documents = YAML::LoadAll(text);
  } catch (const YAML::DeepRecursion&) {
    source.fail(ConfigPosition{file, 1, 1}, "lists and mappings are nested too deeply",
                "is it the right file?");
  } catch (const YAML::ParserException& error) {
    source.fail(source.position(error.mark), error.msg, syntax_hint(error.msg, text, error.mark.line));
  }
  const ConfigPosition start{file, 1, 1};
  if (documents.empty() || documents[0].IsNull()) {
    source.fail(start, "the configuration is empty", "it needs at least `services:`");
  }
  if (documents.size() > 1)
    source.fail(documents[1], "a second YAML document", "remove it and the '---' line");
  return read_document(source, documents[0]);
}

}  // namespace

std::string ConfigPosition::to_string() const {
  return file + ":" + std::to_string(line) + ":" + std::to_string(column);
}

schema::Result<Config> parse_config(const std::string& text, const std::string& file) {
  if (text.size() > kMaxFile) {
    return make_error(
        ErrorCode::kInvalid,
        file + ":1:1: the file has " + std::to_string(text.size()) + " bytes, at most 1MiB is read",
        "is it the right file?");
  }
  if (const std::size_t at = text.find('\0'); at != std::string::npos) {
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    return make_error(ErrorCode::kInvalid, file + ":" + std::to_string(line) + ":1: a NUL byte in the text",
                      "is it the right file?");
  }
  try {
    return parse_checked(text, file);
  } catch (const ConfigFailure& failure) {
    return failure.error;
  } catch (const YAML::Exception& error) {
    const ConfigPosition at{file, std::max(error.mark.line, 0) + 1, std::max(error.mark.column, 0) + 1};
    return make_error(ErrorCode::kInvalid, at.to_string() + ": " + error.msg);
  } catch (const std::exception& error) {
    return make_error(ErrorCode::kInternal, file + ": " + error.what());
  }
}

schema::Result<Config> load_config(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rbe"), &std::fclose);
  std::string text;
  if (file) {
    std::array<char, 16384> block;
    std::size_t count = 0;
    while (text.size() <= kMaxFile && (count = std::fread(block.data(), 1, block.size(), file.get())) > 0) {
      text.append(block.data(), count);
    }
  }
  if (!file || std::ferror(file.get()) != 0) {
    const int reason = errno;
    const ErrorCode code = reason == ENOENT   ? ErrorCode::kNotFound
                           : reason == EACCES ? ErrorCode::kPermission
                                              : ErrorCode::kIo;
    return make_error(code, "cannot read the configuration " + path + ": " + std::strerror(reason),
                      "give its path with --config FILE");
  }
  return parse_config(text, path);
}

}  // namespace backsight::probes
