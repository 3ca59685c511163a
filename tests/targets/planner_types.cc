// Every standard type that is shown by a shape. Run, it writes for each member of
// types::All what it knows of the layout: "NAME OFFSET_A OFFSET_B VALUE_OFFSET",
// -1 where it does not know.
#include <any>
#include <array>
#include <atomic>
#include <bitset>
#include <chrono>
#include <complex>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <exception>
#include <filesystem>
#include <forward_list>
#include <functional>
#include <initializer_list>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <queue>
#include <set>
#include <span>
#include <stack>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace types {

struct Empty {};
struct Wide {
  std::int64_t a = 1;
  std::int32_t b = 2;
};
struct alignas(32) Aligned {
  char c = 'c';
};
struct Recursive {
  int id = 0;
  std::vector<Recursive> children;
  std::map<int, Recursive> named;
};

struct All {
  std::string text = std::string(100, 'x');
  std::wstring wide_text = std::wstring(100, L'x');
  std::u16string text16 = std::u16string(100, u'x');
  std::u32string text32 = std::u32string(100, U'x');
  std::u8string text8 = std::u8string(100, u8'x');
  std::string_view view = text;
  std::vector<int> numbers = {1, 2, 3};
  std::vector<Wide> wides = std::vector<Wide>(3);
  std::vector<bool> bits = std::vector<bool>(70, true);
  std::array<int, 3> array = {1, 2, 3};
  std::array<int, 0> no_array;
  std::span<int> span = numbers;
  std::span<int, 3> fixed_span = std::span<int, 3>(numbers.data(), 3);
  std::initializer_list<int> initializer;
  std::deque<int> deque = {1, 2, 3};
  std::deque<Wide> wide_deque = std::deque<Wide>(3);
  std::list<int> list = {1, 2};
  std::list<Aligned> aligned_list = std::list<Aligned>(2);
  std::forward_list<char> forward_list = {'a', 'b'};
  std::set<char> char_set = {'a'};
  std::set<int> set = {1};
  std::multiset<std::string> multiset = {"a"};
  std::map<int, std::string> map = {{1, "a"}};
  std::map<char, char> char_map = {{'a', 'b'}};
  std::multimap<std::string, Wide> multimap = {{"a", {}}};
  std::unordered_set<int> hash_set = {1};
  std::unordered_multiset<std::string> hash_multiset = {"a"};
  std::unordered_map<std::string, int> hash_map = {{"a", 1}};
  std::unordered_multimap<int, Wide> hash_multimap = {{1, {}}};
  std::stack<int> stack;
  std::queue<int, std::list<int>> queue;
  std::priority_queue<int> priority_queue;
  std::pair<int, std::string> pair = {1, "a"};
  std::tuple<> no_tuple;
  std::tuple<char, std::string, Empty, double, Empty> tuple = {'a', "b", {}, 2.5, {}};
  std::optional<int> optional = 3;
  std::optional<std::string> optional_text = "a";
  std::variant<int, std::string, double> variant = "a";
  std::variant<std::monostate, char> small_variant;
  std::any any = 3;
  std::unique_ptr<Wide> unique = std::make_unique<Wide>();
  std::unique_ptr<Wide[]> unique_array = std::make_unique<Wide[]>(3);
  std::unique_ptr<Wide, void (*)(Wide*)> unique_deleter{new Wide, [](Wide* p) { delete p; }};
  std::shared_ptr<Wide> shared = std::make_shared<Wide>();
  std::weak_ptr<Wide> weak = shared;
  std::function<int(int)> function = [](int x) { return x; };
  std::reference_wrapper<Wide> reference = *shared;
  std::atomic<int> atomic = 1;
  std::atomic<bool> atomic_bool = true;
  std::atomic<double> atomic_double = 1.5;
  std::atomic<Wide*> atomic_pointer = nullptr;
  std::atomic_flag flag;
  std::chrono::milliseconds duration{5};
  std::chrono::duration<double> seconds{2.5};
  std::chrono::system_clock::time_point time_point = std::chrono::system_clock::now();
  std::chrono::steady_clock::time_point steady = std::chrono::steady_clock::now();
  std::complex<double> complex = {1, 2};
  std::complex<float> small_complex = {1, 2};
  std::bitset<7> bitset;
  std::bitset<100> wide_bitset;
  std::filesystem::path path = std::string(100, 'p');
  std::thread::id thread_id = std::this_thread::get_id();
  std::mutex mutex;
  std::error_code error = std::make_error_code(std::errc::timed_out);
  std::exception_ptr exception = std::make_exception_ptr(3);
  Recursive recursive;
  All();
};

All::All() = default;

__attribute__((noinline)) int use(All& all) {
  asm volatile("" : : "r"(&all) : "memory");
  return static_cast<int>(all.numbers.size());
}

