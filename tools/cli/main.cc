// backsight: the query tool.
#include "probes/sandbox.h"
#include "query/verbs.h"
#include "tools/cli/check.h"
#include "tools/cli/program.h"
#include "tools/cli/verify_progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

// False where the reader is gone; other failures end the program.
bool write_all(const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data() + done, text.size() - done);
    if (written > 0) {
      done += static_cast<std::size_t>(written);
    } else if (errno == EPIPE) {
      return false;
    } else if (errno != EINTR) {
      std::fprintf(stderr, "backsight: cannot write the answer: %s\n", std::strerror(errno));
      std::exit(1);
    }
  }
  return true;
}

std::size_t terminal_columns() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 100;
  return std::max<std::size_t>(40, size.ws_col);
}

}  // namespace

int main(int argc, char** argv) {
  if (int code = 0; backsight::probes::planning_process(argc, argv, code)) return code;
  std::signal(SIGPIPE, SIG_IGN);
  if (std::setlocale(LC_CTYPE, "C.UTF-8") == nullptr) std::setlocale(LC_CTYPE, "");
  backsight::tools::Surroundings surroundings;
  surroundings.environment = [](const char* name) -> std::optional<std::string> {
    const char* value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  surroundings.terminal = ::isatty(STDOUT_FILENO) == 1;
  surroundings.error_terminal = ::isatty(STDERR_FILENO) == 1;
  surroundings.columns = surroundings.terminal ? terminal_columns() : 100;
  surroundings.write = write_all;
  surroundings.complain = [](const std::string& text) { std::fputs(text.c_str(), stderr); };
  surroundings.questions = {backsight::query::verbs(), backsight::query::common_options()};
  surroundings.answer = [](const backsight::query::Request& request) {
    if (request.verb != "store verify" || ::isatty(STDERR_FILENO) != 1)
      return backsight::query::answer(request);
    return backsight::tools::verify_with_progress(
        request, [](const std::string& line) { std::fprintf(stderr, "\r\x1b[K%s", line.c_str()); });
  };
  surroundings.check = backsight::tools::check_config;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  return backsight::tools::run_program(arguments, surroundings);
}
