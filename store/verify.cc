// verify(): every byte of a store is read and every rule between its parts
// checked: checksums of RocksDB and of our own, facts decode, sequences have no
// hole, and each keyframe is what folding the rows gives.
#include "schema/codec.h"
#include "store/bytes.h"
#include "store/fold_facts.h"
#include "store/layout.h"
#include "store/partition_reader.h"
#include "store/timeline.h"

#include <filesystem>
#include <fstream>

namespace backsight::store {

using schema::BootTime;
using schema::ErrorCode;
using schema::make_error;
using schema::Result;
using schema::Sequence;

namespace {

using Progress = std::function<void(std::uint64_t, std::uint64_t)>;

class Verifier {
 public:
  Verifier(const std::string& store_path, const Progress& progress)
      : store_path_(store_path), progress_(progress) {}

  Result<std::vector<Damage>> run() {
    const auto version = check_version(store_path_);
    if (!version) {
      if (version.error().code != ErrorCode::kCorrupt) return version.error();
      damage_.add("VERSION", version.error().message);
    }
    const auto services = find_services(store_path_);
    if (!services) return services.error();
    total_ = directory_bytes(moments_directory(store_path_));
    for (const std::string& service : *services) {
      const std::string path = service_directory(store_path_, service);
      for (const auto& name : find_partitions(path)) total_ += directory_bytes(path + "/" + name.to_string());
    }
    report(0);
    if (!check_boots(store_path_)) damage_.add("BOOTS", "a line cannot be read");
    verify_moments();
    for (const std::string& service : *services) verify_service(service_directory(store_path_, service));
    return damage_.all();
  }

 private:
  // Of the part at work; all parts before it count in full.
  void report(std::uint64_t bytes) {
    if (progress_) progress_(std::min(done_ + bytes, total_), total_);
  }

  void verify_moments() {
    const std::string path = moments_directory(store_path_);
    const auto moments = load_moments(store_path_);
    if (!moments && moments.error().code == ErrorCode::kCorrupt)
      damage_.add("moments", moments.error().message);
    const auto pins = load_pins(store_path_);
    if (!pins && pins.error().code == ErrorCode::kCorrupt) damage_.add("moments", pins.error().message);
    std::error_code ignored;
    if (std::filesystem::exists(path + "/CURRENT", ignored)) {
      const auto database = open_plain_live(path);
      if (database) verify_files(**database, "moments");
    }
    done_ += directory_bytes(path);
    report(0);
  }

  void verify_files(const Database& database, const std::string& file) {
    const auto status = database.db().VerifyChecksum();
    if (!status.ok() && !status.IsNotSupported()) damage_.add(file, status.ToString());
  }

  void verify_service(const std::string& path) {
    const std::string below = std::filesystem::path(path).lexically_relative(store_path_).string();
    const auto names = find_partitions(path);
    facts_ = {};
    expected_.reset();
    std::vector<std::unique_ptr<PartitionReader>> partitions;
    for (const auto& name : names) {
      auto partition =
          PartitionReader::open(store_path_, below + "/" + name.to_string(), name == names.back(), damage_);
      if (partition) partition->load_facts(facts_, damage_);
      partitions.push_back(std::move(partition));
    }
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (partitions[i]) {
        verify_partition(*partitions[i]);
      } else {
        expected_.reset();
      }
      done_ += directory_bytes(path + "/" + names[i].to_string());
      report(0);
    }
  }

