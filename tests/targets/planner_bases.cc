// Read by the planner's tests: bases that lie at the beginning of a class, behind
// it, and where only the running program knows.
#define NOINLINE __attribute__((noinline, noclone))

namespace bases {

struct First {
  int first = 1;
};
struct Second {
  int second = 2;
};
struct Both : First, Second {
  int both = 3;
};
struct More : Both {
  int more = 4;
};
struct Shared : virtual First {
  int shared = 5;
};

volatile int sink;

NOINLINE int see(First* first, Second* second, Both* both, Shared* shared, void* any) {
  sink = first->first + second->second + both->both + shared->shared + (any != nullptr);
  return sink;
}

}  // namespace bases

int main() {
  bases::More more;
  bases::Shared shared;
  return bases::see(&more, &more, &more, &shared, &more) + more.more;
}
