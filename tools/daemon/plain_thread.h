// A thread without privileges, on which others have work done: what it starts has
// none either. Storing and serving are started here.
#pragma once

#include "schema/result.h"
#include "tools/daemon/privileges.h"

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <future>
#include <memory>
#include <type_traits>

namespace backsight::tools {

class PlainThread {
 public:
  static schema::Result<std::unique_ptr<PlainThread>> start(const ConfinementOptions& options);
  PlainThread(const PlainThread&) = delete;
  PlainThread& operator=(const PlainThread&) = delete;

  // Waits for what `work` returns or throws. Any thread but this one.
  template <class Work>
  auto run(const Work& work) -> std::invoke_result_t<const Work&> {
    std::packaged_task<std::invoke_result_t<const Work&>()> task(work);
    auto result = task.get_future();
    boost::asio::post(thread_, [&task] { task(); });
    return result.get();
  }

 private:
  PlainThread() = default;
  boost::asio::thread_pool thread_{1};
};

}  // namespace backsight::tools
