// Raw items of one event to the natural JSON values of the contract
// (interface.md, 6). A value is shown only if its bytes are in the event;
// otherwise it is null (or {"$ptr":…}) and its path stands in `unavailable`
// with the reason.
//
//   root item ──▶ value(type, place) ──▶ scalar │ struct │ array │ container
//                      ▲                                    │ pointer in the bytes
//                      └──── item (target type, address) ◀──┘
//
// One source per kind of shape: value_objects.cc, value_pointers.cc,
// value_text.cc, value_sequences.cc, value_nodes.cc, value_blocks.cc,
// value_wrappers.cc.
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
#include <functional>
#include <map>
#include <optional>
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
  // Demangled name of the function at `address` of the process, or of the vtable
  // that it points into, as the symbol has it. Nothing: not known.
  std::function<std::optional<std::string>(std::uint64_t address)> code_name = {};
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
  using Key = std::pair<std::uint32_t, std::uint64_t>;
  // The elements that were found, and why no more (empty: that is all).
  struct Found {
    std::vector<Place> elements;
    std::string ended;
    std::optional<std::uint64_t> total;
  };
  // A captured object, and what it is.
  struct Object {
    schema::TypeId type;
    const schema::Item* item = nullptr;
    std::uint64_t address = 0;
    bool class_known = true;
  };

  // Where the elements of a deque are; counts are of elements.
  struct Blocks {
    std::uint64_t total = 0;
    std::uint64_t per_block = 0;
    std::uint64_t first_place = 0;  // address of the first used block's place in the map
    std::uint64_t first = 0;        // in the first used block
  };

  boost::json::value value(schema::TypeId id, const Place& place);
  boost::json::value known_value(const schema::Type& type, const Place& place);
  boost::json::value container(const schema::Type& type, const Place& place);
  boost::json::value scalar(const schema::Type& type, const Place& place);

  boost::json::value pointer(const schema::Type& type, const Place& place, std::uint64_t offset);
  boost::json::value pointed(schema::TypeId target, std::uint64_t address, std::uint8_t depth,
                             bool is_string);
  boost::json::value pointee(const Object& object);
  std::optional<Object> find_object(schema::TypeId target, std::uint64_t address) const;
  boost::json::value weak_pointer(const schema::Type& type, const Place& place);
  boost::json::value member_pointer(const schema::Type& type, const Place& place);
  boost::json::value code(std::uint64_t address) const;

  boost::json::value object(const schema::Type& type, const Place& place);
  void add_members(const schema::Type& type, const Place& place, boost::json::object& out);
  void add_anonymous(const schema::Member& member, const Place& place, boost::json::object& out);
  void add_base(const schema::Member& base, const Place& place, const boost::json::object& own,
                boost::json::object& out);
  boost::json::value member(const schema::Member& member, const Place& place);

  boost::json::value c_string(const schema::Item& item);
  boost::json::value text(const schema::Item& item, std::uint64_t length);
  boost::json::value wide_text(const schema::Item& item, std::uint64_t units, std::uint64_t unit_bytes);
  boost::json::value cut_wide_text(std::span<const std::byte> bytes, std::uint64_t unit_bytes,
                                   schema::ItemStatus why);
  boost::json::value string(const schema::Type& type, const Place& place);
  boost::json::value flagged_string(const schema::Type& type, const Place& place);
  boost::json::value string_inside(const Place& place, std::uint64_t offset, std::uint64_t units,
                                   std::uint64_t unit_bytes);
  boost::json::value char_array(const schema::Type& type, std::uint64_t unit_bytes, const Place& place);

  boost::json::value array(const schema::Type& type, const Place& place);
  boost::json::value vector(const schema::Type& type, const Place& place);
  boost::json::value counted(const schema::Type& type, const Place& place);
  boost::json::value contiguous(const schema::Type& type, std::uint64_t begin, std::uint64_t count,
                                const Place& place);
  boost::json::value bits(const schema::Type& type, const Place& place);
  boost::json::value bit_vector(const schema::Type& type, const Place& place);
  boost::json::value list(const schema::Type& type, const Place& place);
  boost::json::value tree(const schema::Type& type, const Place& place);
  std::uint64_t next_in_tree(const schema::Type& type, const schema::Item& node, std::string& ended) const;
  boost::json::value nodes(const schema::Type& type, Found found);
  boost::json::value deque(const schema::Type& type, const Place& place);
  std::optional<Blocks> find_blocks(const schema::Type& type, const Place& place, std::uint64_t size,
                                    std::string& why) const;
  Found block_elements(const schema::Type& type, const Blocks& blocks, std::uint64_t size,
                       std::uint8_t depth);
  boost::json::value sequence(const schema::Type& type, schema::TypeId element, const Found& found);
  boost::json::value map(const schema::Type& type, const schema::Type& pair, const Found& found);
  boost::json::value elements(schema::TypeId id, const schema::Item& item, std::uint64_t count,
                              std::span<const std::string> projection, std::uint64_t followed = ~0ull);
  // The member that `projection` leads to, following pointers and references.
  boost::json::value projected(schema::TypeId id, const Place& place,
                               std::span<const std::string> projection);

  boost::json::value tuple(const schema::Type& type, const Place& place);
  boost::json::value optional(const schema::Type& type, const Place& place);
  boost::json::value variant(const schema::Type& type, const Place& place);
  boost::json::value any(const schema::Type& type, const Place& place);
  boost::json::value callable(const schema::Type& type, const Place& place);
  boost::json::value callable_object(const schema::Member& pointer, const Place& place);
  boost::json::value target_of(std::uint64_t invoker, const Place& place, std::uint64_t functor);
  boost::json::value duration(const schema::Type& type, const Place& place);
  boost::json::value time_point(const schema::Type& type, const Place& place);
  boost::json::value mutex(const schema::Type& type, const Place& place);
  boost::json::value complex(const schema::Type& type, const Place& place);

  bool enter();
  boost::json::value missing(std::string reason);
  boost::json::value missing(schema::Unavailable reason);
  // Empty: not known.
  std::string why_no_item(std::uint8_t depth) const;
  std::string why_no_elements(std::uint8_t depth) const;
  std::string why_no_more(std::uint8_t depth, std::uint64_t shown) const;
  // The number of `size` bytes at `offset`; nothing where they were not captured.
  std::optional<std::uint64_t> number(const Place& place, std::uint64_t offset, std::uint64_t size = 8) const;
  static std::optional<std::uint64_t> layout(const schema::Type& type, std::size_t field);
  static Place place_of(const schema::Item& item);
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
  // What is being shown lies in a union, or in an array beyond the elements
  // whose pointers are followed: none of its pointers were.
  int unions_ = 0, unfollowed_ = 0;
  bool root_class_unknown_ = false;
  std::size_t values_ = 0;
};

}  // namespace backsight::query
