// Ticks of a clock or duration as nanoseconds.
#pragma once

#include <boost/json/value.hpp>

#include <cstdint>

namespace backsight::query {

// `ticks` (a JSON number) of num/den seconds each, den not 0. An integer where
// the result is one that fits 64 bits; else the nearest floating-point number.
boost::json::value nanoseconds(const boost::json::value& ticks, std::uint64_t num, std::uint64_t den);

}  // namespace backsight::query
