// What the workers' pools of one endpoint may use together: pool.max_size and pool.max_waiting hold for the whole
// process.
//
// An Endpoint's; any thread. The counts are relaxed: between two workers that decide in the same moment a few
// requests more or less may be let wait.
#pragma once

#include <atomic>
#include <cstdint>

namespace sheaf::pool {

class PoolBudget {
 public:
  PoolBudget(uint32_t max_links, uint32_t max_waiting) : max_links_(max_links), max_waiting_(max_waiting) {}

  // Other bounds from now on. Where more is in use than they allow, nothing is taken back: what is returned goes
  // unused.
  void SetBounds(uint32_t max_links, uint32_t max_waiting) {
    max_links_.store(max_links, std::memory_order_relaxed);
    max_waiting_.store(max_waiting, std::memory_order_relaxed);
  }

  bool TakeLink() { return Take(links_, max_links_.load(std::memory_order_relaxed)); }
  void ReturnLink() { links_.fetch_sub(1, std::memory_order_relaxed); }
  bool full() const { return links() >= max_links_.load(std::memory_order_relaxed); }
  bool overfull() const { return links() > max_links_.load(std::memory_order_relaxed); }

  // A request waits for a link. Only those for which there is no room below max_links, so that they must wait until
  // another one is done, count against max_waiting; the others wait for a dial of their own.
  bool TakeWaiting();
  void ReturnWaiting() { waiting_.fetch_sub(1, std::memory_order_relaxed); }
  uint32_t waiting() const { return waiting_.load(std::memory_order_relaxed); }

  // So many more (or fewer) links serve nobody: they are idle, or being dialled.
  void AddSpare(int32_t change) { spare_.fetch_add(change, std::memory_order_relaxed); }

 private:
  static bool Take(std::atomic<uint32_t>& count, uint64_t limit);
  uint32_t links() const { return links_.load(std::memory_order_relaxed); }

  std::atomic<uint32_t> max_links_;
  std::atomic<uint32_t> max_waiting_;
  std::atomic<uint32_t> links_{0};
  std::atomic<uint32_t> waiting_{0};
  std::atomic<int32_t> spare_{0};  // of links_
};

}  // namespace sheaf::pool
