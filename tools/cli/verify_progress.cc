#include "tools/cli/verify_progress.h"

#include "store/timeline.h"
#include "tools/cli/text.h"

#include <algorithm>
#include <chrono>

namespace backsight::tools {
namespace {

constexpr std::size_t kBarColumns = 30;
constexpr std::chrono::milliseconds kBetween{100};

}  // namespace

std::string progress_bar(std::uint64_t done, std::uint64_t total) {
  if (total == 0) return {};
  const double part = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
  const auto filled = static_cast<std::size_t>(part * kBarColumns);
  return "[" + std::string(filled, '#') + std::string(kBarColumns - filled, ' ') + "] " +
         std::to_string(static_cast<int>(part * 100)) + " %  " + bytes_text(static_cast<double>(done)) +
         " of " + bytes_text(static_cast<double>(total));
}

schema::Result<boost::json::object> verify_with_progress(
    const query::Request& request, const std::function<void(const std::string&)>& draw) {
  auto next = std::chrono::steady_clock::now() + kBetween;
  const auto damage = store::verify(request.store_path, [&](std::uint64_t done, std::uint64_t total) {
    const auto now = std::chrono::steady_clock::now();
    if (now < next) return;
    next = now + kBetween;
    draw(progress_bar(done, total));
  });
  draw({});
  if (!damage) return damage.error();
  boost::json::array rows;
  for (const store::Damage& one : *damage) rows.push_back({{"file", one.file}, {"what", one.what}});
  return boost::json::object{{"schema_version", 1},
                             {"ok", damage->empty()},
                             {"complete", damage->empty()},
                             {"damage", std::move(rows)}};
}

}  // namespace backsight::tools