  void verify_partition(const PartitionReader& partition) {
    verify_files(partition.database(), partition.file());
    const auto complain = [&](const std::string& what) { damage_.add(partition.file(), what); };
    Sequence next = partition.head().first;
    if (expected_ && *expected_ != next) {
      complain("begins with row " + std::to_string(next.value) + ", not " + std::to_string(expected_->value));
    }
    const std::vector<Fold> keyframes = load_keyframes(partition);
    if (!expected_ || *expected_ != next) {
      const bool has_first = !keyframes.empty() && keyframes[0].next == next;
      fold_ = has_first ? CallFold(keyframes[0]) : CallFold();
    }
    auto keyframe = keyframes.begin();
    std::uint64_t rows = 0, bytes = 0;
    bool whole = true;  // no row missing so far
    FrameCursor cursor = partition.frames(codec_, damage_);
    for (bool more = cursor.seek(next); more; more = cursor.next()) {
      if (cursor.info().first != next) {
        complain("rows " + std::to_string(next.value) + " to " +
                 std::to_string(cursor.info().first.value - 1) + " are missing, or there twice");
        whole = false;
      }
      compare(partition, keyframes, keyframe, next, whole);
      if (!verify_rows(partition, cursor)) whole = false;
      next = {cursor.info().last().value + 1};
      rows += cursor.info().rows;
      report(bytes += cursor.info().raw_bytes / 8);
    }
    compare(partition, keyframes, keyframe, next, whole);
    if (next != partition.marks().next || rows != partition.marks().rows) {
      complain("holds " + std::to_string(rows) + " rows up to " + std::to_string(next.value - 1) +
               ", but should hold " + std::to_string(partition.marks().rows) + " up to " +
               std::to_string(partition.marks().next.value - 1));
      whole = false;
    }
    for (; whole && keyframe != keyframes.end(); ++keyframe)
      complain("a keyframe within a frame, or beyond the rows");
    verify_copies(partition, keyframes);
    expected_ = whole ? std::optional(next) : std::nullopt;
  }

  std::vector<Fold> load_keyframes(const PartitionReader& partition) {
    std::vector<Fold> keyframes;
    partition.visit_keyframes([&](Fold fold) { keyframes.push_back(std::move(fold)); }, damage_);
    return keyframes;
  }

  // The keyframes that should stand before row `next`.
  void compare(const PartitionReader& partition, const std::vector<Fold>& keyframes,
               std::vector<Fold>::const_iterator& keyframe, Sequence next, bool whole) {
    for (; keyframe != keyframes.end() && keyframe->next <= next; ++keyframe) {
      if (!whole || keyframe->next != next) continue;
      const BootTime at = keyframe->at;
      if (settled_fold(CallFold(*keyframe), facts_.processes, at, next) !=
          settled_fold(fold_, facts_.processes, at, next)) {
        damage_.add(partition.file(),
                    "keyframe " + std::to_string(at.ns) + " contradicts the rows before it");
      }
    }
  }

  bool verify_rows(const PartitionReader& partition, FrameCursor& cursor) {
    const auto rows = cursor.rows();
    if (!rows) return false;
    BootTime tmin{INT64_MAX}, tmax{INT64_MIN};
    Sequence sequence = cursor.info().first;
    for (auto rest = *rows; !rest.empty(); ++sequence.value) {
      const std::size_t size = row_size(rest);
      const auto event = schema::EventView::parse(rest.first(size));
      rest = rest.subspan(size);
      if (!event) {
        damage_.add(partition.file(), "row " + std::to_string(sequence.value) + ": " + event.error().message);
        continue;
      }
      tmin = std::min(tmin, event->time());
      tmax = std::max(tmax, event->time());
      fold_.apply(sequence, event->header(), {});
    }
    if (tmin != cursor.info().tmin || tmax != cursor.info().tmax) {
      damage_.add(partition.file(),
                  "frame " + std::to_string(cursor.info().first.value) + ": its times are wrong");
    }
    return true;
  }

  // What the first keyframe refers to must be in this very partition.
  void verify_copies(const PartitionReader& partition, const std::vector<Fold>& keyframes) {
    if (keyframes.empty()) return damage_.add(partition.file(), "no keyframe");
    FrameCursor cursor = partition.all_frames(codec_, damage_);
    const auto check = [&](Sequence sequence) {
      if (sequence.value == 0) return;
      if (cursor.seek(sequence) && cursor.info().first <= sequence) return;
      damage_.add(partition.file(), "row " + std::to_string(sequence.value) + " is needed and missing");
    };
    for (const auto* calls : {&keyframes[0].open, &keyframes[0].last}) {
      for (const CallRef& call : *calls) {
        check(call.entry);
        check(call.exit);
      }
    }
  }

  const std::string& store_path_;
  const Progress& progress_;
  std::uint64_t done_ = 0, total_ = 0;
  DamageList damage_;
  FrameCodec codec_;
  // Of the service at work.
  Facts facts_;
  CallFold fold_;
  std::optional<Sequence> expected_;  // first row of the next partition, if the one before is whole
};

}  // namespace

Result<std::vector<Damage>> verify(const std::string& store_path, const Progress& progress) {
  try {
    return Verifier(store_path, progress).run();
  } catch (const std::exception& exception) {
    return make_error(ErrorCode::kInternal, "store " + store_path + ": " + exception.what());
  }
}

}  // namespace backsight::store
