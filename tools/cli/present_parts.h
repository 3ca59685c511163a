// The parts of present(): one function per form of output.
#pragma once

#include "tools/cli/present.h"

#include "schema/time.h"

#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace backsight::tools {

// RFC 4180 with \n: a header line, then one line per row; nested values as JSON text.
std::string present_csv(const boost::json::object& answer, std::string_view rows_key,
                        const PresentOptions& options);
// One line per row, columns chosen per verb; where there are no rows, name and value per line.
std::string present_rows(std::string_view verb, std::string_view rows_key, const boost::json::object& answer,
                         const PresentOptions& options);
// Process, thread, open calls, globals, last calls as an indented tree.
std::string present_state(const boost::json::object& answer, const PresentOptions& options);
// Probes and their instances, indented.
std::string present_check(const boost::json::object& answer, const PresentOptions& options);
// What the answer does not cover: gaps, damage, undecided calls. Empty if nothing is missing.
std::string present_footer(const boost::json::object& answer, std::string_view rows_key,
                           const PresentOptions& options);

// Times of one output: the date is shown once where all share it.
class TimeStyle {
 public:
  explicit TimeStyle(bool utc) : utc_(utc) {}
  void see(std::string_view rfc3339);  // before the first show()
  std::string show(
      std::string_view rfc3339) const;  // "10:03:00.123456", or with its date; as given if no time
  std::string show_short(std::string_view rfc3339) const;  // without the year
  std::string caption() const;                             // "2026-11-22, UTC"; empty if no time was seen

 private:
  std::string shown(std::string_view rfc3339, const char* format) const;

  bool utc_;
  std::set<std::string> dates_;
  std::optional<schema::WallTime> last_;
};

const boost::json::object* find_object(const boost::json::object& object, std::string_view key);
const boost::json::array* find_array(const boost::json::object& object, std::string_view key);
// The member as text: strings as they are (escaped), numbers; empty if absent or null.
std::string text_at(const boost::json::object& object, std::string_view key);
std::optional<std::int64_t> integer_at(const boost::json::object& object, std::string_view key);
std::string plural(std::uint64_t count, std::string_view one, std::string_view many);

}  // namespace backsight::tools
