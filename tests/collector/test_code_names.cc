// Names of code: where rows have addresses, what they are called, and which
// answers hold.
#include "collector/clocks.h"
#include "collector/code_addresses.h"
#include "collector/pipeline.h"
#include "collector/symbolizer.h"
#include "schema/codec.h"
#include "tests/collector/fake_store.h"
#include "tests/collector/ring_records.h"

#include <catch2/catch.hpp>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace backsight::collector {

// Not static: its name is in the symbol table as a program's would be.
int price_on_sale(int price) {
  return price / 2;
}

// Two names for one function, as compilers and linkers make them of equal ones.
int merged_price(int price) {
  return price / 7;
}
int other_price(int) __attribute__((alias("_ZN9backsight9collector12merged_priceEi")));

namespace {

using schema::Container;
using schema::Type;
using schema::TypeKind;

int anonymous_price(int price) {
  return price / 3;
}

struct Discount {
  virtual ~Discount() = default;
  virtual int of(int price) { return price / 4; }
};

Type type_of(TypeKind kind, std::uint64_t size, std::uint32_t target = 0xffffffff) {
  Type type;
  type.kind = kind;
  type.size_bytes = size;
  type.target = {target};
  return type;
}

// 0: function; 1: pointer to it; 2: {int, pointer}; 3: std::function; 4: any;
// 5: pointer to member function; 6: two pointers; 7: int; 8: object that keeps a
// functor; 9: pointer to it; 10: std::function of such
schema::Plan plan_with_code() {
  schema::Plan plan;
  plan.probe = plan.function = "f";
  plan.module_path = "/bin/target";
  auto& types = plan.types;
  types.push_back(type_of(TypeKind::kFunction, 0));
  types.push_back(type_of(TypeKind::kPointer, 8, 0));
  types.push_back(type_of(TypeKind::kStruct, 16));
  types[2].members = {{"n", {7}, 0, 0, 0, false}, {"f", {1}, 8, 0, 0, false}};
  types.push_back(type_of(TypeKind::kStruct, 32));
  types[3].container = Container::kCallable;
  types[3].offset_a = 0;
  types[3].offset_b = 16;
  types[3].layout = {24};
  types.push_back(type_of(TypeKind::kStruct, 16));
  types[4].container = Container::kAny;
  types[4].offset_b = 8;
  types.push_back(type_of(TypeKind::kMemberPointer, 16));
  types.push_back(type_of(TypeKind::kArray, 16, 1));
  types[6].count = 2;
  types.push_back(type_of(TypeKind::kInteger, 4));
  types.push_back(type_of(TypeKind::kStruct, 16));
  types[8].container = Container::kCallableObject;
  types[8].offset_b = 8;
  types.push_back(type_of(TypeKind::kPointer, 8, 8));
  types.push_back(type_of(TypeKind::kStruct, 48));
  types[10].container = Container::kCallable;
  types[10].layout = {schema::layout::kNoOffset};
  types[10].members = {{"object", {9}, 32, 0, 0, false}};
  return plan;
}

std::vector<std::byte> item(std::uint32_t type, const std::vector<std::uint64_t>& words) {
  schema::ItemHeader header;
  header.type = type;
  header.length = header.captured = static_cast<std::uint32_t>(words.size() * 8);
  std::vector<std::byte> bytes(sizeof header + header.captured);
  std::memcpy(bytes.data(), &header, sizeof header);
  if (!words.empty()) std::memcpy(bytes.data() + sizeof header, words.data(), header.captured);
  return bytes;
}

using Found = std::vector<std::pair<std::uint64_t, bool>>;
Found found(const CodeAddresses& code, const std::vector<std::byte>& items) {
  Found all;
  code.for_each(items, [&](std::uint64_t address, bool is_sure) { all.emplace_back(address, is_sure); });
  return all;
}

std::uint64_t address_of(int (*function)(int)) {
  return reinterpret_cast<std::uint64_t>(function);
}

std::map<std::uint64_t, std::string> names_of(Symbolizer& symbolizer, const ImageKey& image,
                                              const std::vector<std::uint64_t>& addresses) {
  CodeQuestion question{"shop", image, {}};
  for (const auto address : addresses) question.addresses.push_back({address, 5, true});
  std::map<std::uint64_t, std::string> names;
  for (const auto& answer : symbolizer.answer({question})) {
    for (const auto& name : answer.names) names[name.address] = name.name;
  }
  return names;
}

struct Fixture {
  Fixture()
      : pipeline(store, [&] {
          PipelineOptions options;
          options.boot_id = "boot";
          options.prepare_code = [this](const ImageKey& image) { prepared.push_back(image); };
          options.ask_code = [this](CodeQuestion question) { questions.push_back(std::move(question)); };
          return options;
        }()) {
    pipeline.plan_added(1, "shop", plan_with_code());
    pipeline.process_started("shop", {41, 1, "/bin/target", {}, "ab", 10, {}});
  }
  void feed(std::int64_t boot_ns, std::uint32_t type, std::uint64_t word) {
    auto record = ring_record({.boot_ns = static_cast<std::uint64_t>(boot_ns), .captured = 8});
    bs_item header;
    std::memcpy(&header, record.data() + sizeof(bs_event), sizeof header);
    header.type = type;
    std::memcpy(record.data() + sizeof(bs_event), &header, sizeof header);
    std::memcpy(record.data() + sizeof(bs_event) + sizeof header, &word, sizeof word);
    pipeline.ring_record(record);
    pipeline.batch_done(boot_ns + 1, true);
  }

