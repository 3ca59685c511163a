// What the programs of the truth test know of their own values: random values
// with many edges (Make), their JSON form (Json: docs/design/0005, written
// without a look at the decoder), how they are passed (Passing), and the log of
// calls. Nothing of Backsight is in it.
//
//   {"signature": "truth::f", "passing": {"a": "integer", …}, "return": "memory"}   once per function
//   {"n": 7, "function": "truth::f", "args": {…}, "return": …}   once per call; n: order of entry
//
// {"$truth": "REASON", "value": V} in place of a value: shown as V, or V's place
// is named with REASON. REASON "name": V, or V with parameters behind it; "text": any text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace oracle {

class Rng {
 public:
  explicit Rng(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  bool chance(unsigned percent) { return below(100) < percent; }
  // Of a container: beyond the limits of elements now and then, less the deeper.
  std::size_t size();
  std::string text();
  double real();

  struct Deeper {
    explicit Deeper(Rng& rng) : rng_(rng) { ++rng.depth_; }
    ~Deeper() { --rng_.depth_; }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;

   private:
    Rng& rng_;
  };

 private:
  std::uint64_t state_;
  unsigned depth_ = 0;
};

// Json<T>: put(out, value), kFloat: has floating point parts in itself.
// Make<T>: fill(rng, value).
template <class T, class = void>
struct Json;
template <class T, class = void>
struct Make;

template <class T>
void put(std::string& out, const T& value) {
  Json<T>::put(out, value);
}
template <class T>
std::string json(const T& value) {
  std::string out;
  put(out, value);
  return out;
}
template <class T>
void fill(Rng& rng, T& value) {
  Make<T>::fill(rng, value);
}
template <class T>
T make(Rng& rng) {
  T value{};
  fill(rng, value);
  return value;
}

void put_text(std::string& out, std::string_view bytes);  // {"$bytes"} where it is not UTF-8
void put_code_points(std::string& out, const char32_t* text, std::size_t length);
void put_pointer(std::string& out, const void* pointer);  // {"$ptr"}, null
void put_number(std::string& out, double value);
void put_wide(std::string& out, unsigned __int128 magnitude, bool negative);
void put_long_double(std::string& out, long double value);
std::string quoted(std::string_view text);
// Of a function or method: shown with or without parameters.
std::string code_name(std::string_view name);

// How the ABI passes a value, as far as availability depends on it.
enum class Passing { kInteger, kVector, kMemory, kX87, kIndirect, kLocal, kNothing };
template <class T>
constexpr Passing passing(bool is_return) {
  if constexpr (std::is_void_v<T>) {
    return Passing::kNothing;
  } else if constexpr (std::is_reference_v<T> || std::is_pointer_v<T>) {
    return Passing::kInteger;
  } else if constexpr (Json<std::remove_cv_t<T>>::kX87) {
    return is_return ? Passing::kX87 : Passing::kMemory;
  } else if constexpr (!std::is_trivially_copy_constructible_v<T> || !std::is_trivially_destructible_v<T>) {
    return Passing::kIndirect;
  } else if constexpr (sizeof(T) > 16) {
    return Passing::kMemory;
  } else {
    return Json<std::remove_cv_t<T>>::kFloat ? Passing::kVector : Passing::kInteger;
  }
}

// One function's signature, then its calls.
class Signature {
 public:
  explicit Signature(std::string function) : function_(std::move(function)) {}
  template <class T>
  Signature& arg(const char* name) {
    return add(name, passing<T>(false));
  }
  template <class T>
  void ret() {
    finish(passing<T>(true));
  }
  // Of a function that no other file calls: compilers may drop it.
  void local_ret() { finish(Passing::kLocal); }

 private:
  Signature& add(const char* name, Passing passing);
  void finish(Passing passing);
  std::string function_, args_;
};

class Call {
 public:
  // Calls are numbered in the order of their entry.
  explicit Call(const char* function) : function_(function), number_(next_number++) {}
  template <class T>
  Call& arg(const char* name, const T& value) {
    begin(name);
    put(args_, value);
    return *this;
  }
  // `text` is JSON.
  Call& json(const char* name, const std::string& text) {
    begin(name);
    args_ += text;
    return *this;
  }
  template <class T>
  void ret(const T& value) {
    put(result_, value);
    write();
  }
  void ret_void();