struct Links {
  std::vector<Wide*> pointers;
  std::vector<std::unique_ptr<Wide>> owners;
  std::span<Wide*> span;
  Wide* raw[3];
  Wide** begin;
  std::list<Wide*> list;
};
__attribute__((noinline)) int follow(Links& links) {
  asm volatile("" : : "r"(&links) : "memory");
  return static_cast<int>(links.pointers.size() + links.owners.size());
}

namespace {

// Where a word lies in an object.
template <typename T>
long find(const T& object, std::uint64_t word, long after = -8) {
  unsigned char bytes[sizeof(T)];
  std::memcpy(bytes, static_cast<const void*>(&object), sizeof(T));
  for (long at = after + 8; at + 8 <= static_cast<long>(sizeof(T)); at += 8) {
    if (std::memcmp(bytes + at, &word, 8) == 0) return at;
  }
  return -1;
}
template <typename T>
std::uint64_t address(const T* pointer) {
  return reinterpret_cast<std::uint64_t>(pointer);
}
template <typename T, typename U>
long distance(const T& object, const U& part) {
  return static_cast<long>(address(&part) - address(&object));
}

void put(const char* name, long a, long b, long value) {
  std::printf("%s %ld %ld %ld\n", name, a, b, value);
}
template <typename T>
void text(const char* name, const T& object) {
  put(name, find(object, address(object.data())), find(object, object.size()), -1);
}
// Some word of it leads to the first node: how far behind that is the value?
template <typename T>
void nodes(const char* name, const T& object, bool is_counted) {
  const std::uint64_t value = address(&*object.begin());
  std::uint64_t least = 65;
  for (std::size_t at = 0; at + 8 <= sizeof(T); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, reinterpret_cast<const unsigned char*>(&object) + at, 8);
    if (word <= value && value - word < least) least = value - word;
  }
  const auto count = static_cast<std::uint64_t>(std::distance(object.begin(), object.end()));
  put(name, -1, is_counted ? find(object, count, 8) : -1, static_cast<long>(least));
}

}  // namespace

void write(All& all) {
  text("text", all.text);
  text("wide_text", all.wide_text);
  text("text16", all.text16);
  text("text32", all.text32);
  text("text8", all.text8);
  text("view", all.view);
  put("numbers", find(all.numbers, address(all.numbers.data())),
      find(all.numbers, address(all.numbers.data() + 3)), -1);
  text("span", all.span);
  put("fixed_span", 0, -1, -1);
  put("array", -1, -1, distance(all.array, all.array[0]));
  put("deque", -1, -1, -1);
  nodes("list", all.list, true);
  nodes("aligned_list", all.aligned_list, true);
  nodes("forward_list", all.forward_list, false);
  nodes("char_set", all.char_set, true);
  nodes("set", all.set, true);
  nodes("multiset", all.multiset, true);
  nodes("map", all.map, true);
  nodes("char_map", all.char_map, true);
  nodes("multimap", all.multimap, true);
  nodes("hash_set", all.hash_set, true);
  nodes("hash_multiset", all.hash_multiset, true);
  nodes("hash_map", all.hash_map, true);
  nodes("hash_multimap", all.hash_multimap, true);
  put("pair.second", -1, -1, distance(all.pair, all.pair.second));
  put("tuple.0", -1, -1, distance(all.tuple, std::get<0>(all.tuple)));
  put("tuple.1", -1, -1, distance(all.tuple, std::get<1>(all.tuple)));
  put("tuple.2", -1, -1, distance(all.tuple, std::get<2>(all.tuple)));
  put("tuple.3", -1, -1, distance(all.tuple, std::get<3>(all.tuple)));
  put("tuple.4", -1, -1, distance(all.tuple, std::get<4>(all.tuple)));
  put("optional", 4, -1, distance(all.optional, *all.optional));
  put("optional_text", static_cast<long>(sizeof(std::string)), -1,
      distance(all.optional_text, *all.optional_text));
  put("variant", -1, -1, distance(all.variant, std::get<1>(all.variant)));
  put("unique", find(all.unique, address(all.unique.get())), -1, -1);
  put("unique_array", find(all.unique_array, address(all.unique_array.get())), -1, -1);
  put("unique_deleter", find(all.unique_deleter, address(all.unique_deleter.get())), -1, -1);
  put("shared", find(all.shared, address(all.shared.get())), -1, -1);
  put("weak", find(all.weak, address(all.shared.get())), -1, -1);
  put("reference", -1, -1, find(all.reference, address(all.shared.get())));
  put("path", -1, -1, distance(all.path, all.path.native()));
}

}  // namespace types

int main() {
  types::All all;
  types::use(all);
  types::write(all);
}