  FakeStore store;
  std::vector<ImageKey> prepared;
  std::vector<CodeQuestion> questions;
  Pipeline pipeline;
};

}  // namespace

TEST_CASE("Addresses of code are found in every shape that has them, and nowhere else") {
  const CodeAddresses code(plan_with_code());
  CHECK(found(code, item(1, {0x1000})) == Found{{0x1000, true}});
  CHECK(found(code, item(1, {0x1000, 0, 0x2000})) == Found{{0x1000, true}, {0x2000, true}});
  CHECK(found(code, item(2, {7, 0x1000, 8, 0x2000})) == Found{{0x1000, true}, {0x2000, true}});
  CHECK(found(code, item(3, {0x30, 0, 0x1000, 0x2000})) ==
        Found{{0x30, false}, {0x1000, true}, {0x2000, true}});
  CHECK(found(code, item(4, {0x1000, 0x2000})) == Found{{0x1000, true}});
  CHECK(found(code, item(5, {0x1000, 0})) == Found{{0x1000, true}});
  CHECK(found(code, item(5, {0x11, 0})).empty());  // a virtual function
  CHECK(found(code, item(6, {0x1000, 0x2000})) == Found{{0x1000, true}, {0x2000, true}});
  CHECK(found(code, item(7, {0x1000})).empty());
  CHECK(found(code, item(8, {0x1000, 0x30})) == Found{{0x1000, true}, {0x30, false}});
  CHECK(found(code, item(8, {0x1000, 0})) == Found{{0x1000, true}});
  CHECK(found(code, item(10, {1, 2, 3, 4, 0x5000, 6})).empty());  // it is no code
  CHECK(found(code, item(11, {0x1000})).empty());
  auto cut = item(1, {0x1000});
  cut.resize(cut.size() - 1);
  CHECK(found(code, cut).empty());

  schema::Plan plain = plan_with_code();
  plain.types = {plain.types[7]};
  CHECK(CodeAddresses(plain).empty());
  Type loop = type_of(TypeKind::kStruct, 8);
  loop.members = {{"self", {0}, 0, 0, 0, false}};
  plain.types = {loop};
  CHECK(CodeAddresses(plain).empty());
}

TEST_CASE("Mappings of files with code are read from maps, other lines are not") {
  const auto all = parse_code_mappings(
      "00400000-00401000 r--p 00000000 fe:01 77                        /bin/a b\n"
      "00401000-00403000 r-xp 00001000 fe:01 77                        /bin/a b (deleted)\n"
      "00403000-00404000 rw-p 00002000 fe:01 77                        /bin/a b\n"
      "00405000-00406000 rw-p 00002000 fe:01 78                        /var/data\n"
      "7f0000000000-7f0000001000 r-xp 00000000 00:00 0                 [vdso]\n"
      "7f0000002000-7f0000003000 r-xp 00000000 00:00 0\n"
      "garbage\n"
      "zz-10 r-xp 00001000 fe:01 77 /bin/x\n"
      "20-10 r-xp 00001000 fe:01 77 /bin/x\n");
  REQUIRE(all.size() == 3);
  CHECK(all[1].range == "00400000-00401000");
  CHECK_FALSE(all[1].mapping.is_executable);
  CHECK(all[2].range == "00403000-00404000");
  CHECK_FALSE(all[2].mapping.is_executable);
  CHECK(all[0].mapping.is_executable);
  CHECK(all[0].range == "00401000-00403000");
  CHECK(all[0].mapping.begin == 0x401000);
  CHECK(all[0].mapping.end == 0x403000);
  CHECK(all[0].mapping.offset == 0x1000);
  CHECK(all[0].mapping.file_id.inode == 77);
  CHECK(all[0].mapping.path == "/bin/a b");
}

