#include "collector/proc_fs.h"

#include "tests/support/result.h"

#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>

namespace backsight::collector {

TEST_CASE("stat is read whatever the process calls itself") {
  const auto facts = parse_stat(
      "41 (a) b) R 7) S 7 41 41 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 12345 1000 100 18446744073709551615");
  REQUIRE(facts);
  CHECK(facts->pid == 41);
  CHECK_FALSE(parse_stat(""));
  CHECK_FALSE(parse_stat("41 (a"));
  CHECK_FALSE(parse_stat("41 (a) S 1 2"));
  const auto plain = parse_stat("41 (a b) S 7 41 41 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 12345 1000 100");
  REQUIRE(plain);
  CHECK(plain->parent_pid == 7);
  CHECK(plain->start_boot_ns == 123'450'000'000);
}

TEST_CASE("maps: files with their inodes, odd lines skipped") {
  const auto entries = parse_maps(
      "55d0-55d8 r-xp 00002000 fe:10 247134                     /usr/bin/a b (deleted)\n"
      "7f00-7f08 rw-p 00000000 00:00 0 \n"
      "7ffe-7fff r-xp 00000000 00:00 0                          [vdso]\n"
      "garbage\n"
      "7f10-7f18 r--p 00000000 zz:10 5 /x\n"
      "7f20-7f28 r--p 00000000 00:2a 18446744073709551615 /lib/y.so");
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].range == "55d0-55d8");
  CHECK(entries[0].inode == 247134);
  CHECK(entries[0].path == "/usr/bin/a b");
  CHECK(entries[0].executable);
  CHECK_FALSE(entries[1].executable);
  CHECK(entries[1].inode == ~std::uint64_t{0});
}

TEST_CASE("cgroups of version 1 and 2, each path once") {
  CHECK(parse_cgroups("9:name=systemd:/a.service\n8:pids:/a.service\n0::/b:c\nbad\n") ==
        std::vector<std::string>{"/a.service", "/b:c"});
  CHECK(parse_cgroups("").empty());
}

TEST_CASE("Start times of kernel and /proc are the same within a tick") {
  CHECK(same_start(123'456'789'012, 123'450'000'000));
  CHECK_FALSE(same_start(123'460'000'000, 123'450'000'000));
}

TEST_CASE("This process as /proc shows it") {
  auto proc = make_proc_fs();
  const auto pids = proc->list_pids();
  CHECK(std::find(pids.begin(), pids.end(), static_cast<std::uint32_t>(getpid())) != pids.end());
  const auto facts = proc->read_process(static_cast<std::uint32_t>(getpid()));
  REQUIRE(facts);
  CHECK(facts->exe == std::filesystem::read_symlink("/proc/self/exe"));
  CHECK(facts->parent_pid == static_cast<std::uint32_t>(getppid()));
  CHECK_FALSE(facts->cmdline.empty());
  const auto modules = proc->open_modules(static_cast<std::uint32_t>(getpid()));
  REQUIRE(modules);
  const auto is_libc = [](const LoadedFile& file) { return file.path.find("libc.so") != std::string::npos; };
  CHECK(std::count_if(modules->begin(), modules->end(), is_libc) == 1);
  const auto is_exe = [&](const LoadedFile& file) { return file.path == facts->exe; };
  CHECK(std::none_of(modules->begin(), modules->end(), is_exe));
  for (const LoadedFile& file : *modules) CHECK(file.file->located() == file.path);
}

TEST_CASE("A process that is not there is not found") {
  auto proc = make_proc_fs();
  const auto facts = proc->read_process(4194304);
  REQUIRE_FALSE(facts);
  CHECK(facts.error().code == schema::ErrorCode::kNotFound);
  CHECK_FALSE(proc->open_executable(4194304));
  CHECK_FALSE(proc->open_modules(4194304));
}

TEST_CASE("A binary replaced while it runs is opened as it runs") {
  char directory[] = "/tmp/backsight-proc-XXXXXX";
  REQUIRE(mkdtemp(directory));
  const auto target = std::string(directory) + "/target";
  std::filesystem::copy_file("/bin/sleep", target);
  const auto pid = fork();
  if (pid == 0) {
    execl(target.c_str(), "target", "60", nullptr);
    _exit(127);
  }
  auto proc = make_proc_fs();
  for (;; usleep(1000)) {
    const auto exe = proc->read_exe(static_cast<std::uint32_t>(pid));
    if (exe && *exe == target) break;
  }
  struct stat running {};
  stat(target.c_str(), &running);
  std::filesystem::remove(target);
  std::filesystem::copy_file("/bin/cat", target);

  const auto file = proc->open_executable(static_cast<std::uint32_t>(pid));
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  REQUIRE(file);
  CHECK(file->path == target);
  CHECK(file->file->located() == "/proc/" + std::to_string(pid) + "/root" + target);
  CHECK(file->id.inode == running.st_ino);
  // Still the same file, though the path has another and the process is gone.
  struct stat opened {};
  REQUIRE(stat(file->file->path().c_str(), &opened) == 0);
  CHECK(opened.st_ino == running.st_ino);
  std::filesystem::remove_all(directory);
}

}  // namespace backsight::collector
