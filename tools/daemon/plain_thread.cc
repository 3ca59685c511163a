#include "tools/daemon/plain_thread.h"

#include <pthread.h>

namespace backsight::tools {

schema::Result<std::unique_ptr<PlainThread>> PlainThread::start(const ConfinementOptions& options) {
  std::unique_ptr<PlainThread> plain(new PlainThread);
  BACKSIGHT_TRY(plain->run([&options] {
    ::pthread_setname_np(::pthread_self(), "store");
    return give_up_all_privileges(options);
  }));
  return plain;
}

}  // namespace backsight::tools
