// Json and Make of the standard strings and vectors, which other shapes are made of.
#pragma once

#include "oracle.h"

#include <string>
#include <vector>

template <>
struct oracle::Json<std::string> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const std::string& value) { put_text(out, value); }
};
template <>
struct oracle::Make<std::string> {
  static void fill(Rng& rng, std::string& value) { value = rng.text(); }
};

namespace oracle {

template <class Sequence>
void put_sequence(std::string& out, const Sequence& values) {
  bool first = true;
  out += '[';
  for (auto&& value : values) {
    if (!first) out += ",";
    first = false;
    put(out, static_cast<const typename Sequence::value_type&>(value));
  }
  out += ']';
}

template <class Sequence>
void fill_sequence(Rng& rng, Sequence& values) {
  const std::size_t size = rng.size();
  const Rng::Deeper deeper(rng);
  values.clear();
  for (std::size_t i = 0; i < size; ++i) values.push_back(make<typename Sequence::value_type>(rng));
}

}  // namespace oracle

template <class T>
struct oracle::Json<std::vector<T>> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const std::vector<T>& values) { put_sequence(out, values); }
};
template <class T>
struct oracle::Make<std::vector<T>> {
  static void fill(Rng& rng, std::vector<T>& values) { fill_sequence(rng, values); }
};
