// The watch of files with real files, as people, certbot and Kubernetes change them.
#include "proxy/control/file_watch.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/fakes/loop_driver.h"

namespace sheaf {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

struct Folder {
  Folder() {
    path = fs::temp_directory_path() / ("sheaf-watch-" + std::to_string(getpid()));
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }

  void Write(const std::string& name, const std::string& text) const { std::ofstream(path / name) << text; }
  std::string At(const std::string& name) const { return (path / name).string(); }

  fs::path path;
};

struct Watching : Folder {
  Watching() {
    auto made = FileWatch::Create(driver.loop(), [this] { ++changes; });
    REQUIRE(made.ok());
    watch = std::move(made.value());
  }
  // Long enough that a change is told; what never comes cannot be awaited otherwise.
  int ChangesSoon() {
    driver.For(400ms);
    return std::exchange(changes, 0);
  }

  LoopDriver driver;
  int changes = 0;
  std::unique_ptr<FileWatch> watch;
};

}  // namespace

TEST_CASE("a file that was written to has changed once, however often it was written to") {
  Watching it;
  it.Write("a.conf", "1");
  it.watch->Watch({it.At("a.conf")});
  it.Write("a.conf", "2");
  it.Write("a.conf", "3");
  CHECK(it.ChangesSoon() == 1);
  it.Write("other", "x");
  CHECK(it.ChangesSoon() == 0);
}

TEST_CASE("a file that is open for writing, was read or touched has not changed") {
  Watching it;
  it.Write("a.conf", "1");
  it.watch->Watch({it.At("a.conf")});
  std::ofstream half(it.At("a.conf"), std::ios::app);
  half << "more" << std::flush;
  fs::last_write_time(it.At("a.conf"), fs::file_time_type::clock::now());
  fs::permissions(it.At("a.conf"), fs::perms::owner_all);
  CHECK(it.ChangesSoon() == 0);
  half.close();
  CHECK(it.ChangesSoon() == 1);
}

TEST_CASE("another file that is moved to the name is a change, as editors make it") {
  Watching it;
  it.Write("a.conf", "1");
  it.watch->Watch({it.At("a.conf")});
  it.Write("a.conf.new", "2");
  fs::rename(it.At("a.conf.new"), it.At("a.conf"));
  CHECK(it.ChangesSoon() == 1);
}

TEST_CASE("a link that is made anew is a change, as certbot makes it") {
  Watching it;
  fs::create_directories(it.At("archive"));
  it.Write("archive/key1.pem", "1");
  fs::create_symlink("archive/key1.pem", it.At("key.pem"));
  it.watch->Watch({it.At("key.pem")});
  it.Write("archive/key2.pem", "2");
  CHECK(it.ChangesSoon() == 0);
  fs::remove(it.At("key.pem"));
  fs::create_symlink("archive/key2.pem", it.At("key.pem"));
  CHECK(it.ChangesSoon() == 1);
}

TEST_CASE("what a link leads to is watched, wherever it lies") {
  Watching it;
  fs::create_directories(it.At("real"));
  it.Write("real/a.conf", "1");
  fs::create_symlink("real/a.conf", it.At("a.conf"));
  it.watch->Watch({it.At("a.conf")});
  it.Write("real/a.conf", "2");
  CHECK(it.ChangesSoon() == 1);
}

TEST_CASE("a ConfigMap changes with the swap of its link alone") {
  Watching it;
  fs::create_directories(it.At("..1"));
  it.Write("..1/a.conf", "1");
  fs::create_directory_symlink("..1", it.At("..data"));
  fs::create_symlink("..data/a.conf", it.At("a.conf"));
  it.watch->Watch({it.At("a.conf")});
  fs::create_directories(it.At("..2"));
  it.Write("..2/a.conf", "2");
  CHECK(it.ChangesSoon() == 0);
  fs::create_directory_symlink("..2", it.At("..data_tmp"));
  fs::rename(it.At("..data_tmp"), it.At("..data"));
  CHECK(it.ChangesSoon() == 1);
}

TEST_CASE("a folder that comes later, or again, is found, and its files have changed") {
  Watching it;
  it.watch->Watch({it.At("late/a.conf")});
  fs::create_directories(it.At("late"));
  it.Write("late/a.conf", "1");
  it.driver.Until([&it] { return it.changes == 1; });
  fs::remove_all(it.At("late"));
  fs::create_directories(it.At("late"));
  it.driver.Until([&it] { return it.changes == 2; });
}

TEST_CASE("files that are not watched any more say nothing") {
  Watching it;
  it.Write("a.conf", "1");
  it.Write("b.conf", "1");
  it.watch->Watch({it.At("a.conf")});
  it.watch->Watch({it.At("b.conf")});
  it.Write("a.conf", "2");
  CHECK(it.ChangesSoon() == 0);
  it.Write("b.conf", "2");
  CHECK(it.ChangesSoon() == 1);
}

}  // namespace sheaf