 private:
  void begin(const char* name);
  void write();
  static inline unsigned long next_number = 0;
  const char* function_;
  unsigned long number_;
  std::string args_, result_;
};

// Opaque: what is given escapes, and may be read.
void sink(const void* value);
// Opaque zero.
extern volatile int zero;

// ---- scalars ----

template <class T>
struct Json<T, std::enable_if_t<std::is_integral_v<T> && sizeof(T) <= 8>> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, T value) {
    if constexpr (std::is_same_v<T, bool>) {
      out += value ? "true" : "false";
    } else if constexpr (std::is_same_v<T, char> || std::is_same_v<T, char8_t>) {
      const char text = static_cast<char>(value);
      put_text(out, {&text, 1});
    } else if constexpr (std::is_signed_v<T>) {
      out += std::to_string(static_cast<long long>(value));
    } else {
      out += std::to_string(static_cast<unsigned long long>(value));
    }
  }
};

template <class T>
struct Make<T, std::enable_if_t<std::is_integral_v<T> && sizeof(T) <= 8>> {
  static void fill(Rng& rng, T& value) {
    switch (rng.below(6)) {
      case 0:
        value = std::numeric_limits<T>::min();
        break;
      case 1:
        value = std::numeric_limits<T>::max();
        break;
      case 2:
        value = static_cast<T>(0);
        break;
      case 3:
        value = static_cast<T>(rng.below(100));
        break;
      default:
        value = static_cast<T>(rng.next());
    }
    if constexpr (std::is_same_v<T, bool>) value = rng.chance(50);
    if constexpr (std::is_same_v<T, char>) {
      if (rng.chance(70)) value = static_cast<char>('!' + rng.below(90));
    }
  }
};

template <class T>
struct Json<T, std::enable_if_t<std::is_same_v<T, __int128> || std::is_same_v<T, unsigned __int128>>> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, T value) {
    const bool negative = value < T{0};
    const auto bits = static_cast<unsigned __int128>(value);
    put_wide(out, negative ? -bits : bits, negative);
  }
};
template <class T>
struct Make<T, std::enable_if_t<std::is_same_v<T, __int128> || std::is_same_v<T, unsigned __int128>>> {
  static void fill(Rng& rng, T& value) {
    value = static_cast<T>(rng.next());
    if (rng.chance(30)) value = static_cast<T>(static_cast<unsigned __int128>(value) << 64 | rng.next());
    if (rng.chance(20)) value = -value;
    if (rng.chance(10)) value = T{0};
  }
};

template <class T>
struct Json<T, std::enable_if_t<std::is_floating_point_v<T>>> {
  static constexpr bool kX87 = sizeof(T) == 16, kFloat = !kX87;
  static void put(std::string& out, T value) {
    if constexpr (kX87) {
      put_long_double(out, value);
    } else {
      put_number(out, static_cast<double>(value));
    }
  }
};
template <class T>
struct Make<T, std::enable_if_t<std::is_floating_point_v<T>>> {
  static void fill(Rng& rng, T& value) { value = static_cast<T>(rng.real()); }
};

// ---- pointers and arrays ----

template <class T>
constexpr bool kIsText =
    std::is_same_v<std::remove_cv_t<T>, char> || std::is_same_v<std::remove_cv_t<T>, char8_t> ||
    std::is_same_v<std::remove_cv_t<T>, wchar_t> || std::is_same_v<std::remove_cv_t<T>, char16_t> ||
    std::is_same_v<std::remove_cv_t<T>, char32_t>;

template <class T>
struct Json<const T> : Json<T> {};
template <class T>
struct Json<volatile T> : Json<T> {};

template <class T>
struct Json<T*, std::enable_if_t<std::is_object_v<T>>> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, T* pointer) {
    if (pointer == nullptr) {
      out += "null";
    } else if constexpr (sizeof(T) == 1 && kIsText<T>) {
      put_text(out, reinterpret_cast<const char*>(pointer));
    } else if constexpr (kIsText<T>) {
      out += "{\"$truth\":\"unsupported_type\",\"value\":";
      put_pointer(out, pointer);
      out += "}";
    } else {
      oracle::put(out, *pointer);
    }
  }
};
template <>
struct Json<void*> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const void* pointer) { put_pointer(out, pointer); }
};
template <>
struct Json<const void*> : Json<void*> {};