TEST_CASE("Functions of the program and of libraries have names, also when the process is gone") {
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  REQUIRE(child > 0);
  const ImageKey image{static_cast<std::uint32_t>(child), 10};
  Symbolizer symbolizer(make_mapping_reader());
  symbolizer.prepare(image);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ready[0]);
  close(ready[1]);

  const auto program = address_of(&price_on_sale);
  const auto library = reinterpret_cast<std::uint64_t>(&std::abort);
  const int local = 0;
  const auto stack = reinterpret_cast<std::uint64_t>(&local);
  const auto names =
      names_of(symbolizer, image, {program, program + 1, address_of(&anonymous_price), library, stack, 0x10});
  CHECK(names.at(program) == "backsight::collector::price_on_sale(int)");
  CHECK(names.at(program + 1) == "backsight::collector::price_on_sale(int)");
  CHECK(names.at(address_of(&anonymous_price)) ==
        "backsight::collector::(anonymous namespace)::anonymous_price(int)");
  CHECK(names.at(library) == "abort");
  CHECK(names.size() == 4);
  CHECK(names_of(symbolizer, {image.pid, 11}, {program}).empty());  // another image: never read
}

TEST_CASE("A virtual table has a name where objects point to, and nowhere else") {
  Symbolizer symbolizer(make_mapping_reader());
  const Discount discount;
  std::uint64_t table = 0;
  std::memcpy(&table, static_cast<const void*>(&discount), sizeof table);
  const auto names =
      names_of(symbolizer, {static_cast<std::uint32_t>(getpid()), 10}, {table, table - 8, table + 8});
  CHECK(names == std::map<std::uint64_t, std::string>{
                     {table, "vtable for backsight::collector::(anonymous namespace)::Discount"}});
}

TEST_CASE("A function that has two names is shown with both") {
  Symbolizer symbolizer(make_mapping_reader());
  const auto address = address_of(&merged_price);
  const auto name = names_of(symbolizer, {static_cast<std::uint32_t>(getpid()), 10}, {address}).at(address);
  CHECK(name.find("merged_price(int)") != std::string::npos);
  CHECK(name.find("other_price(int)") != std::string::npos);
}

TEST_CASE("An address is asked for once, and its name becomes a fact of the first row's time") {
  Fixture f;
  CHECK(f.prepared == std::vector<ImageKey>{{41, 10}});
  f.feed(100, 1, 0x401000);
  f.feed(110, 1, 0x401000);
  f.feed(120, 7, 0x402000);
  REQUIRE(f.questions.size() == 1);
  CHECK(f.questions[0].service == "shop");
  CHECK(f.questions[0].image == ImageKey{41, 10});
  REQUIRE(f.questions[0].addresses.size() == 1);
  CHECK(f.questions[0].addresses[0].address == 0x401000);
  const auto names = f.pipeline.checked({"shop", {41, 10}, 130, {{0x401000, 100, "on_sale(int)"}}});
  REQUIRE(names.size() == 1);
  f.pipeline.code_named("shop", names[0]);
  f.pipeline.flush(200);
  const auto& symbols = f.store.services["shop"].symbols;
  REQUIRE(symbols.size() == 1);
  CHECK(symbols[0] ==
        schema::CodeSymbol{
            schema::process_id("boot", 41, 10), 0x401000, {100 + f.store.base_ns}, "on_sale(int)"});
}

TEST_CASE("Names that were read from another program, or after libraries changed, are not taken") {
  Fixture f;
  f.feed(100, 1, 0x401000);
  const CodeAnswer answer{"shop", {41, 10}, 130, {{0x401000, 100, "on_sale(int)"}}};
  SECTION("exec before the mappings were read") {
    f.pipeline.process_started("shop", {41, 1, "/bin/other", {}, "cd", 120, {}});
    CHECK(f.pipeline.checked(answer).empty());
  }
  SECTION("exec behind it") {
    f.pipeline.process_started("shop", {41, 1, "/bin/other", {}, "cd", 140, {}});
    CHECK(f.pipeline.checked(answer).size() == 1);
  }
  SECTION("a library was loaded meanwhile: asked again with the next row") {
    f.pipeline.code_changed(41, 120);
    f.feed(140, 1, 0x401000);
    CHECK(f.pipeline.checked(answer).empty());
    REQUIRE(f.questions.size() == 2);
    CHECK(f.questions[1].addresses[0].since_boot_ns == 140);
    CHECK(f.pipeline.checked({"shop", {41, 10}, 150, {{0x401000, 140, "young()"}}}).size() == 1);
  }
  SECTION("a library was loaded after the mappings were read") {
    f.pipeline.code_changed(41, 140);
    CHECK(f.pipeline.checked(answer).size() == 1);
  }
}

TEST_CASE("How many addresses are asked for is bounded") {
  Fixture f;
  for (std::uint64_t i = 0; i < 5000; ++i) f.feed(100, 1, 0x401000 + i * 16);
  std::size_t asked = 0;
  for (const auto& question : f.questions) asked += question.addresses.size();
  CHECK(asked == 4096);
}

}  // namespace backsight::collector
