// Runs the symbolizer on a thread of its own, so that neither the ring nor planning
// waits for it, and brings its answers to the loop.
#pragma once

#include "collector/symbolizer.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace backsight::collector {

class CodeNamer {
 public:
  using Handler = std::function<void(const CodeAnswer&)>;

  // `handler` is called on the loop.
  CodeNamer(boost::asio::io_context& loop, ReadMappings read, Handler handler);
  ~CodeNamer();
  CodeNamer(const CodeNamer&) = delete;
  CodeNamer& operator=(const CodeNamer&) = delete;

  void prepare(const ImageKey& image);
  void ask(CodeQuestion question);
  // Waits for what was asked and handles the answers; nothing can be asked any more.
  void finish();

 private:
  void work();
  void deliver();
  void wake();

  boost::asio::io_context& loop_;
  Symbolizer symbolizer_;  // of the worker
  Handler handler_;
  std::mutex mutex_;
  std::vector<ImageKey> images_;  // guarded, and so on:
  std::vector<CodeQuestion> questions_;
  std::vector<CodeAnswer> answers_;
  bool is_posted_ = false;
  bool finished_ = false;                                       // of the loop
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // of the loop
  boost::asio::thread_pool pool_{1};
};

}  // namespace backsight::collector
