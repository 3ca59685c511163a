// Strong ids: integers that cannot be mistaken for one another.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace backsight::schema {

template <class Tag, class Integer>
struct Id {
  Integer value{};
  constexpr auto operator<=>(const Id&) const = default;
};

// Index of a type in the TypeTable of one Plan.
using TypeId = Id<struct TypeIdTag, std::uint32_t>;
// Content hash of an encoded Plan: the same plan has the same id in every
// partition, after every restart.
using PlanId = Id<struct PlanIdTag, std::uint64_t>;
// Hash of (boot id, pid, start time): unique on a host over reboots.
using ProcessId = Id<struct ProcessIdTag, std::uint64_t>;
// Content hash of an encoded Stack.
using StackId = Id<struct StackIdTag, std::uint64_t>;
// Position of an event in the timeline of one service; gap-free from 1.
using Sequence = Id<struct SequenceTag, std::uint64_t>;

inline constexpr TypeId kNoType{0xffffffffu};

}  // namespace backsight::schema

template <class Tag, class Integer>
struct std::hash<backsight::schema::Id<Tag, Integer>> {
  std::size_t operator()(const backsight::schema::Id<Tag, Integer>& id) const noexcept {
    return std::hash<Integer>{}(id.value);
  }
};
