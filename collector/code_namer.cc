#include "collector/code_namer.h"

#include <boost/asio/post.hpp>

#include <exception>
#include <utility>

namespace backsight::collector {

namespace {

constexpr std::size_t kMostQuestions = 4096;  // that wait; names of later ones stay unknown

}  // namespace

CodeNamer::CodeNamer(boost::asio::io_context& loop, ReadMappings read, Handler handler)
    : loop_(loop), symbolizer_(std::move(read)), handler_(std::move(handler)) {}

CodeNamer::~CodeNamer() {
  *alive_ = false;
  pool_.join();
}

void CodeNamer::prepare(const ImageKey& image) {
  if (finished_) return;
  const std::lock_guard lock(mutex_);
  if (images_.size() < kMostQuestions) images_.push_back(image);
  wake();
}

void CodeNamer::ask(CodeQuestion question) {
  if (finished_) return;
  const std::lock_guard lock(mutex_);
  if (questions_.size() < kMostQuestions) questions_.push_back(std::move(question));
  wake();
}

// With the lock held.
void CodeNamer::wake() {
  if (!std::exchange(is_posted_, true)) boost::asio::post(pool_, [this] { work(); });
}

void CodeNamer::work() {
  std::unique_lock lock(mutex_);
  const auto images = std::exchange(images_, {});
  const auto questions = std::exchange(questions_, {});
  is_posted_ = false;
  lock.unlock();
  std::vector<CodeAnswer> answers;
  try {
    for (const auto& image : images) symbolizer_.prepare(image);
    answers = symbolizer_.answer(questions);
  } catch (const std::exception&) {  // bad_alloc on a hostile file: no names
  }
  if (answers.empty()) return;
  lock.lock();
  for (auto& answer : answers) answers_.push_back(std::move(answer));
  lock.unlock();
  boost::asio::post(loop_, [this, alive = alive_] {
    if (*alive) deliver();
  });
}

void CodeNamer::deliver() {
  std::unique_lock lock(mutex_);
  const auto answers = std::exchange(answers_, {});
  lock.unlock();
  for (const auto& answer : answers) handler_(answer);
}

void CodeNamer::finish() {
  if (std::exchange(finished_, true)) return;
  pool_.join();
  deliver();
}

}  // namespace backsight::collector
