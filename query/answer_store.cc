// store stats, store verify
#include "query/answers.h"

#include <boost/json.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace backsight::query {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

void add(store::TimelineStats& sum, const store::TimelineStats& stats) {
  sum.events += stats.events;
  sum.raw_bytes += stats.raw_bytes;
  sum.stored_bytes += stats.stored_bytes;
  sum.lost += stats.lost;
  sum.partitions += stats.partitions;
  if (stats.oldest && (!sum.oldest || *stats.oldest < *sum.oldest)) sum.oldest = stats.oldest;
  if (stats.newest && (!sum.newest || *stats.newest > *sum.newest)) sum.newest = stats.newest;
}

double quotient(std::uint64_t a, std::uint64_t b) {
  return b == 0 ? 0.0 : static_cast<double>(a) / static_cast<double>(b);
}

value time_or_null(const std::optional<schema::WallTime>& time) {
  return time ? value(schema::format_rfc3339(*time)) : value();
}

object stats_object(const store::TimelineStats& stats) {
  object out;
  out["events"] = stats.events;
  out["raw_bytes"] = stats.raw_bytes;
  out["stored_bytes"] = stats.stored_bytes;
  out["bytes_per_event"] = quotient(stats.stored_bytes, stats.events);
  out["ratio"] = quotient(stats.raw_bytes, stats.stored_bytes);
  out["partitions"] = stats.partitions;
  out["oldest"] = time_or_null(stats.oldest);
  out["newest"] = time_or_null(stats.newest);
  out["lost"] = stats.lost;
  return out;
}

}  // namespace

Answer answer_store_stats(Session& session) {
  auto timelines = session.open_selected();
  if (!timelines) return timelines.error();
  store::TimelineStats sum;
  array services;
  for (const Timeline& timeline : *timelines) {
    auto stats = timeline.reader->stats();
    if (!stats) return stats.error().within(timeline.service);
    add(sum, *stats);
    object row = stats_object(*stats);
    row["service"] = timeline.service;
    services.push_back(std::move(row));
  }
  object answer = stats_object(sum);
  answer["services"] = std::move(services);
  return answer;
}

Answer answer_store_verify(Session& session) {
  auto damage = session.source().verify();
  if (!damage) return damage.error();
  object answer;
  answer["ok"] = damage->empty();
  answer["complete"] = damage->empty();
  array& rows = answer["damage"].emplace_array();
  for (const store::Damage& one : *damage) rows.push_back(object{{"file", one.file}, {"what", one.what}});
  return answer;
}

}  // namespace backsight::query
