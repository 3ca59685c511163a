#include "tools/daemon/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include <memory>

namespace backsight::tools {
namespace {

// The message as a JSON string, quotes included.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const auto text =
        boost::json::serialize(boost::json::string(message.payload.data(), message.payload.size()));
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JsonMessage>(); }
};

}  // namespace

void set_up_log(const std::string& level, const std::string& format) {
  auto logger = spdlog::stderr_logger_mt("backsightd");
  if (format == "json") {
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    formatter->add_flag<JsonMessage>('*').set_pattern(
        R"({"time":"%Y-%m-%dT%H:%M:%S.%FZ","level":"%l","message":%*})");
    logger->set_formatter(std::move(formatter));
  } else {
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l: %v");
  }
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

void log_line(collector::LogLevel level, const std::string& message) {
  switch (level) {
    case collector::LogLevel::kDebug:
      return spdlog::debug("{}", message);
    case collector::LogLevel::kInfo:
      return spdlog::info("{}", message);
    case collector::LogLevel::kWarning:
      return spdlog::warn("{}", message);
    case collector::LogLevel::kError:
      return spdlog::error("{}", message);
  }
}

void log_error(const schema::Error& error) {
  log_line(collector::LogLevel::kError, error.to_string());
}

}  // namespace backsight::tools
