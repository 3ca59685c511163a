#include "probes/type_name.h"

#include <catch2/catch.hpp>

#include <algorithm>

namespace backsight::probes {

TEST_CASE("type names of casts") {
  const auto parsed = [](const char* text) {
    const TypeName name = parse_type_name(text);
    return name.base + std::string(static_cast<std::size_t>(name.pointers), '*');
  };
  CHECK(parsed("sds") == "sds");
  CHECK(parsed("shop::Order*") == "shop::Order*");
  CHECK(parsed("const struct client * *") == "client**");
  CHECK(parsed("unsigned  char const*") == "unsigned char*");
  CHECK(parsed("std::vector<unsigned int, std::allocator<unsigned int> >*") ==
        "std::vector<unsigned int, std::allocator<unsigned int> >*");
  CHECK(parsed("") == "");
}

TEST_CASE("spellings of built-in types") {
  const auto spellings = type_spellings("unsigned long");
  CHECK(spellings.front() == "unsigned long");
  CHECK(std::find(spellings.begin(), spellings.end(), "long unsigned int") != spellings.end());
  CHECK(type_spellings("shop::Order") == std::vector<std::string>{"shop::Order"});
}

TEST_CASE("type names are shown short") {
  CHECK(short_type_name("long unsigned int") == "unsigned long");
  CHECK(short_type_name("std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >") ==
        "std::string");
  CHECK(short_type_name("std::vector<a::B, std::allocator<a::B> >") == "std::vector<a::B>");
  CHECK(short_type_name("std::vector<std::vector<int, std::allocator<int> >, "
                        "std::allocator<std::vector<int, std::allocator<int> > > >") ==
        "std::vector<std::vector<int>>");
  CHECK(short_type_name("std::allocator<int>") == "std::allocator<int>");
  CHECK(short_type_name("T<int, std::allocator<") == "T<int, std::allocator<");
}

}  // namespace backsight::probes