// What is pointed to lives as long as the program: few bytes, many calls.
template <class T>
struct Make<T*, std::enable_if_t<std::is_object_v<T>>> {
  static void fill(Rng& rng, T*& pointer) {
    using Value = std::remove_cv_t<T>;
    pointer = nullptr;
    if (rng.chance(20)) return;
    const typename Rng::Deeper deeper(rng);
    if constexpr (kIsText<Value>) {
      const std::string text = rng.text();
      auto* copy = new Value[text.size() + 1];
      for (std::size_t i = 0; i < text.size(); ++i) copy[i] = static_cast<Value>(text[i]);
      copy[text.size()] = 0;
      pointer = copy;
    } else {
      auto* made = new Value{};
      oracle::fill(rng, *made);
      pointer = made;
    }
  }
};
template <>
struct Make<void*> {
  static void fill(Rng& rng, void*& pointer) { pointer = reinterpret_cast<void*>(rng.next()); }
};

template <class T, std::size_t N>
struct Json<T[N]> {
  static constexpr bool kFloat = Json<T>::kFloat, kX87 = false;
  static void put(std::string& out, const T (&values)[N]) {
    if constexpr (std::is_same_v<std::remove_cv_t<T>, char>) {
      const std::string_view all(values, N);
      put_text(out, all.substr(0, all.find('\0')));
    } else {
      out += '[';
      for (std::size_t i = 0; i < N; ++i) {
        if (i > 0) out += ',';
        oracle::put(out, values[i]);
      }
      out += ']';
    }
  }
};
template <class T, std::size_t N>
struct Make<T[N]> {
  static void fill(Rng& rng, T (&values)[N]) {
    for (auto& value : values) oracle::fill(rng, value);
    if constexpr (std::is_same_v<T, char>) {
      if (rng.chance(80)) values[rng.below(N)] = 0;
    }
  }
};

template <class T>
void begin_member(std::string& out, const T& name) {
  out += out.back() == '{' ? "\"" : ",\"";
  out += name;
  out += "\":";
}

}  // namespace oracle

// ORACLE_STRUCT(Type, members…): Json and Make of a class with these members.
#define ORACLE_EXPAND(...) ORACLE_EXPAND1(ORACLE_EXPAND1(ORACLE_EXPAND1(__VA_ARGS__)))
#define ORACLE_EXPAND1(...) ORACLE_EXPAND2(ORACLE_EXPAND2(ORACLE_EXPAND2(__VA_ARGS__)))
#define ORACLE_EXPAND2(...) __VA_ARGS__
#define ORACLE_EACH(M, ...) __VA_OPT__(ORACLE_EXPAND(ORACLE_EACH_STEP(M, __VA_ARGS__)))
#define ORACLE_EACH_STEP(M, A, ...) M(A) __VA_OPT__(ORACLE_EACH_AGAIN ORACLE_PARENS(M, __VA_ARGS__))
#define ORACLE_EACH_AGAIN() ORACLE_EACH_STEP
#define ORACLE_PARENS ()
#define ORACLE_PUT(member)              \
  ::oracle::begin_member(out, #member); \
  ::oracle::put(out, value.member);
#define ORACLE_FILL(member) ::oracle::fill(rng, value.member);
#define ORACLE_FLOAT(member) || ::oracle::Json<decltype(Self::member)>::kFloat
#define ORACLE_JSON(Type, ...)                                                   \
  template <>                                                                    \
  struct oracle::Json<Type> {                                                    \
    using Self = Type;                                                           \
    static constexpr bool kX87 = false;                                          \
    static constexpr bool kFloat = false ORACLE_EACH(ORACLE_FLOAT, __VA_ARGS__); \
    static void put(std::string& out, [[maybe_unused]] const Type& value) {      \
      out += '{';                                                                \
      ORACLE_EACH(ORACLE_PUT, __VA_ARGS__)                                       \
      out += '}';                                                                \
    }                                                                            \
  };
#define ORACLE_MAKE(Type, ...)                                                  \
  template <>                                                                   \
  struct oracle::Make<Type> {                                                   \
    static void fill([[maybe_unused]] Rng& rng, [[maybe_unused]] Type& value) { \
      const Rng::Deeper deeper(rng);                                            \
      ORACLE_EACH(ORACLE_FILL, __VA_ARGS__)                                     \
    }                                                                           \
  };
#define ORACLE_STRUCT(Type, ...) ORACLE_JSON(Type, __VA_ARGS__) ORACLE_MAKE(Type, __VA_ARGS__)
