// Globals that change on command or all the time; its own account of them on
// standard output.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace shop {

struct Level {
  long low = 1, high = 1;
};

struct Stats {
  long count = 0;
  double load = 0;
  std::string name = "start";
  std::vector<Level> levels;
  std::map<std::string, int> stock;
  Stats* next = nullptr;
  struct Flags {
    unsigned is_open : 1;
    unsigned kind : 3;
  } flags{};
};

struct Shape {
  virtual ~Shape() = default;
  int sides = 0;
};
struct Circle : Shape {
  int radius = 7;
};

Stats g_stats;
std::atomic<long> g_number{-5};
Stats* g_pointer = &g_stats;
Stats* g_null = nullptr;
std::unique_ptr<Shape> g_shape = std::make_unique<Circle>();
thread_local long g_own = 3;

// Both halves are equal, or the first is one ahead.
struct Pair {
  volatile long first = 0;
  long padding[510] = {};
  volatile long second = 0;
} g_pair;

__attribute__((noipa)) void tell() {
  asm volatile("" ::: "memory");
}

__attribute__((noipa)) void look(const Level* level, const char* text) {
  asm volatile("" ::"r"(level), "r"(text) : "memory");
}

}  // namespace shop

const char* g_text = "a text of its own";

namespace {

long g_hidden = 4711;
std::atomic<bool> stopping{false};

void write_pairs() {
  for (long n = 1; !stopping; ++n) {
    shop::g_pair.first = n;
    shop::g_pair.second = n;
  }
}

// Of a page of a file that is mapped and was not touched.
void look_away() {
  const int file = memfd_create("away", 0);
  const shop::Level level{4711, 4712};
  if (file < 0 || ftruncate(file, 8192) != 0 || pwrite(file, &level, sizeof level, 0) != sizeof level ||
      pwrite(file, "over the boundary", 18, 4090) != 18)
    abort();
  char* pages = static_cast<char*>(mmap(nullptr, 8192, PROT_READ, MAP_SHARED, file, 0));
  if (pages == MAP_FAILED) abort();
  madvise(pages, 8192, MADV_RANDOM);
  shop::look(reinterpret_cast<const shop::Level*>(pages), pages + 4090);
  munmap(pages, 8192);
  close(file);
}

void set(long n) {
  shop::g_stats.count = n;
  shop::g_stats.load = static_cast<double>(n) / 4;
  shop::g_stats.name = "name " + std::to_string(n);
  shop::g_stats.levels.resize(static_cast<std::size_t>(n % 5));
  for (auto& level : shop::g_stats.levels) level = {n, n + 1};
  shop::g_stats.stock["item " + std::to_string(n % 3)] = static_cast<int>(n);
  shop::g_stats.flags.is_open = n & 1;
  shop::g_stats.flags.kind = n & 7;
  shop::g_number = n;
  g_hidden += n;
}

}  // namespace

int main() {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  std::thread writer;
  puts("ready");
  char line[64];
  while (fgets(line, sizeof line, stdin)) {
    long n = 0;
    if (sscanf(line, "set %ld", &n) == 1) set(n);
    shop::tell();
    if (!strncmp(line, "away", 4)) look_away();
    if (!strncmp(line, "race", 4) && !writer.joinable()) writer = std::thread(write_pairs);
    printf("done %ld %ld %ld\n", shop::g_stats.count, g_hidden, shop::g_own);
  }
  stopping = true;
  if (writer.joinable()) writer.join();
  return 0;
}
