// Raw items of one event to the natural JSON values of the contract
// (interface.md, 6). A value is shown only if its bytes are in the event;
// otherwise it is null (or {"$ptr":…}) and its path stands in `unavailable`
// with the reason.
//
//   root item ──▶ value(type, place) ──▶ scalar │ struct │ array │ container
//                      ▲                                    │ pointer in the bytes
//                      └──── item (target type, address) ◀──┘
//
// Everything in a row and in a plan is taken as hostile: sizes are checked,
// recursion and the number of values are bounded.
#pragma once

#include "query/item_index.h"
#include "schema/event.h"
#include "schema/plan.h"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace backsight::query {

// Path ("order.items[3].sku") to reason ("element_limit 32 of 100").
using UnavailableMap = std::map<std::string, std::string>;

struct DecodeOptions {
  // False: the second meeting of an object is {"$ref":…}. True: it is shown
  // again, except inside itself; for evaluating expressions.
  bool repeat_objects = false;
};

class ValueDecoder {
 public:
  static constexpr int kMaxRecursion = 64;
  static constexpr std::size_t kMaxValues = 200'000;  // of one event

  // Event, plan and map outlive the decoder.
  ValueDecoder(const schema::EventView& event, const schema::Plan& plan, DecodeOptions options,
               UnavailableMap& unavailable);

  // The value of capture `index` as seen by this event; `path` names it in `unavailable`.
  boost::json::value capture(std::size_t index, const std::string& path);
  // One element of an item, e.g. an object known by its address.
  boost::json::value element(const schema::Item& item, std::size_t element_index, const std::string& path);
  const ItemIndex& items() const { return items_; }

 private:
  // Bytes to interpret, and where they came from.
  struct Place {
    std::span<const std::byte> bytes;  // at least the type's size, unless cut off
    std::uint64_t address = 0;         // 0: registers
    std::uint8_t depth = 0;            // of the item
    schema::ItemStatus status = schema::ItemStatus::kOk;
  };
  // Members of the derived class while a base's are shown; those that clash are
  // named `base` ("Base::").
  struct BaseNames {
    std::string_view base;
    const boost::json::object* taken = nullptr;
  };
  using Key = std::pair<std::uint32_t, std::uint64_t>;

  boost::json::value value(schema::TypeId id, const Place& place);
  boost::json::value known_value(const schema::Type& type, const Place& place);
  boost::json::value pointer(const schema::Type& type, const Place& place);
  boost::json::value pointee(const schema::Type& type, const schema::Item& item, std::uint64_t address);
  boost::json::value object(const schema::Type& type, const Place& place);
  void add_members(const schema::Type& type, const Place& place, const BaseNames& names,
                   boost::json::object& out);
  void add_anonymous(const schema::Member& member, const Place& place, const BaseNames& names,
                     boost::json::object& out);
  void add_base(const schema::Member& base, const Place& place, const boost::json::object& own,
                boost::json::object& out);
  boost::json::value member(const schema::Member& member, const Place& place);
  boost::json::value array(const schema::Type& type, const Place& place);
  boost::json::value string(const schema::Type& type, const Place& place);
  boost::json::value vector(const schema::Type& type, const Place& place);
  boost::json::value text(const schema::Item& item, std::uint64_t length);
  boost::json::value elements(schema::TypeId id, const schema::Item& item, std::uint64_t count,
                              std::span<const std::string> projection);
  // The member that `projection` leads to, following pointers and references.
  boost::json::value projected(schema::TypeId id, const Place& place,
                               std::span<const std::string> projection);

  bool enter();
  boost::json::value missing(std::string reason);
  std::string why_no_item(std::uint8_t depth) const;
  const schema::Type* find_type(schema::TypeId id) const;
  Place slice(const Place& place, std::uint64_t offset, std::uint64_t size) const;

  const schema::EventView& event_;
  const schema::Plan& plan_;
  DecodeOptions options_;
  UnavailableMap& unavailable_;
  ItemIndex items_;
  std::set<Key> met_;
  std::string path_;
  int recursion_ = 0;
  std::size_t values_ = 0;
};

}  // namespace backsight::query
