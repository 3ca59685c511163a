// Unions, member pointers, classes that no file defines: what needs more than its
// own bytes to be shown.
#pragma once

#include "shapes.h"
#include "standard_wrappers.h"

namespace data {

// Unions: each member is what the bytes say. Eight bytes, all of which are set.
union Overlay {
  long whole;
  unsigned char bytes[8];
  short halves[4];
};
struct Tagged {
  int kind;
  union {
    long number;
    double real;
  };
  Overlay overlay;
};

struct Referring {
  int& number;
  const std::string& text;
};
struct Holder {
  int own;
  int other;
  int get() const { return own; }
  int set(int value) { return own = value; }
  virtual int late();
};
using MemberPointer = int Holder::*;
using MethodPointer = int (Holder::*)() const;

// A class whose definition is in no file of the program.
struct Unknown;
struct WithUnknown {
  int before;
  Unknown* unknown;
};

}  // namespace data

template <>
struct oracle::Json<data::Overlay> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const data::Overlay& value) {
    short halves[4];
    std::memcpy(halves, &value, sizeof halves);
    unsigned char bytes[8];
    std::memcpy(bytes, &value, sizeof bytes);
    out += "{\"whole\":" + std::to_string(value.whole) + ",\"bytes\":";
    oracle::put(out, bytes);
    out += ",\"halves\":";
    oracle::put(out, halves);
    out += '}';
  }
};
template <>
struct oracle::Make<data::Overlay> {
  static void fill(Rng& rng, data::Overlay& value) { oracle::fill(rng, value.whole); }
};
template <>
struct oracle::Json<data::Tagged> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const data::Tagged& value) {
    double real;
    std::memcpy(&real, &value.number, sizeof real);
    out += "{\"kind\":" + std::to_string(value.kind) + ",\"number\":" + std::to_string(value.number) +
           ",\"real\":";
    put_number(out, real);
    out += ",\"overlay\":";
    oracle::put(out, value.overlay);
    out += '}';
  }
};
template <>
struct oracle::Make<data::Tagged> {
  static void fill(Rng& rng, data::Tagged& value) {
    oracle::fill(rng, value.kind);
    if (rng.chance(50)) {
      oracle::fill(rng, value.number);
    } else {
      oracle::fill(rng, value.real);
    }
    oracle::fill(rng, value.overlay);
  }
};

template <>
struct oracle::Json<data::Referring> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const data::Referring& value) {
    out += "{\"number\":";
    oracle::put(out, value.number);
    out += ",\"text\":";
    oracle::put(out, value.text);
    out += '}';
  }
};

template <>
struct oracle::Json<data::MemberPointer> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, data::MemberPointer value) {
    out += value == nullptr              ? "null"
           : value == &data::Holder::own ? "\"data::Holder::own\""
                                         : "\"data::Holder::other\"";
  }
};
template <>
struct oracle::Make<data::MemberPointer> {
  static void fill(Rng& rng, data::MemberPointer& value) {
    const data::MemberPointer all[] = {nullptr, &data::Holder::own, &data::Holder::other};
    value = all[rng.below(3)];
  }
};
using ChangingMethod = int (data::Holder::*)(int);
using LateMethod = int (data::Holder::*)();
template <>
struct oracle::Json<data::MethodPointer> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, data::MethodPointer value) {
    out += value == nullptr ? "null" : code_name("data::Holder::get");
  }
};
template <>
struct oracle::Make<data::MethodPointer> {
  static void fill(Rng& rng, data::MethodPointer& value) {
    value = rng.chance(30) ? nullptr : &data::Holder::get;
  }
};
template <>
struct oracle::Json<LateMethod> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, LateMethod value) {
    out += value == nullptr ? "null" : code_name("data::Holder::late");
  }
};
template <>
struct oracle::Make<LateMethod> {
  static void fill(Rng& rng, LateMethod& value) { value = rng.chance(30) ? nullptr : &data::Holder::late; }
};

template <>
struct oracle::Json<data::WithUnknown> {
  static constexpr bool kFloat = false, kX87 = false;
  static void put(std::string& out, const data::WithUnknown& value) {
    out += "{\"before\":" + std::to_string(value.before) + ",\"unknown\":";
    if (value.unknown != nullptr) out += "{\"$truth\":\"undefined_type\",\"value\":";
    put_pointer(out, value.unknown);
    out += value.unknown != nullptr ? "}}" : "}";
  }
};
template <>
struct oracle::Make<data::WithUnknown> {
  static void fill(Rng& rng, data::WithUnknown& value) {
    oracle::fill(rng, value.before);
    value.unknown = rng.chance(30) ? nullptr : reinterpret_cast<data::Unknown*>(new long[4]);
  }
};
