#include "query/ticks.h"

#include <limits>
#include <numeric>

namespace backsight::query {
namespace {

__extension__ typedef __int128 Wide;

constexpr std::uint64_t kPerSecond = 1'000'000'000;

}  // namespace

boost::json::value nanoseconds(const boost::json::value& ticks, std::uint64_t num, std::uint64_t den) {
  // One tick is `factor / divisor` nanoseconds.
  const std::uint64_t common = std::gcd(kPerSecond, den);
  const std::uint64_t divisor = den / common;
  const Wide factor = static_cast<Wide>(num) * static_cast<Wide>(kPerSecond / common);
  if (!ticks.is_double()) {
    const Wide count = ticks.is_int64() ? Wide{ticks.get_int64()} : static_cast<Wide>(ticks.get_uint64());
    Wide product = 0;
    const bool fits = !__builtin_mul_overflow(count, factor, &product);
    if (fits && product % static_cast<Wide>(divisor) == 0) {
      const Wide whole = product / static_cast<Wide>(divisor);
      if (whole >= std::numeric_limits<std::int64_t>::min() &&
          whole <= std::numeric_limits<std::int64_t>::max())
        return static_cast<std::int64_t>(whole);
    }
    return static_cast<double>(static_cast<long double>(count) * static_cast<long double>(factor) /
                               static_cast<long double>(divisor));
  }
  return static_cast<double>(static_cast<long double>(ticks.get_double()) * static_cast<long double>(factor) /
                             static_cast<long double>(divisor));
}

}  // namespace backsight::query
