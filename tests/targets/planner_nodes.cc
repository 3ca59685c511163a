// Trees of libc++ whose nodes no unit handles: where their values lie is not in the
// debug information.
#include <map>
#include <set>

namespace nodes {

struct Even {
  int a, b;
};
struct __attribute__((packed)) Odd {
  int a, b;
};
struct Padded {
  char a;
  int b;
};
struct Tailed {
  long a;
  int b;
};
struct alignas(32) Aligned {
  char a;
};

struct All {
  std::set<int> ints;
  std::set<long> longs;
  std::set<Even> even;
  std::set<Odd> odd;
  std::set<Padded> padded;
  std::set<Tailed> tailed;
  std::set<Aligned> aligned;
  std::map<int, Even> map;
  std::map<char, Odd> odd_map;
};

__attribute__((noinline)) int use(All& all) {
  asm volatile("" : : "r"(&all) : "memory");
  return static_cast<int>(all.ints.size() + all.even.size() + all.odd.size());
}

alignas(All) unsigned char storage[sizeof(All)];

}  // namespace nodes

int main() {
  return nodes::use(reinterpret_cast<nodes::All&>(nodes::storage));
}
