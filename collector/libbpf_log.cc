#include "collector/libbpf_log.h"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>
#include <vector>

namespace backsight::collector {
namespace {

// libbpf's callback has no context argument.
thread_local std::string* current_log = nullptr;
constexpr std::size_t kMaxLogBytes = 1 << 20;

int collect(enum libbpf_print_level level, const char* format, va_list arguments) {
  if (!current_log || level == LIBBPF_DEBUG || current_log->size() > kMaxLogBytes) return 0;
  va_list again;
  va_copy(again, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, arguments);
  if (length > 0) {
    std::vector<char> line(static_cast<std::size_t>(length) + 1);
    std::vsnprintf(line.data(), line.size(), format, again);
    current_log->append(line.data(), static_cast<std::size_t>(length));
  }
  va_end(again);
  return length;
}

}  // namespace

LibbpfLog::LibbpfLog() {
  current_log = &text_;
  libbpf_set_print(collect);
}

LibbpfLog::~LibbpfLog() {
  current_log = nullptr;
}

std::string LibbpfLog::last_lines(int count) const {
  std::size_t end = text_.size();
  while (end > 0 && text_[end - 1] == '\n') end--;
  std::size_t begin = end;
  while (begin > 0 && count > 0) {
    const std::size_t newline = text_.rfind('\n', begin - 1);
    begin = newline == std::string::npos ? 0 : newline;
    count--;
  }
  if (begin < end && text_[begin] == '\n') begin++;
  return text_.substr(begin, end - begin);
}

}  // namespace backsight::collector
