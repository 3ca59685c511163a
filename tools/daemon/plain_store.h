// The store, written on a thread without privileges.
#pragma once

#include "store/timeline.h"
#include "tools/daemon/plain_thread.h"

#include <memory>

namespace backsight::tools {

// As StoreWriter::open. `thread` outlives the store.
schema::Result<std::unique_ptr<store::StoreWriter>> open_plain_store(const store::StoreOptions& options,
                                                                     PlainThread& thread);

}  // namespace backsight::tools
