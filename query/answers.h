// One function per verb. They compute from a Session alone; answer() adds
// schema_version and turns exceptions into errors.
#pragma once

#include "query/session.h"
#include "schema/result.h"

#include <boost/json/object.hpp>

namespace backsight::query {

using Answer = schema::Result<boost::json::object>;

Answer answer_services(Session& session);
Answer answer_processes(Session& session);
Answer answer_probes(Session& session);
Answer answer_state(Session& session);
Answer answer_calls(Session& session);
Answer answer_history(Session& session);
Answer answer_last(Session& session);
Answer answer_gaps(Session& session);
Answer answer_mark(Session& session);
Answer answer_moments(Session& session);
Answer answer_pin(Session& session);
Answer answer_unpin(Session& session);
Answer answer_store_stats(Session& session);
Answer answer_store_verify(Session& session);

// answer() over any source; for tests.
Answer answer_from(const Request& request, Source& source);

}  // namespace backsight::query
