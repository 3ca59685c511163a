// The part of the pipeline that sees to names of code: which addresses are new, and
// whether an answer holds.
#include "collector/pipeline.h"

#include "schema/codec.h"

#include <algorithm>
#include <utility>

namespace backsight::collector {
namespace {

constexpr std::size_t kMostCode = 4096;   // addresses of one image in one service
constexpr std::size_t kMostUnsure = 256;  // of them such as may be no code

}  // namespace

// The first plan with addresses of code: its processes may be gone when one is met.
void Pipeline::show_code(std::uint32_t slot) {
  if (std::exchange(slots_[slot].shows_code, true) || !options_.prepare_code) return;
  for (const auto& [pid, images] : images_) {
    const auto& image = *images.back();
    const bool is_member = std::find(image.slots.begin(), image.slots.end(), slot) != image.slots.end();
    if (is_member && !image.facts.ended_boot_ns) options_.prepare_code({pid, image.facts.started_boot_ns});
  }
}

void Pipeline::note_code(Image& image, const PlanRef& plan, const Waiting& row) {
  const auto items = std::span(batch_).subspan(row.offset + sizeof(schema::EventHeader),
                                               row.size - sizeof(schema::EventHeader));
  auto& known = image.code[plan.slot];
  plan.code->for_each(items, [&](std::uint64_t address, bool is_sure) {
    if (known.size() >= kMostCode || known.contains(address)) return;
    if (!is_sure && image.unsure_code >= kMostUnsure) return;
    image.unsure_code += is_sure ? 0 : 1;
    known.insert(address);
    unnamed_[{plan.slot, {image.facts.pid, image.facts.started_boot_ns}}].push_back(
        {address, row.boot_ns, is_sure});
  });
}

void Pipeline::ask_code() {
  for (auto& [key, addresses] : unnamed_) {
    options_.ask_code({slots_[key.first].service, key.second, std::move(addresses)});
  }
  unnamed_.clear();
}

std::vector<CodeName> Pipeline::checked(const CodeAnswer& answer) {
  std::vector<CodeName> names;
  const auto [pid, started_boot_ns] = answer.image;
  auto* image = find_image(pid, answer.read_boot_ns);
  if (!image || image->facts.started_boot_ns != started_boot_ns) return names;
  for (const auto& name : answer.names) {
    if (name.since_boot_ns < image->code_changed_ns && image->code_changed_ns <= answer.read_boot_ns) {
      image->code[slot_of(answer.service)].erase(name.address);
      image->stack_code[slot_of(answer.service)].erase(name.address);
      continue;
    }
    names.push_back({pid, started_boot_ns, name.address, name.since_boot_ns, name.name});
  }
  return names;
}

void Pipeline::code_changed(std::uint32_t pid, std::int64_t since_boot_ns) {
  const auto known = images_.find(pid);
  if (known == images_.end()) return;
  auto& image = *known->second.back();
  image.code_changed_ns = since_boot_ns;
  image.code.clear();
  image.stack_code.clear();
  image.unsure_code = 0;
  const auto shows = [&](std::uint32_t slot) { return slots_[slot].shows_code; };
  if (options_.prepare_code && std::any_of(image.slots.begin(), image.slots.end(), shows))
    options_.prepare_code({pid, image.facts.started_boot_ns});
}

void Pipeline::code_named(const std::string& service, const CodeName& name) {
  slots_[slot_of(service)].facts.emplace_back(
      schema::CodeSymbol{schema::process_id(options_.boot_id, name.pid, name.started_boot_ns), name.address,
                         stored(name.since_boot_ns), name.name});
}

}  // namespace backsight::collector
