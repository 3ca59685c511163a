// Named moments and pins: a small RocksDB of their own, opened for as long as
// one call lasts.
#include "schema/codec.h"
#include "store/bytes.h"
#include "store/layout.h"
#include "store/rocks.h"
#include "store/timeline.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

namespace backsight::store {

using schema::ErrorCode;
using schema::make_error;
using schema::Result;

namespace {

constexpr auto kPatience = std::chrono::seconds(5);

std::string moment_key(const schema::Moment& moment) {
  std::string key = "M";
  key.push_back(static_cast<char>(moment.kind));
  return key + moment.name;
}

std::string pin_key(std::string_view name) {
  return "P" + std::string(name);
}

// Others hold the lock for milliseconds.
Result<std::unique_ptr<Database>> open_patiently(const std::string& store_path) {
  BACKSIGHT_TRY(check_version(store_path));
  const std::string path = moments_directory(store_path);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (true) {
    auto database = open_plain_primary(path);
    if (database || database.error().code != ErrorCode::kBusy) return database;
    if (std::chrono::steady_clock::now() >= deadline) {
      return make_error(ErrorCode::kBusy, path + " is held by another process", "try again");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

Result<void> write(const std::string& store_path, rocksdb::WriteBatch& batch) {
  auto database = open_patiently(store_path);
  if (!database) return database.error().within("moments");
  rocksdb::WriteOptions options;
  options.sync = true;
  const auto status = (*database)->db().Write(options, &batch);
  if (!status.ok()) return to_error(status, moments_directory(store_path));
  return {};
}

Result<void> put(const std::string& store_path, const std::string& key, std::span<const std::byte> encoded) {
  rocksdb::WriteBatch batch;
  batch.Put(key, seal_value(key, as_text(encoded)));
  return write(store_path, batch);
}

// Everything under `prefix`. Nothing is there before the first put.
template <class Take>
Result<void> load(const std::string& store_path, char prefix, Take take) {
  BACKSIGHT_TRY(check_version(store_path));
  const std::string path = moments_directory(store_path);
  std::error_code ignored;
  if (!std::filesystem::exists(path + "/CURRENT", ignored)) return {};
  auto database = open_plain_live(path);
  if (!database) return database.error().within("moments");
  const auto entries = (*database)->iterate(Family::kDefault);
  for (entries->Seek(rocksdb::Slice(&prefix, 1)); entries->Valid(); entries->Next()) {
    const std::string_view key = view(entries->key());
    if (key[0] != prefix) break;
    const auto payload = open_value(key, view(entries->value()));
    if (!payload) return make_error(ErrorCode::kCorrupt, path + ": checksum differs");
    BACKSIGHT_TRY(take(as_bytes(*payload)));
  }
  if (!entries->status().ok()) return to_error(entries->status(), path);
  return {};
}

template <class Call>
auto guarded(Call call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::exception& exception) {
    return make_error(ErrorCode::kInternal, std::string("moments: ") + exception.what());
  }
}

}  // namespace

Result<void> put_moment(const std::string& store_path, const schema::Moment& moment) {
  return guarded([&] { return put(store_path, moment_key(moment), schema::encode(moment)); });
}

Result<std::vector<schema::Moment>> load_moments(const std::string& store_path) {
  return guarded([&]() -> Result<std::vector<schema::Moment>> {
    std::vector<schema::Moment> moments;
    BACKSIGHT_TRY(load(store_path, 'M', [&](std::span<const std::byte> bytes) -> Result<void> {
      auto moment = schema::decode_moment(bytes);
      if (!moment) return moment.error();
      moments.push_back(std::move(*moment));
      return {};
    }));
    std::stable_sort(moments.begin(), moments.end(),
                     [](const schema::Moment& a, const schema::Moment& b) { return a.at < b.at; });
    return moments;
  });
}

Result<void> put_pin(const std::string& store_path, const schema::Pin& pin) {
  return guarded([&] { return put(store_path, pin_key(pin.name), schema::encode(pin)); });
}

Result<void> delete_pin(const std::string& store_path, const std::string& name) {
  return guarded([&]() -> Result<void> {
    const auto pins = load_pins(store_path);
    if (!pins) return pins.error();
    if (std::none_of(pins->begin(), pins->end(), [&](const schema::Pin& pin) { return pin.name == name; })) {
      return make_error(ErrorCode::kNotFound, "no pin named '" + name + "'",
                        "`backsight moments` lists them");
    }
    rocksdb::WriteBatch batch;
    batch.Delete(pin_key(name));
    return write(store_path, batch);
  });
}

Result<std::vector<schema::Pin>> load_pins(const std::string& store_path) {
  return guarded([&]() -> Result<std::vector<schema::Pin>> {
    std::vector<schema::Pin> pins;
    BACKSIGHT_TRY(load(store_path, 'P', [&](std::span<const std::byte> bytes) -> Result<void> {
      auto pin = schema::decode_pin(bytes);
      if (!pin) return pin.error();
      pins.push_back(std::move(*pin));
      return {};
    }));
    return pins;
  });
}

}  // namespace backsight::store
