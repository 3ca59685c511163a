// Json and Make of the standard containers.
#pragma once

#include "standard_text.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <deque>
#include <forward_list>
#include <list>
#include <map>
#include <queue>
#include <set>
#include <span>
#include <stack>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

// Shown as arrays, grown at the end.
#define ORACLE_SEQUENCE(Template)                                                               \
  template <class T>                                                                            \
  struct oracle::Json<Template<T>> {                                                            \
    static constexpr bool kFloat = false, kX87 = false;                                         \
    static void put(std::string& out, const Template<T>& values) { put_sequence(out, values); } \
  };                                                                                            \
  template <class T>                                                                            \
  struct oracle::Make<Template<T>> {                                                            \
    static void fill(Rng& rng, Template<T>& values) { fill_sequence(rng, values); }             \
  };
ORACLE_SEQUENCE(std::deque)
ORACLE_SEQUENCE(std::list)

template <class T>
struct oracle::Json<std::forward_list<T>> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const std::forward_list<T>& values) { put_sequence(out, values); }
};
template <class T>
struct oracle::Make<std::forward_list<T>> {
  static void fill(Rng& rng, std::forward_list<T>& values) {
    const std::size_t size = rng.size();
    const Rng::Deeper deeper(rng);
    values.clear();
    for (std::size_t i = 0; i < size; ++i) values.push_front(make<T>(rng));
  }
};

// Elements that were taken off the front make a deque begin in the midst of a block.
template <>
struct oracle::Make<std::deque<long>> {
  static void fill(Rng& rng, std::deque<long>& values) {
    fill_sequence(rng, values);
    for (auto more = rng.below(90); more > 0; --more) values.push_back(static_cast<long>(rng.next()));
    for (auto fewer = rng.below(values.size() + 1); fewer > 0; --fewer) values.pop_front();
    for (auto more = rng.below(5); more > 0; --more) values.push_front(-1);
  }
};

template <class T, std::size_t N>
struct oracle::Json<std::array<T, N>> {
  static constexpr bool kFloat = Json<T>::kFloat, kX87 = false;
  static void put(std::string& out, const std::array<T, N>& values) { put_sequence(out, values); }
};
template <class T, std::size_t N>
struct oracle::Make<std::array<T, N>> {
  static void fill(Rng& rng, std::array<T, N>& values) {
    for (auto& value : values) oracle::fill(rng, value);
  }
};

// Views of what is never freed.
template <class T, std::size_t N>
struct oracle::Json<std::span<T, N>> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const std::span<T, N>& values) { put_sequence(out, values); }
};
template <class T>
struct oracle::Make<std::span<T>> {
  static void fill(Rng& rng, std::span<T>& values) {
    auto* owner = new std::vector<std::remove_cv_t<T>>(make<std::vector<std::remove_cv_t<T>>>(rng));
    values = {owner->data(), owner->size()};
  }
};
template <>
struct oracle::Json<std::string_view> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const std::string_view& value) { put_text(out, value); }
};
template <>
struct oracle::Make<std::string_view> {
  static void fill(Rng& rng, std::string_view& value) {
    value = *new std::string(rng.text());
    if (value.size() > 3 && rng.chance(30)) value = value.substr(1, value.size() - 2);
    if (rng.chance(10)) value = {};
  }
};

