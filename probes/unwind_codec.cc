#include "probes/unwind_codec.h"

#include "schema/codec.h"
#include "schema/message.h"
#include "schema/planning.capnp.h"

namespace backsight::probes {

namespace wire = schema::wire;
using schema::as_text;
using schema::decode_message;
using schema::encode_message;
using schema::from_text;
using schema::Result;

namespace {

capnp::Data::Reader as_data(const std::vector<std::byte>& bytes) {
  return kj::arrayPtr(reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size());
}

std::span<const std::byte> from_data(capnp::Data::Reader in) {
  return std::as_bytes(std::span(in.begin(), in.size()));
}

}  // namespace

std::vector<std::byte> encode(const UnwindRequest& request) {
  return encode_message<wire::UnwindRequest>([&](wire::UnwindRequest::Builder out) {
    out.setImage(request.image);
    out.setHasMappings(request.mappings.has_value());
    if (request.mappings) {
      auto mappings = out.initMappings(static_cast<unsigned>(request.mappings->size()));
      for (unsigned i = 0; i < mappings.size(); ++i) {
        const UnwindMapping& mapping = (*request.mappings)[i];
        mappings[i].setBegin(mapping.begin);
        mappings[i].setEnd(mapping.end);
        mappings[i].setOffset(mapping.offset);
        mappings[i].setFile(mapping.file);
        mappings[i].setPath(as_text(mapping.module.path));
        mappings[i].setOpenPath(as_text(mapping.module.open_path));
      }
    }
    auto stacks = out.initStacks(static_cast<unsigned>(request.stacks.size()));
    for (unsigned i = 0; i < stacks.size(); ++i) stacks.set(i, as_data(request.stacks[i]));
  });
}

Result<UnwindRequest> decode_unwind_request(std::span<const std::byte> bytes) {
  return decode_message<wire::UnwindRequest, UnwindRequest>(
      "unwind request", bytes, [](auto in) -> Result<UnwindRequest> {
        UnwindRequest request;
        request.image = in.getImage();
        if (in.getHasMappings()) {
          request.mappings.emplace();
          for (auto mapping : in.getMappings()) {
            request.mappings->push_back({mapping.getBegin(),
                                         mapping.getEnd(),
                                         mapping.getOffset(),
                                         mapping.getFile(),
                                         {from_text(mapping.getPath()), from_text(mapping.getOpenPath())}});
          }
        }
        for (auto stack : in.getStacks()) {
          const auto data = from_data(stack);
          request.stacks.emplace_back(data.begin(), data.end());
        }
        return request;
      });
}

std::vector<std::byte> encode(const std::vector<schema::Stack>& unwound) {
  return encode_message<wire::Unwound>([&](wire::Unwound::Builder out) {
    auto stacks = out.initStacks(static_cast<unsigned>(unwound.size()));
    for (unsigned i = 0; i < stacks.size(); ++i) stacks.set(i, as_data(schema::encode(unwound[i])));
  });
}

Result<std::vector<schema::Stack>> decode_unwound(std::span<const std::byte> bytes) {
  return decode_message<wire::Unwound, std::vector<schema::Stack>>(
      "unwound stacks", bytes, [](auto in) -> Result<std::vector<schema::Stack>> {
        std::vector<schema::Stack> stacks;
        for (auto encoded : in.getStacks()) {
          auto stack = schema::decode_stack(from_data(encoded));
          if (!stack) return stack.error();
          stacks.push_back(*std::move(stack));
        }
        return stacks;
      });
}

}  // namespace backsight::probes
