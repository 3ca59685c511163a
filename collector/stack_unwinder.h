// Unwinds copies of stacks on a thread of its own, by a process without privileges, and
// brings the answers to the loop. Bounded: what finds no room is not taken.
#pragma once

#include "collector/symbolizer.h"
#include "probes/sandbox.h"
#include "probes/unwind_codec.h"
#include "schema/stack.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace backsight::collector {

struct UnwindJob {
  std::uint64_t ticket = 0;
  ImageKey image;
  std::int64_t changed_boot_ns = 0;  // when the image's code is known to have changed last
  std::vector<std::byte> copy;       // probes/unwinder.h
};

struct UnwindAnswer {
  std::uint64_t ticket = 0;
  // Between these the image's mappings were read; 0: never.
  std::int64_t read_from_ns = 0, read_to_ns = 0;
  schema::Stack stack;
};

class StackUnwinder {
 public:
  using Handler = std::function<void(const std::vector<UnwindAnswer>& answers)>;

  // `handler` is called on the loop.
  StackUnwinder(boost::asio::io_context& loop, ReadMappings read, Handler handler);
  ~StackUnwinder();
  StackUnwinder(const StackUnwinder&) = delete;
  StackUnwinder& operator=(const StackUnwinder&) = delete;

  // Its mappings are read while it lives.
  void prepare(const ImageKey& image);
  // False: too many wait.
  bool submit(UnwindJob job);
  // The answers so far are handled; waits for more, if none are there yet.
  void wait(std::chrono::milliseconds limit);

 private:
  struct Reading {
    std::vector<probes::UnwindMapping> mappings;
    std::vector<std::shared_ptr<const OpenFile>> files;
    std::int64_t from_ns = 0, to_ns = 0;
    bool is_sent = false;
    bool is_doubtful = false;  // a return address led out of it
    std::uint64_t id = 0;      // of the image, for the process
  };
  struct Known {
    std::weak_ptr<const OpenFile> file;
    std::uint64_t number = 0;
  };

  void work();
  void deliver();
  void wake();
  Reading* reading_of(const ImageKey& image, std::int64_t changed_boot_ns);
  Reading* read(const ImageKey& image);
  std::uint64_t number_of(const std::shared_ptr<const OpenFile>& file);
  std::vector<UnwindAnswer> answer(std::vector<UnwindJob>& jobs);
  bool has_process();
  void warm(Reading& reading);
  void unwind(Reading& reading, std::vector<UnwindJob*>& jobs, std::vector<UnwindAnswer>& answers);

  boost::asio::io_context& loop_;
  Handler handler_;
  // Of the worker:
  ReadMappings read_;
  std::unique_ptr<probes::SandboxedUnwinder> process_;
  std::chrono::steady_clock::time_point not_before_{};  // after a failure
  std::list<std::pair<ImageKey, Reading>> readings_;    // newest use first
  std::map<const OpenFile*, Known> files_;
  std::uint64_t next_number_ = 1, next_image_ = 1;

  std::mutex mutex_;
  std::condition_variable answered_;
  std::vector<ImageKey> images_;  // guarded, and so on:
  std::vector<UnwindJob> jobs_;
  std::vector<UnwindAnswer> answers_;
  std::size_t job_bytes_ = 0;  // waiting, or being worked on
  bool is_posted_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // of the loop
  boost::asio::thread_pool pool_{1};
};

}  // namespace backsight::collector
