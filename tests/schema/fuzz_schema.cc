// Everything in schema/ that reads bytes from outside. The first byte says what
// reads the rest.
#include "schema/codec.h"
#include "schema/event.h"
#include "schema/expression.h"

#include <cstdlib>
#include <string>

using namespace backsight::schema;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// What was understood must mean the same when it is written and read again.
void read_expression(std::string_view text) {
  const auto expression = parse_expression(text);
  if (!expression) return;
  const std::string canonical = to_string(**expression);
  const auto again = parse_expression(canonical);
  // The canonical text has more parentheses and may pass the limits of length and depth.
  if (again) require(to_string(**again) == canonical);
}

void read_plan(std::span<const std::byte> bytes) {
  const auto plan = decode_plan(bytes);
  if (plan) require(decode_plan(encode(*plan)).value() == *plan);
}

void read_row(std::span<const std::byte> bytes) {
  const auto view = EventView::parse(bytes);
  if (view) (void)view->items();
}

void read_texts(std::string_view text) {
  const auto time = parse_rfc3339(text);
  if (time) require(parse_rfc3339(format_rfc3339(*time)).value() == *time);
  (void)parse_duration_ns(text);
  (void)parse_size_bytes(text);
  (void)parse_rate_per_s(text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {  // NOLINT
  if (size == 0) return 0;
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data) + 1, size - 1);
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      read_expression(text);
      break;
    case 1:
      read_plan(bytes);
      break;
    case 2:
      read_row(bytes);
      break;
    case 3:
      read_texts(text);
      break;
    case 4:
      (void)decode_process(bytes);
      break;
    default:
      (void)decode_probe_status(bytes);
      break;
  }
  return 0;
}
