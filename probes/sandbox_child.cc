// The planning process: answers one question after the other until its parent
// closes the connection.
#include "probes/code_places.h"
#include "probes/debug_file.h"
#include "probes/plan_stream.h"
#include "probes/sandbox_channel.h"
#include "probes/sandbox_codec.h"
#include "probes/sandbox_process.h"
#include "probes/symbol_table.h"
#include "probes/unwind_codec.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <exception>
#include <mutex>
#include <new>

namespace backsight::probes {

using schema::ErrorCode;
using schema::make_error;
using schema::Result;

namespace {

constexpr int kSocket = 3;
constexpr std::size_t kMaxRequest = 16u << 20;

// Files by way of the parent.
class ParentFiles final : public FileSource {
 public:
  explicit ParentFiles(Channel& channel) : channel_(channel) {}

  Result<int> open_file(const std::string& path) override { return ask(FrameKind::kWantFile, path); }
  Result<int> open_index(const std::string& key) override { return ask(FrameKind::kWantIndex, key); }

  Result<void> save_index(const std::string& key, std::span<const std::byte> bytes) override {
    const int file = ::memfd_create("index", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0) return make_error(ErrorCode::kIo, "cannot make a memory file for an index");
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t written = ::write(file, bytes.data() + done, bytes.size() - done);
      if (written <= 0) break;
      done += static_cast<std::size_t>(written);
    }
    Result<void> result = make_error(ErrorCode::kNoSpace, "the index does not fit a memory file");
    if (done == bytes.size()) {
      const std::lock_guard lock(mutex_);
      result = channel_.send(FrameKind::kSaveIndex, as_payload(key), file);
    }
    ::close(file);
    return result;
  }

 private:
  Result<int> ask(FrameKind kind, const std::string& what) {
    const std::lock_guard lock(mutex_);
    BACKSIGHT_TRY(channel_.send(kind, as_payload(what)));
    auto answer = channel_.receive(kMaxRequest);
    if (!answer) return answer.error();
    if (answer->kind == FrameKind::kNoFile) return decode_error(answer->payload);
    if (answer->kind != FrameKind::kFile || answer->descriptor < 0) {
      return make_error(ErrorCode::kInternal, "no descriptor in the answer for " + what);
    }
    return answer->take_descriptor();
  }

  Channel& channel_;
  std::mutex mutex_;
};

class Planner {
 public:
  explicit Planner(Channel& channel) : channel_(channel) {}

  Result<void> answer(const Frame& request) {
    switch (request.kind) {
      case FrameKind::kOpen:
        return open(request);
      case FrameKind::kPlan:
        return plan(request);
      case FrameKind::kHasFunction: {
        const std::byte found{binary_ != nullptr && binary_->has_function(request.text())};
        return channel_.send(FrameKind::kHasAnswer, std::span(&found, 1));
      }
      case FrameKind::kNames:
        return names(request);
      case FrameKind::kPlaces:
        return places(request);
      case FrameKind::kUnwind:
        return unwind(request);
      default:
        return make_error(ErrorCode::kInternal, "unknown question");
    }
  }

 private:
  Result<void> open(const Frame& frame) {
    auto request = decode_open_request(frame.payload);
    if (!request) return request.error();
    Binary::Options options;
    options.debug_roots = request->debug_roots;
    options.files = std::make_shared<ParentFiles>(channel_);
    options.map_files = true;  // a file cut meanwhile ends this process only
    auto binary = Binary::open(request->file, options);
    if (!binary) return binary.error();
    binary_ = *std::move(binary);
    return channel_.send(FrameKind::kOpened,
                         encode(OpenedBinary{binary_->build_id(), binary_->debug_issues()}));
  }

