// Cap'n Proto messages as bytes: canonical out, hostile in. For codecs.
#pragma once

#include "schema/result.h"

#include <capnp/message.h>
#include <kj/exception.h>

#include <cstddef>
#include <cstring>
#include <exception>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace backsight::schema {

inline std::string from_text(capnp::Text::Reader text) {
  return std::string(text.begin(), text.size());
}
inline kj::StringPtr as_text(const std::string& value) {
  return kj::StringPtr(value.c_str(), value.size());
}

template <class Wire, class Fill>
std::vector<std::byte> encode_message(Fill&& fill) {
  capnp::MallocMessageBuilder message;
  auto root = message.initRoot<Wire>();
  fill(root);
  const kj::Array<capnp::word> words = capnp::canonicalize(root.asReader());
  const auto bytes = words.asBytes();
  std::vector<std::byte> out(bytes.size());
  std::memcpy(out.data(), bytes.begin(), bytes.size());
  return out;
}

// read(reader) → Result<T>. Cap'n Proto reports bad bytes by exceptions, which
// end here.
template <class Wire, class T, class Read>
Result<T> decode_message(const char* what, std::span<const std::byte> bytes, Read&& read) {
  const auto corrupt = [&](const std::string& why) {
    return make_error(ErrorCode::kCorrupt, std::string(what) + ": " + why);
  };
  if (bytes.empty() || bytes.size() % sizeof(capnp::word) != 0) {
    return corrupt(std::to_string(bytes.size()) + " bytes are not a message");
  }
  try {
    // A copy, because stored bytes are rarely aligned.
    auto words = kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word));
    std::memcpy(words.begin(), bytes.data(), bytes.size());
    const kj::ArrayPtr<const capnp::word> segments[] = {words.asPtr()};
    capnp::ReaderOptions options;
    // Every word is read once; more would be pointers that share their targets
    // to make a small message large.
    options.traversalLimitInWords = words.size() + 64;
    options.nestingLimit = 16;
    capnp::SegmentArrayMessageReader reader(kj::arrayPtr(segments, 1), options);
    return read(reader.getRoot<Wire>());
  } catch (const kj::Exception& e) {
    return corrupt(e.getDescription().cStr());
  } catch (const std::exception& e) {
    return corrupt(e.what());
  }
}

}  // namespace backsight::schema
