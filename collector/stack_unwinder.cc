#include "collector/stack_unwinder.h"

#include "collector/clocks.h"
#include "probes/file_cache.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <exception>
#include <utility>

namespace backsight::collector {
namespace {

constexpr std::size_t kMostImages = 4096;
constexpr std::size_t kMostReadings = 256;     // as many as the process keeps
constexpr std::size_t kMostBytes = 32u << 20;  // of copies
constexpr std::size_t kMostInRequest = 64;     // stacks; a message is at most 16 MiB
constexpr std::int64_t kReadAgainNs = 1'000'000'000;
constexpr std::chrono::seconds kPause{1};       // after the process has failed
constexpr std::chrono::seconds kTimeLimit{20};  // of one request

}  // namespace

StackUnwinder::StackUnwinder(boost::asio::io_context& loop, ReadMappings read, Handler handler)
    : loop_(loop), handler_(std::move(handler)), read_(std::move(read)) {}

StackUnwinder::~StackUnwinder() {
  *alive_ = false;
  pool_.join();
}

void StackUnwinder::prepare(const ImageKey& image) {
  const std::lock_guard lock(mutex_);
  if (images_.size() < kMostImages) images_.push_back(image);
  wake();
}

bool StackUnwinder::submit(UnwindJob job) {
  const std::lock_guard lock(mutex_);
  if (job_bytes_ + job.copy.size() > kMostBytes) return false;
  job_bytes_ += job.copy.size();
  jobs_.push_back(std::move(job));
  wake();
  return true;
}

// With the lock held.
void StackUnwinder::wake() {
  if (!std::exchange(is_posted_, true)) boost::asio::post(pool_, [this] { work(); });
}

void StackUnwinder::work() {
  std::unique_lock lock(mutex_);
  const auto images = std::exchange(images_, {});
  auto jobs = std::exchange(jobs_, {});
  is_posted_ = false;
  lock.unlock();
  for (const auto& image : images) {
    if (auto* reading = read(image)) warm(*reading);
  }
  std::size_t bytes = 0;
  for (const auto& job : jobs) bytes += job.copy.size();
  std::vector<UnwindAnswer> answers;
  try {
    answers = answer(jobs);
  } catch (const std::exception&) {  // bad_alloc
  }
  lock.lock();
  job_bytes_ -= bytes;
  for (auto& one : answers) answers_.push_back(std::move(one));
  lock.unlock();
  answered_.notify_all();
  if (answers.empty()) return;
  boost::asio::post(loop_, [this, alive = alive_] {
    if (*alive) deliver();
  });
}

void StackUnwinder::deliver() {
  std::unique_lock lock(mutex_);
  const auto answers = std::exchange(answers_, {});
  lock.unlock();
  if (!answers.empty()) handler_(answers);
}

void StackUnwinder::wait(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  answered_.wait_for(lock, limit, [this] { return !answers_.empty() || job_bytes_ == 0; });
  lock.unlock();
  deliver();
}

std::uint64_t StackUnwinder::number_of(const std::shared_ptr<const OpenFile>& file) {
  auto& known = files_[file.get()];
  if (known.file.expired()) known = {file, next_number_++};
  return known.number;
}

StackUnwinder::Reading* StackUnwinder::read(const ImageKey& image) {
  const auto from_ns = boot_now_ns();
  auto mappings = read_(image.pid);
  const auto same = [&](const auto& entry) { return entry.first == image; };
  auto known = std::find_if(readings_.begin(), readings_.end(), same);
  if (!mappings) return known == readings_.end() ? nullptr : &known->second;  // what was read still holds
  Reading reading;
  reading.id = known == readings_.end() ? next_image_++ : known->second.id;
  reading.from_ns = from_ns;
  reading.to_ns = boot_now_ns();
  for (const auto& mapping : *mappings) {
    if (!mapping.is_executable || !mapping.file) continue;
    reading.mappings.push_back({mapping.begin,
                                mapping.end,
                                mapping.offset,
                                number_of(mapping.file),
                                {mapping.path, mapping.file->path(), {}}});
    reading.files.push_back(mapping.file);
  }
  if (known != readings_.end()) readings_.erase(known);
  readings_.emplace_front(image, std::move(reading));
  if (readings_.size() > kMostReadings) readings_.pop_back();
  std::erase_if(files_, [](const auto& file) { return file.second.file.expired(); });
  return &readings_.front().second;
}

StackUnwinder::Reading* StackUnwinder::reading_of(const ImageKey& image, std::int64_t changed_boot_ns) {
  const auto same = [&](const auto& entry) { return entry.first == image; };
  const auto known = std::find_if(readings_.begin(), readings_.end(), same);
  if (known == readings_.end() || known->second.from_ns < changed_boot_ns) return read(image);
  if (known->second.is_doubtful && boot_now_ns() - known->second.to_ns > kReadAgainNs) return read(image);
  readings_.splice(readings_.begin(), readings_, known);
  return &readings_.front().second;
}

std::vector<UnwindAnswer> StackUnwinder::answer(std::vector<UnwindJob>& jobs) {
  std::vector<UnwindAnswer> answers;
  for (std::size_t at = 0; at < jobs.size();) {
    const ImageKey image = jobs[at].image;
    std::vector<UnwindJob*> group;
    std::int64_t changed_boot_ns = 0;
    for (; at < jobs.size() && jobs[at].image == image && group.size() < kMostInRequest; ++at) {
      group.push_back(&jobs[at]);
      changed_boot_ns = std::max(changed_boot_ns, jobs[at].changed_boot_ns);
    }
    if (auto* reading = reading_of(image, changed_boot_ns)) {
      unwind(*reading, group, answers);
      continue;
    }
    for (const auto* job : group)
      answers.push_back({job->ticket, 0, 0, {{}, schema::StackEnd::kUndefined, {}}});
  }
  return answers;
}

// Where the process has failed, stacks are not unwound for a while: a file that kills it would
// do so at once again.
bool StackUnwinder::has_process() {
  const auto now = std::chrono::steady_clock::now();
  if (process_ || now < not_before_) return process_ != nullptr;
  auto started =
      probes::start_unwinder({.files = std::make_shared<probes::FileCache>(""), .time_limit = kTimeLimit});
  if (started)
    process_ = *std::move(started);
  else
    not_before_ = now + kPause;
  for (auto& [image, known] : readings_) known.is_sent = false;
  return process_ != nullptr;
}

// The first stack need not wait for files to be opened.
void StackUnwinder::warm(Reading& reading) {
  std::vector<UnwindJob*> none;
  std::vector<UnwindAnswer> answers;
  unwind(reading, none, answers);
}

void StackUnwinder::unwind(Reading& reading, std::vector<UnwindJob*>& jobs,
                           std::vector<UnwindAnswer>& answers) {
  std::vector<schema::Stack> stacks;
  if (has_process()) {
    probes::UnwindRequest request{reading.id, {}, {}};
    if (!std::exchange(reading.is_sent, true)) request.mappings = reading.mappings;
    for (auto* job : jobs) request.stacks.push_back(std::move(job->copy));
    if (auto unwound = process_->unwind(request)) {
      stacks = *std::move(unwound);
    } else {
      process_.reset();
      not_before_ = std::chrono::steady_clock::now() + kPause;
    }
  }
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    schema::Stack stack{{}, schema::StackEnd::kUndefined, {}};
    if (i < stacks.size()) stack = std::move(stacks[i]);
    if (stack.end == schema::StackEnd::kBadAddress) reading.is_doubtful = true;
    answers.push_back({jobs[i]->ticket, reading.from_ns, reading.to_ns, std::move(stack)});
  }
}

}  // namespace backsight::collector