  Result<void> plan(const Frame& frame) {
    auto probe = decode_probe(frame.payload);
    if (!probe) return probe.error();
    if (!binary_) return make_error(ErrorCode::kInternal, "no binary was opened");
    const auto* stream = dynamic_cast<const PlanStream*>(binary_.get());
    if (!stream) return make_error(ErrorCode::kInternal, "the binary's plans come all at once");
    Result<void> sent;
    const auto issues = stream->plan_each(*probe, [&](const CompiledPlan& plan) {
      sent = channel_.send(FrameKind::kPlanned, encode(plan));
      return sent.has_value();
    });
    BACKSIGHT_TRY(std::move(sent));
    return channel_.send(FrameKind::kPlanEnd, encode(issues));
  }

  // Of the file's own symbols, or of its debug file's, where it is stripped.
  Result<void> names(const Frame& frame) {
    auto request = decode_names_request(frame.payload);
    if (!request) return request.error();
    const auto files = std::make_shared<ParentFiles>(channel_);
    const ModuleFile& file = request->open.file;
    auto opened = ElfFile::open(file.open_path, files.get());
    if (!opened) return opened.error();
    opened->locate(file.located.empty() ? file.path : file.located);
    const auto binary = std::make_shared<const ElfFile>(*std::move(opened));
    DebugFile debug;
    if (!binary->has_contents(".symtab")) {
      debug = find_debug_file(binary, file.path, request->open.debug_roots, {.files = files});
    }
    return channel_.send(FrameKind::kNamed,
                         encode(names_at(*binary, debug.file.get(), request->file_offsets)));
  }

  // Of one file, which the first question names.
  Result<void> places(const Frame& frame) {
    auto request = decode_names_request(frame.payload);
    if (!request) return request.error();
    if (!places_) {
      auto opened = CodePlaces::open(request->open.file, request->open.debug_roots,
                                     std::make_shared<ParentFiles>(channel_));
      if (!opened) return opened.error();
      places_ = *std::move(opened);
    }
    return channel_.send(FrameKind::kNamed, encode(places_->at(request->file_offsets)));
  }

  Result<void> unwind(const Frame& frame) {
    auto request = decode_unwind_request(frame.payload);
    if (!request) return request.error();
    if (!unwinder_) unwinder_ = std::make_unique<Unwinder>(std::make_shared<ParentFiles>(channel_));
    if (request->mappings) unwinder_->set_mappings(request->image, *request->mappings);
    std::vector<schema::Stack> stacks;
    for (const auto& copy : request->stacks) stacks.push_back(unwinder_->unwind(request->image, copy));
    return channel_.send(FrameKind::kUnwound, encode(stacks));
  }

  Channel& channel_;
  std::shared_ptr<const Binary> binary_;
  std::unique_ptr<Unwinder> unwinder_;
  std::unique_ptr<CodePlaces> places_;
};

// What went wrong with one question is its answer; the next one may go better.
Result<void> answer_one(Planner& planner, const Frame& request) {
  try {
    return planner.answer(request);
  } catch (const std::bad_alloc&) {
    return make_error(ErrorCode::kNoSpace,
                      "reading the debug information needs more memory than it may have");
  } catch (const std::exception& e) {
    return make_error(ErrorCode::kInternal, std::string("reading the debug information failed: ") + e.what());
  }
}

}  // namespace

int serve_plans() {
  Channel channel(kSocket);
  auto hello = channel.receive(sizeof(JailLimits));
  if (!hello || hello->payload.size() != sizeof(JailLimits)) return 1;
  JailLimits limits;
  std::memcpy(&limits, hello->payload.data(), sizeof(limits));
  if (const auto jailed = enter_jail(limits, kSocket); !jailed) {
    (void)channel.send(FrameKind::kFailed, encode(jailed.error()));
    return 1;
  }
  if (!channel.send(FrameKind::kReady, {})) return 1;
  Planner planner(channel);
  for (;;) {
    auto request = channel.receive(kMaxRequest);
    if (!request) return request.error().code == ErrorCode::kNotFound ? 0 : 1;
    if (const auto done = answer_one(planner, *request); !done) {
      if (!channel.send(FrameKind::kFailed, encode(done.error()))) return 1;
    }
  }
}

}  // namespace backsight::probes
