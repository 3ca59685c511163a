// Waits for a line, makes one round of calls, says "ready"; ends at the end of
// its input. Its argument is the seed.
#include "oracle.h"

#include <cstdlib>

// Made by the generator.
void declare_all();
void call_all(oracle::Rng& rng);

int main(int argc, char** argv) {
  oracle::Rng rng(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1);
  declare_all();
  std::printf("ready\n");
  std::fflush(stdout);
  char line[16];
  while (std::fgets(line, sizeof line, stdin) != nullptr) {
    call_all(rng);
    std::printf("ready\n");
    std::fflush(stdout);
  }
}
