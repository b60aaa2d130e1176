// The thread that watches memory.
#include "memwatch/memory_watcher.h"

#include <doctest/doctest.h>

#include "tests/unit/memwatch/fake_root.h"

namespace sheaf::memwatch {
namespace {

TEST_CASE("There is a reading as soon as the watcher has started") {
  const FakeRoot root;
  WorkerMetrics metrics;
  Options::Memory options;
  options.limit = uint64_t{1} << 40;
  options.check_interval = std::chrono::hours(1);
  MemoryWatcher watcher(options, root.path(), metrics);
  CHECK_FALSE(watcher.monitor().history().Latest().has_value());
  watcher.Start();
  const auto sample = watcher.monitor().history().Latest();
  REQUIRE(sample.has_value());
  CHECK(sample->reading.limit == options.limit);
  watcher.Stop();
}

}  // namespace
}  // namespace sheaf::memwatch
