// Json and Make of values of the standard library: times, numbers, texts, handles.
#pragma once

#include "standard_containers.h"

#include <any>
#include <chrono>
#include <complex>
#include <cstring>
#include <ctime>
#include <exception>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <thread>

#include <unistd.h>

namespace oracle {
// As the debug information writes types; where that is long, any text will do.
template <class T>
std::string type_name() {
  if constexpr (std::is_same_v<T, int>) return "\"int\"";
  if constexpr (std::is_same_v<T, long>) return "\"long\"";
  if constexpr (std::is_same_v<T, double>) return "\"double\"";
  return "{\"$truth\":\"text\",\"value\":null}";
}
}  // namespace oracle

// Nanoseconds.
template <class Rep, class Period>
struct oracle::Json<std::chrono::duration<Rep, Period>> {
  static constexpr bool kFloat = std::is_floating_point_v<Rep>, kX87 = false;
  static void put(std::string& out, const std::chrono::duration<Rep, Period>& value) {
    // Of no whole number of nanoseconds: the nearest floating-point number.
    if constexpr (kFloat || std::nano::den % Period::den != 0) {
      put_number(out, std::chrono::duration<double, std::nano>(value).count());
    } else {
      oracle::put(out, std::chrono::duration_cast<std::chrono::nanoseconds>(value).count());
    }
  }
};
template <class Rep, class Period>
struct oracle::Make<std::chrono::duration<Rep, Period>> {
  static void fill(Rng& rng, std::chrono::duration<Rep, Period>& value) {
    const auto small = static_cast<Rep>(static_cast<std::int64_t>(rng.below(2'000'000)) - 1'000'000);
    value = std::chrono::duration<Rep, Period>(rng.chance(20) ? Rep{0} : small);
  }
};
template <>
struct oracle::Json<std::chrono::system_clock::time_point> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const std::chrono::system_clock::time_point& value) {
    const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(value.time_since_epoch()).count();
    const auto part = (ns % 1'000'000'000 + 1'000'000'000) % 1'000'000'000;
    const std::time_t seconds = static_cast<std::time_t>((ns - part) / 1'000'000'000);
    std::tm broken{};
    gmtime_r(&seconds, &broken);
    char text[80];
    std::snprintf(text, sizeof text, "\"%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ\"", broken.tm_year + 1900,
                  broken.tm_mon + 1, broken.tm_mday, broken.tm_hour, broken.tm_min, broken.tm_sec,
                  static_cast<long>(part));
    out += text;
  }
};
template <>
struct oracle::Make<std::chrono::system_clock::time_point> {
  static void fill(Rng& rng, std::chrono::system_clock::time_point& value) {
    const std::int64_t years = 1'500'000'000'000'000'000;  // nanoseconds, 47 years
    value =
        std::chrono::system_clock::time_point(std::chrono::duration_cast<std::chrono::system_clock::duration>(
            std::chrono::nanoseconds(static_cast<std::int64_t>(rng.next()) % years)));
    if (rng.chance(20)) value = {};
  }
};
template <>
struct oracle::Json<std::chrono::steady_clock::time_point> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const std::chrono::steady_clock::time_point& value) {
    oracle::put(out, value.time_since_epoch());
  }
};
template <>
struct oracle::Make<std::chrono::steady_clock::time_point> {
  static void fill(Rng& rng, std::chrono::steady_clock::time_point& value) {
    value = std::chrono::steady_clock::time_point(
        std::chrono::nanoseconds(static_cast<std::int64_t>(rng.next() >> 2)));
  }
};

template <class T>
struct oracle::Json<std::complex<T>> {
  static constexpr bool kX87 = sizeof(T) == 16, kFloat = !kX87;
  static void put(std::string& out, const std::complex<T>& value) {
    out += '[';
    oracle::put(out, value.real());
    out += ',';
    oracle::put(out, value.imag());
    out += ']';
  }
};
template <class T>
struct oracle::Make<std::complex<T>> {
  static void fill(Rng& rng, std::complex<T>& value) { value = {make<T>(rng), make<T>(rng)}; }
};

template <>
struct oracle::Json<std::filesystem::path> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const std::filesystem::path& value) { put_text(out, value.native()); }
};
template <>
struct oracle::Make<std::filesystem::path> {
  static void fill(Rng& rng, std::filesystem::path& value) {
    value = rng.chance(20) ? "" : "/srv/" + std::string(rng.below(60), 'p') + "/file.txt";
  }
};

