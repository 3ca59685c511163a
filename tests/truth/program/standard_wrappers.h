// Json and Make of what the standard library wraps around values.
#pragma once

#include "standard_values.h"

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <tuple>
#include <variant>

template <class A, class B>
struct oracle::Json<std::pair<A, B>> {
  static constexpr bool kFloat = Json<A>::kFloat || Json<B>::kFloat, kX87 = false;
  static void put(std::string& out, const std::pair<A, B>& value) {
    out += "{\"first\":";
    oracle::put(out, value.first);
    out += ",\"second\":";
    oracle::put(out, value.second);
    out += '}';
  }
};
template <class A, class B>
struct oracle::Make<std::pair<A, B>> {
  static void fill(Rng& rng, std::pair<A, B>& value) {
    oracle::fill(rng, value.first);
    oracle::fill(rng, value.second);
  }
};

template <class... T>
struct oracle::Json<std::tuple<T...>> {
  static constexpr bool kFloat = (false || ... || Json<T>::kFloat), kX87 = false;
  static void put(std::string& out, const std::tuple<T...>& value) {
    out += '[';
    bool first = true;
    std::apply(
        [&](const auto&... part) { ((out += first ? "" : ",", first = false, oracle::put(out, part)), ...); },
        value);
    out += ']';
  }
};
template <class... T>
struct oracle::Make<std::tuple<T...>> {
  static void fill(Rng& rng, std::tuple<T...>& value) {
    std::apply([&](auto&... part) { (oracle::fill(rng, part), ...); }, value);
  }
};

template <class T>
struct oracle::Json<std::optional<T>> {
  static constexpr bool kFloat = Json<T>::kFloat, kX87 = false;
  static void put(std::string& out, const std::optional<T>& value) {
    if (value) {
      oracle::put(out, *value);
    } else {
      out += "null";
    }
  }
};
template <class T>
struct oracle::Make<std::optional<T>> {
  static void fill(Rng& rng, std::optional<T>& value) {
    value = make<T>(rng);  // what was there may not be shown when it is gone
    if (rng.chance(40)) value.reset();
  }
};

template <class... T>
struct oracle::Json<std::variant<T...>> {
  static constexpr bool kFloat = (false || ... || Json<T>::kFloat), kX87 = false;
  static void put(std::string& out, const std::variant<T...>& value) {
    if (value.valueless_by_exception()) {
      out += "{\"$alt\":\"valueless_by_exception\",\"value\":null}";
      return;
    }
    std::visit(
        [&](const auto& held) {
          out += "{\"$alt\":" + type_name<std::decay_t<decltype(held)>>() + ",\"value\":";
          oracle::put(out, held);
          out += '}';
        },
        value);
  }
};
template <>
struct oracle::Json<std::monostate> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, std::monostate) { out += "{}"; }
};
template <>
struct oracle::Make<std::monostate> {
  static void fill(Rng&, std::monostate&) {}
};
namespace oracle {
struct Thrower {
  template <class T>
  operator T() const {
    throw 1;
  }
};
}  // namespace oracle
template <class... T>
struct oracle::Make<std::variant<T...>> {
  static void fill(Rng& rng, std::variant<T...>& value) {
    const std::size_t wanted = rng.below(sizeof...(T));
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      ((wanted == I ? static_cast<void>(value.template emplace<I>(make<T>(rng))) : static_cast<void>(0)),
       ...);
    }
    (std::index_sequence_for<T...>());
    if constexpr (!(std::is_trivially_copyable_v<T> && ...)) {
      if (rng.chance(15)) {
        try {
          value.template emplace<sizeof...(T) - 1>(Thrower{});
        } catch (int) {
        }
      }
    }
  }
};

namespace oracle {
template <class Pointer>
void put_pointee(std::string& out, const Pointer& pointer) {
  if (pointer == nullptr) {
    out += "null";
  } else {
    put(out, *pointer);
  }
}
}  // namespace oracle

template <class T>
struct oracle::Json<std::unique_ptr<T>> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const std::unique_ptr<T>& value) { put_pointee(out, value); }
};
template <class T>
struct oracle::Make<std::unique_ptr<T>> {
  static void fill(Rng& rng, std::unique_ptr<T>& value) {
    const Rng::Deeper deeper(rng);
    if constexpr (std::is_array_v<T>) {
      value = std::make_unique<T>(3);
    } else {
      value = std::make_unique<T>(make<T>(rng));
    }
    if (rng.chance(25)) value.reset();
  }
};
template <class T>
struct oracle::Json<std::unique_ptr<T[]>> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const std::unique_ptr<T[]>& value) { put_pointer(out, value.get()); }
};
template <class T>
struct oracle::Json<std::shared_ptr<T>> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const std::shared_ptr<T>& value) { put_pointee(out, value); }
};
template <class T>
struct oracle::Make<std::shared_ptr<T>> {
  static void fill(Rng& rng, std::shared_ptr<T>& value) {
    const Rng::Deeper deeper(rng);
    value = std::make_shared<T>(make<T>(rng));
    if (rng.chance(30)) value = std::shared_ptr<T>(new T(make<T>(rng)));
    if (rng.chance(25)) value.reset();
  }
};
template <class T>
struct oracle::Json<std::weak_ptr<T>> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const std::weak_ptr<T>& value) { put_pointee(out, value.lock()); }
};
template <class T>
struct oracle::Make<std::weak_ptr<T>> {
  static void fill(Rng& rng, std::weak_ptr<T>& value) {
    std::shared_ptr<T> owner;
    oracle::fill(rng, owner);
    value = owner;
    if (rng.chance(60)) new std::shared_ptr<T>(owner);  // kept for good
  }
};

namespace targets {
inline int twice(int value) {
  return value * 2;
}
using Function = int (*)(int);
inline int negate(int value) {
  return -value;
}
}  // namespace targets

template <>
struct oracle::Json<int (*)(int)> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, int (*value)(int)) {
    out += value == nullptr ? "null"
                            : code_name(value == &targets::twice ? "targets::twice" : "targets::negate");
  }
};
template <>
struct oracle::Make<int (*)(int)> {
  static void fill(Rng& rng, int (*&value)(int)) {
    int (*const all[])(int) = {nullptr, &targets::twice, &targets::negate};
    value = all[rng.below(3)];
  }
};
template <>
struct oracle::Json<std::function<int(int)>> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const std::function<int(int)>& value) {
    if (!value) {
      out += "null";
    } else if (const auto* target = value.template target<int (*)(int)>()) {
      Json<int (*)(int)>::put(out, *target);
    } else {
      out += "{\"$truth\":\"text\",\"value\":null}";  // a lambda has no one name
    }
  }
};
template <>
struct oracle::Make<std::function<int(int)>> {
  static void fill(Rng& rng, std::function<int(int)>& value) {
    const long big[4] = {1, 2, 3, static_cast<long>(rng.next())};
    switch (rng.below(4)) {
      case 0:
        value = nullptr;
        break;
      case 1:
        value = &targets::twice;
        break;
      case 2:
        value = [](int x) { return x + 1; };
        break;
      default:
        value = [=](int x) { return x + static_cast<int>(big[x & 3]); };
    }
  }
};

template <class T>
struct oracle::Json<std::atomic<T>> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const std::atomic<T>& value) { oracle::put(out, value.load()); }
};
template <class T>
struct oracle::Make<std::atomic<T>> {
  static void fill(Rng& rng, std::atomic<T>& value) { value = make<T>(rng); }
};
template <class T>
struct oracle::Json<std::reference_wrapper<T>> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const std::reference_wrapper<T>& value) { oracle::put(out, value.get()); }
};