namespace oracle {

// Adapters keep their container to themselves, and to those derived from them.
template <class Adapter>
const typename Adapter::container_type& container_of(const Adapter& adapter) {
  struct Open : Adapter {
    static const typename Adapter::container_type& of(const Adapter& a) { return a.*(&Open::c); }
  };
  return Open::of(adapter);
}

// Of strings, integers and enumerators: how they are written as an object's key.
template <class Key>
std::string key_text(const Key& key) {
  const std::string text = json(key);
  return text[0] == '"' ? text : "\"" + text + "\"";
}
template <class Key>
constexpr bool kIsKeyText =
    std::is_same_v<Key, std::string> || std::is_integral_v<Key> || std::is_enum_v<Key>;

template <class Map>
void put_map(std::string& out, const Map& map, bool keys_repeat) {
  const bool is_object = kIsKeyText<typename Map::key_type> && !keys_repeat;
  const char* between = "";
  out += is_object ? '{' : '[';
  for (const auto& [key, value] : map) {
    out += between;
    between = ",";
    if (is_object) {
      out += key_text(key) + ":";
      put(out, value);
    } else {
      out += "{\"key\":";
      put(out, key);
      out += ",\"value\":";
      put(out, value);
      out += '}';
    }
  }
  out += is_object ? '}' : ']';
}

template <class Key>
Key make_key(Rng& rng) {
  if constexpr (std::is_same_v<Key, std::string>) {  // of text that is UTF-8
    std::string key(rng.below(40), 'k');
    for (auto& c : key) c = static_cast<char>('a' + rng.below(26));
    return key;
  } else {
    return make<Key>(rng);
  }
}

template <class Map>
void fill_map(Rng& rng, Map& map) {
  const std::size_t size = rng.size();
  const Rng::Deeper deeper(rng);
  map.clear();
  for (std::size_t i = 0; i < size; ++i) {
    auto key = make_key<typename Map::key_type>(rng);
    map.emplace(key, make<typename Map::mapped_type>(rng));
    if (rng.chance(20)) map.emplace(key, make<typename Map::mapped_type>(rng));
    if (rng.chance(10)) map.erase(map.begin());
  }
}

template <class Set>
void fill_set(Rng& rng, Set& set) {
  const std::size_t size = rng.size();
  const Rng::Deeper deeper(rng);
  set.clear();
  for (std::size_t i = 0; i < size; ++i) {
    auto key = make<typename Set::key_type>(rng);
    if (rng.chance(20)) set.insert(key);
    set.insert(key);
    if (rng.chance(10)) set.erase(set.begin());
  }
}

}  // namespace oracle

#define ORACLE_MAP(Template, keys_repeat)                                                            \
  template <class K, class V>                                                                        \
  struct oracle::Json<Template<K, V>> {                                                              \
    static constexpr bool kFloat = false, kX87 = false;                                              \
    static void put(std::string& out, const Template<K, V>& map) { put_map(out, map, keys_repeat); } \
  };                                                                                                 \
  template <class K, class V>                                                                        \
  struct oracle::Make<Template<K, V>> {                                                              \
    static void fill(Rng& rng, Template<K, V>& map) { fill_map(rng, map); }                          \
  };
ORACLE_MAP(std::map, false)
ORACLE_MAP(std::multimap, true)
ORACLE_MAP(std::unordered_map, false)
ORACLE_MAP(std::unordered_multimap, true)

#define ORACLE_SET(Template)                                                              \
  template <class K>                                                                      \
  struct oracle::Json<Template<K>> {                                                      \
    static constexpr bool kFloat = false, kX87 = false;                                   \
    static void put(std::string& out, const Template<K>& set) { put_sequence(out, set); } \
  };                                                                                      \
  template <class K>                                                                      \
  struct oracle::Make<Template<K>> {                                                      \
    static void fill(Rng& rng, Template<K>& set) { fill_set(rng, set); }                  \
  };
ORACLE_SET(std::set)
ORACLE_SET(std::multiset)
ORACLE_SET(std::unordered_set)
ORACLE_SET(std::unordered_multiset)

#define ORACLE_ADAPTER(Template)                                                                            \
  template <class T>                                                                                        \
  struct oracle::Json<Template<T>> {                                                                        \
    static constexpr bool kFloat = false, kX87 = false;                                                     \
    static void put(std::string& out, const Template<T>& value) { put_sequence(out, container_of(value)); } \
  };                                                                                                        \
  template <class T>                                                                                        \
  struct oracle::Make<Template<T>> {                                                                        \
    static void fill(Rng& rng, Template<T>& value) {                                                        \
      value = Template<T>();                                                                                \
      for (auto size = rng.size(); size > 0; --size) value.push(make<T>(rng));                              \
    }                                                                                                       \
  };
ORACLE_ADAPTER(std::stack)
ORACLE_ADAPTER(std::queue)
ORACLE_ADAPTER(std::priority_queue)

template <std::size_t N>
struct oracle::Json<std::bitset<N>> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const std::bitset<N>& bits) { out += quoted(bits.to_string()); }
};
template <std::size_t N>
struct oracle::Make<std::bitset<N>> {
  static void fill(Rng& rng, std::bitset<N>& bits) {
    for (std::size_t i = 0; i < N; ++i) bits[i] = rng.chance(40);
  }
};
