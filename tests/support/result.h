// Lets Catch2 print a Result in CHECK(result) and REQUIRE(result). To be included
// by every test that checks one directly.
#pragma once

#include "schema/result.h"

#include <catch2/catch.hpp>

#include <string>

template <class T>
struct Catch::StringMaker<backsight::schema::Result<T>> {
  static std::string convert(const backsight::schema::Result<T>& result) {
    return result ? "a value" : "error: " + result.error().to_string();
  }
};