template <>
struct oracle::Json<std::thread::id> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const std::thread::id& value) {
    static_assert(sizeof value == 8);
    std::uint64_t number = 0;
    std::memcpy(&number, &value, 8);
    out += std::to_string(number);
  }
};
template <>
struct oracle::Make<std::thread::id> {
  static void fill(Rng& rng, std::thread::id& value) {
    value = rng.chance(40) ? std::thread::id() : std::this_thread::get_id();
  }
};
template <>
struct oracle::Json<std::mutex> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const std::mutex& value) {
    const bool locked = !const_cast<std::mutex&>(value).try_lock();
    if (!locked) const_cast<std::mutex&>(value).unlock();
    out += locked ? "{\"locked\":true,\"owner\":" + std::to_string(::gettid()) + "}"
                  : "{\"locked\":false,\"owner\":null}";
  }
};
template <>
struct oracle::Make<std::mutex> {
  static void fill(Rng& rng, std::mutex& value) {
    if (rng.chance(50)) value.lock();
  }
};

template <>
struct oracle::Json<std::error_code> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const std::error_code& value) {
    out += "{\"value\":" + std::to_string(value.value()) + ",\"category\":";
    put_pointer(out, &value.category());
    out += '}';
  }
};
template <>
struct oracle::Make<std::error_code> {
  static void fill(Rng& rng, std::error_code& value) {
    value = rng.chance(50) ? std::make_error_code(std::errc::permission_denied)
                           : std::error_code(static_cast<int>(rng.below(100)), std::generic_category());
    if (rng.chance(20)) value.clear();
  }
};
template <>
struct oracle::Json<std::exception_ptr> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const std::exception_ptr& value) {
    const void* address = nullptr;
    std::memcpy(&address, &value, sizeof address);
    put_pointer(out, address);
  }
};
template <>
struct oracle::Make<std::exception_ptr> {
  static void fill(Rng& rng, std::exception_ptr& value) {
    value = rng.chance(30) ? nullptr : std::make_exception_ptr(5);
  }
};

template <>
struct oracle::Json<std::any> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const std::any& value) {
    if (!value.has_value()) {
      out += "null";
    } else if (const auto* i = std::any_cast<int>(&value)) {
      held(out, "\"int\"", i);
    } else if (const auto* d = std::any_cast<double>(&value)) {
      held(out, "\"double\"", d);
    } else if (const auto* s = std::any_cast<std::string>(&value)) {
      held(out, type_name<std::string>(), s);
    }
  }

 private:
  static void held(std::string& out, const std::string& type, const void* address) {
    std::string pointer;
    put_pointer(pointer, address);
    out += "{\"$type\":" + type + "," + pointer.substr(1);
  }
};
template <>
struct oracle::Make<std::any> {
  static void fill(Rng& rng, std::any& value) {
    switch (rng.below(4)) {
      case 0:
        value.reset();
        break;
      case 1:
        value = make<int>(rng);
        break;
      case 2:
        value = make<double>(rng);
        break;
      default:
        value = make<std::string>(rng);
    }
  }
};

// ---- other texts ----

namespace oracle {
template <class Text>
void put_units(std::string& out, const Text& text) {
  std::u32string points;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto unit = static_cast<char32_t>(text[i]);
    if (sizeof(text[0]) == 2 && unit >= 0xd800 && unit < 0xdc00 && i + 1 < text.size()) {
      unit = 0x10000 + ((unit - 0xd800) << 10) + (static_cast<char32_t>(text[++i]) - 0xdc00);
    }
    points += unit;
  }
  put_code_points(out, points.data(), points.size());
}
template <class Text>
void fill_units(Rng& rng, Text& text) {
  static constexpr char32_t kSome[] = {U'a', U'Z', U'"', 0xfc, 0x20ac, 0x1f600, 1, 0xffff, 0x10ffff};
  static constexpr std::size_t kLengths[] = {0, 1, 3, 4, 7, 8, 12, 30, 600};
  text.clear();
  for (std::size_t left = kLengths[rng.below(9)]; left > 0; --left) {
    const char32_t point = kSome[rng.below(9)];
    if (sizeof(text[0]) == 2 && point > 0xffff) {
      text += static_cast<typename Text::value_type>(0xd800 + ((point - 0x10000) >> 10));
      text += static_cast<typename Text::value_type>(0xdc00 + ((point - 0x10000) & 0x3ff));
    } else {
      text += static_cast<typename Text::value_type>(point);
    }
  }
}
}  // namespace oracle
#define ORACLE_WIDE(Type)                                                           \
  template <>                                                                       \
  struct oracle::Json<Type> {                                                       \
    static constexpr bool kFloat = false, kX87 = false;                             \
    static void put(std::string& out, const Type& value) { put_units(out, value); } \
  };                                                                                \
  template <>                                                                       \
  struct oracle::Make<Type> {                                                       \
    static void fill(Rng& rng, Type& value) { fill_units(rng, value); }             \
  };
ORACLE_WIDE(std::wstring)
ORACLE_WIDE(std::u16string)
ORACLE_WIDE(std::u32string)
template <>
struct oracle::Json<std::u8string> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const std::u8string& value) {
    put_text(out, {reinterpret_cast<const char*>(value.data()), value.size()});
  }
};
template <>
struct oracle::Make<std::u8string> {
  static void fill(Rng& rng, std::u8string& value) {
    const std::string text = rng.text();
    value.assign(text.begin(), text.end());
  }
};
