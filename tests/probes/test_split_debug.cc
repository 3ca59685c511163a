// Debug information that is spread over files: split units, packages, type
// units, dwz; and the cache of indexes.
#include "probes/file_cache.h"
#include "probes/index_format.h"
#include "tests/probes/planner_support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>

namespace backsight::probes {

namespace {

using Catch::Contains;

const std::string kSource =
    "struct Item { int id; long price; };\n"
    "namespace { struct Hidden { int value; }; }\n"
    "static int __attribute__((noinline)) peek(const Hidden* h) { return h->value; }\n"
    "namespace shop {\n"
    "__attribute__((noinline)) long total(const Item* item, int count) {\n"
    "  asm volatile(\"\" ::: \"memory\");\n"
    "  return item->price * count;\n"
    "}\n"
    "}\n"
    "int main(int c, char**) {\n"
    "  Item i{c, 2}; Hidden h{c};\n"
    "  return static_cast<int>(shop::total(&i, c)) + peek(&h);\n"
    "}\n";

// A cache with the index of one target.
struct CachedIndex {
  ScratchDirectory scratch;
  Binary::Options options;
  std::string path;
  std::string original;

  CachedIndex() {
    options.files = std::make_shared<FileCache>(scratch / "cache");
    open_target(target("planner_c"), options);
    path = std::filesystem::directory_iterator(scratch / "cache")->path().string();
    original = read_text(path);
  }
};

struct Build {
  std::string compiler;
  std::string options;
};

// A program in `scratch`, compiled there.
std::string build(const ScratchDirectory& scratch, const Build& how) {
  std::ofstream(scratch / "shop.cc") << kSource;
  run("cd " + (scratch / "") + " && " + how.compiler + " -O2 -g " + how.options +
      " -c shop.cc -o shop.o && " + how.compiler + " -Wl,--build-id shop.o -o shop");
  return scratch / "shop";
}

PlanResult total(const std::string& path, const Binary::Options& options = {}) {
  return open_target(path, options)->plan(probe_of("shop::total", {"item->price", "count"}));
}

void check_total(const PlanResult& result) {
  for (const Issue& issue : result.issues) UNSCOPED_INFO(issue.message);
  REQUIRE(result.plans.size() == 1);
  const CompiledPlan& plan = result.plans[0];
  CHECK(plan.plan.signature == "shop::total(Item const*, int)");
  CHECK(plan.plan.source.line == 5);
  CHECK_THAT(plan.plan.source.file, Contains("shop.cc"));
  for (const Issue& issue : plan.issues) UNSCOPED_INFO(issue.message);
  CHECK(plan.issues.empty());
}

// What starts from an address: compilers say in the main file only which code a unit has.
void check_line(const std::string& path, const Binary::Options& options = {}) {
  const PlanResult result = open_target(path, options)->plan(probe_of("shop.cc:7", {"item->price", "count"}));
  for (const Issue& issue : result.issues) UNSCOPED_INFO(issue.message);
  REQUIRE(result.plans.size() == 1);
  CHECK(result.plans[0].plan.function == "shop::total");
}

}  // namespace

TEST_CASE("split DWARF and type units of gcc and clang, DWARF 4 and 5") {
  const ScratchDirectory scratch;
  const std::string compiler = GENERATE("g++", "clang++-14");
  const std::string version = GENERATE("-gdwarf-4", "-gdwarf-5");
  const std::string options = GENERATE("-gsplit-dwarf", "-gsplit-dwarf -fdebug-types-section",
                                       "-fdebug-types-section", "-gz=zlib", "-ffunction-sections");
  INFO(compiler << " " << version << " " << options);
  const std::string path = build(scratch, {compiler, version + " " + options});
  check_total(total(path));
  check_line(path);
  Binary::Options mapped;
  mapped.map_files = true;
  check_total(total(path, mapped));
  check_line(path, mapped);
}

TEST_CASE("split units in a package beside the binary") {
  const ScratchDirectory scratch;
  const std::string version = GENERATE("-gdwarf-4", "-gdwarf-5");
  INFO(version);
  const std::string path = build(scratch, {"g++", version + " -gsplit-dwarf"});
  if (std::system("command -v dwp > /dev/null") != 0) return;
  if (std::system(("cd " + (scratch / "") + " && dwp -e shop -o shop.dwp 2> /dev/null").c_str()) != 0) {
    WARN("this dwp does not pack " << version);
    return;
  }
  run("rm " + (scratch / "shop.dwo"));
  check_total(total(path));
  check_line(path);
}

TEST_CASE("a .dwo file that is gone or of another build is named") {
  const ScratchDirectory scratch;
  const std::string path = build(scratch, {"g++", "-gsplit-dwarf"});
  const bool replace = GENERATE(false, true);
  run("mv " + (scratch / "shop.dwo") + " " + (scratch / "kept"));
  if (replace) {
    run("cd " + (scratch / "") +
        " && sed s/Item/Thing/g shop.cc > other.cc && g++ -O1 -g -gsplit-dwarf -c other.cc -o other.o && mv "
        "other.dwo "
        "shop.dwo");
  }
  const auto binary = open_target(path);
  REQUIRE(binary->debug_issues().size() == 1);
  CHECK_THAT(binary->debug_issues()[0].message,
             Contains("1 of 1 units") && Contains(replace ? "another build" : "cannot be found"));
  const PlanResult result = binary->plan(probe_of("shop::total"));
  CHECK(result.plans.empty());
  REQUIRE(result.issues.size() == 1);
  CHECK_THAT(result.issues[0].message, Contains("1 of 1 units"));
}

TEST_CASE("what dwz moved to an alternate file") {
  if (std::system("command -v dwz > /dev/null") != 0) return;
  const ScratchDirectory scratch;
  build(scratch, {"g++", ""});
  run("cd " + (scratch / "") + " && cp shop other && dwz -m common.debug -M " + (scratch / "common.debug") +
      " shop other");
  const std::string path = scratch / "shop";
  run("readelf -SW " + path + " | grep -q gnu_debugaltlink");
  check_total(total(path));
  run("rm " + (scratch / "common.debug"));
  const auto binary = open_target(path);
  REQUIRE_FALSE(binary->debug_issues().empty());
  CHECK_THAT(binary->debug_issues()[0].message, Contains("alternate debug file"));
}

TEST_CASE("a section that is compressed with zstd is named") {
  const ScratchDirectory scratch;
  run("objcopy --compress-debug-sections=zlib " + target("planner_c") + " " + (scratch / "zstd"));
  // The method is the first word of the section: made by hand, as binutils may not know it.
  run("python3 - " + (scratch / "zstd") + R"PY( <<'END'
import struct, sys
data = bytearray(open(sys.argv[1], 'rb').read())
table, = struct.unpack_from('<Q', data, 40)
size, count, names = struct.unpack_from('<HHH', data, 58)
strings, = struct.unpack_from('<Q', data, table + names * size + 24)
for i in range(count):
    name, kind, flags, address, offset = struct.unpack_from('<IIQQQ', data, table + i * size)
    if flags & 0x800 and data[strings + name:].startswith(b'.debug_info\0'):
        struct.pack_into('<I', data, offset, 2)
open(sys.argv[1], 'wb').write(data)
END)PY");
  const auto binary = open_target(scratch / "zstd");
  REQUIRE(binary->debug_issues().size() == 1);
  CHECK_THAT(binary->debug_issues()[0].message, Contains(".debug_info") && Contains("zstd"));
  CHECK_THAT(binary->debug_issues()[0].hint, Contains("objcopy --decompress-debug-sections"));
}

TEST_CASE("types that are local to a file are never taken from another") {
  const ScratchDirectory scratch;
  // Both have a type of that name of their own; a.cc knows the name of its own only.
  std::ofstream(scratch / "a.cc")
      << "namespace { struct Hidden; }\n"
         "extern \"C\" __attribute__((noinline, used)) long peek(Hidden* h) {\n"
         "  asm volatile(\"\" ::: \"memory\"); return reinterpret_cast<long>(h); }\n"
         "int main() { return static_cast<int>(peek(nullptr)); }\n";
  std::ofstream(scratch / "b.cc") << "namespace { struct Hidden { int value; }; }\n"
                                     "extern \"C\" __attribute__((noinline, used)) int look(Hidden* h) {\n"
                                     "  asm volatile(\"\" ::: \"memory\"); return h->value; }\n";
  run("cd " + (scratch / "") + " && g++ -w -O2 -g a.cc b.cc -o both");
  const auto binary = open_target(scratch / "both");
  const PlanResult own = binary->plan(probe_of("look", {"h->value"}));
  REQUIRE(own.plans.size() == 1);
  CHECK(own.plans[0].issues.empty());
  const PlanResult other = binary->plan(probe_of("peek", {"h->value"}));
  REQUIRE(other.plans.size() == 1);
  CHECK(other.plans[0].issues.size() == 1);
}

TEST_CASE("the second plan reads the cached index") {
  const ScratchDirectory scratch;
  const std::string directory = scratch / "cache";
  Binary::Options options;
  options.files = std::make_shared<FileCache>(directory);
  const PlanResult first = open_target(target("planner_shop"), options)->plan(probe_of("shop::*"));
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) files.push_back(entry.path());
  REQUIRE(files.size() == 1);
  struct stat status {};
  REQUIRE(::stat(files[0].c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  const PlanResult second = open_target(target("planner_shop"), options)->plan(probe_of("shop::*"));
  REQUIRE(first.plans.size() == second.plans.size());
  for (std::size_t i = 0; i < first.plans.size(); ++i) {
    CHECK(dump_plan(first.plans[i]) == dump_plan(second.plans[i]));
  }
}

TEST_CASE("a .dwo file that went away behind the cached index is named") {
  const ScratchDirectory scratch;
  const std::string path = build(scratch, {"g++", "-gsplit-dwarf"});
  Binary::Options options;
  options.files = std::make_shared<FileCache>(scratch / "cache");
  check_total(total(path, options));
  run("rm " + (scratch / "shop.dwo"));
  const PlanResult result = total(path, options);
  CHECK(result.plans.empty());
  REQUIRE(result.issues.size() == 1);
  CHECK_THAT(result.issues[0].message, Contains("1 of 1 units") && Contains("cannot be found"));
}

TEST_CASE("an index of another version or of another builder is made anew") {
  const CachedIndex cached;
  const Binary::Options& options = cached.options;
  const std::string& path = cached.path;
  const std::string& original = cached.original;
  // An index without functions, so that it shows whether it is used.
  const auto write = [&](std::uint32_t version, std::uint64_t other_identity) {
    IndexHeader header;
    REQUIRE(original.size() > sizeof(header));
    std::memcpy(&header, original.data(), sizeof(header));
    header.parts[static_cast<std::size_t>(IndexPart::kFunctions)].size = 0;
    header.version = version;
    header.identity ^= other_identity;
    header.checksum =
        index_checksum({reinterpret_cast<const char*>(&header), offsetof(IndexHeader, checksum)});
    std::string bytes = original;
    std::memcpy(bytes.data(), &header, sizeof(header));
    std::ofstream(path, std::ios::binary) << bytes;
  };
  // By a pattern: a plain name is found by its symbol, too.
  const auto plans = [&] { return open_target(target("planner_c"), options)->plan(probe_of("lea?")).plans; };
  write(kIndexVersion, 0);
  CHECK(plans().empty());
  for (const auto& [version, identity] : std::vector<std::pair<std::uint32_t, std::uint64_t>>{
           {kIndexVersion - 1, 0}, {kIndexVersion + 1, 0}, {kIndexVersion, 1}}) {
    write(version, identity);
    CHECK(plans().size() == 1);
    CHECK(read_text(path) == original);
  }
}

TEST_CASE("a damaged index ends nothing") {
  const CachedIndex cached;
  const Binary::Options& options = cached.options;
  const std::string& path = cached.path;
  const std::string& original = cached.original;
  for (std::size_t i = 0; i < original.size(); i += 1 + original.size() / 400) {
    std::string damaged = original;
    damaged[i] = static_cast<char>(damaged[i] ^ 0xff);
    std::ofstream(path, std::ios::binary) << damaged;
    const auto binary = open_target(target("planner_c"), options);
    binary->plan(probe_of("set_command", {"c->argv[0..c->argc]"}));
    binary->plan(probe_of("nothing_of_the_kind"));
  }
  std::ofstream(path, std::ios::binary) << original.substr(0, original.size() / 2);
  CHECK(open_target(target("planner_c"), options)->plan(probe_of("leaf")).plans.size() == 1);
}

TEST_CASE("the cache is bounded: the least recently used makes room") {
  const ScratchDirectory scratch;
  FileCache cache(scratch / "cache", 250);
  const std::vector<std::byte> bytes(100);
  for (const char* key : {"a-1", "b-2", "c-3"}) {
    REQUIRE(cache.save_index(key, bytes).has_value());
    const timespec times[2] = {{key[2] - '0', 0}, {key[2] - '0', 0}};
    REQUIRE(::utimensat(AT_FDCWD, (scratch / ("cache/" + std::string(key) + ".index")).c_str(), times, 0) ==
            0);
  }
  REQUIRE(cache.save_index("d-4", bytes).has_value());
  CHECK_FALSE(cache.open_index("a-1").has_value());
  CHECK_FALSE(cache.open_index("b-2").has_value());
  const auto kept = cache.open_index("d-4");
  REQUIRE(kept.has_value());
  ::close(*kept);
  CHECK_FALSE(cache.open_index("../etc/passwd").has_value());
}

TEST_CASE("methods of classes that are described in type units have the class's name") {
  const ScratchDirectory scratch;
  std::ofstream(scratch / "units.cc")
      << "namespace shop { template <class T, int N> struct Bag { T items[N];\n"
         "  __attribute__((noinline)) T sum(T more) const { T all = more; for (T i : items) all += i; return "
         "all; } }; }\n"
         "int main(int c, char**) { shop::Bag<long, 2> bag{{c, 2}}; return static_cast<int>(bag.sum(c)); }\n";
  const char* compiler = GENERATE("g++", "clang++-14");
  const char* version = GENERATE("-gdwarf-4", "-gdwarf-5");
  const char* split = GENERATE("", "-gsplit-dwarf");
  INFO(compiler << " " << version << " " << split);
  run("cd " + (scratch / "") + " && " + compiler + " -O1 -g " + version + " " + split +
      " -fdebug-types-section -c units.cc -o units.o && " + compiler + " -Wl,--build-id units.o -o units");
  const PlanResult result =
      open_target(scratch / "units")->plan(probe_of("shop::Bag<*>::sum", {"this->items[1]", "more"}));
  for (const Issue& issue : result.issues) UNSCOPED_INFO(issue.message);
  REQUIRE(result.plans.size() == 1);
  CHECK_THAT(result.plans[0].plan.function, Contains("shop::Bag<long") && Contains("::sum"));
  for (const schema::Capture& capture : result.plans[0].plan.captures)
    CHECK(capture.unavailable == schema::Unavailable::kNone);
}

}  // namespace backsight::probes
