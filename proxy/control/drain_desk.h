// Who asks for a drain, and who waits for its end: an operator, or a preStop hook. However many ask, there is one
// drain.
//
//   DrainDesk drains(lifecycle, metrics);
//   drains.Await(now, [](const DrainAnswer& answer) { ... });     // maybe at once
//
// Owned by the Server, which hands on what the lifecycle tells; the main thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/drain_answer.h"
#include "proxy/base/metrics.h"
#include "proxy/control/lifecycle.h"

namespace sheaf {

class DrainDesk {
 public:
  // Called once.
  using Answered = std::function<void(const DrainAnswer&)>;

  DrainDesk(Lifecycle& lifecycle, const MetricsRegistry& metrics) : lifecycle_(lifecycle), metrics_(metrics) {}
  DrainDesk(const DrainDesk&) = delete;
  DrainDesk& operator=(const DrainDesk&) = delete;

  // Begins a drain, or joins the one that there is; the answer is how things stand then.
  void Begin(TimePoint now, const Answered& answered);
  // The same, but the answer is how it ended.
  void Await(TimePoint now, Answered answered);
  void Undrain(const Answered& answered);

  // As of LifecycleEvents.
  void OnDrain();
  void OnDrainOver(DrainEnd end);

 private:
  // How things stand.
  DrainAnswer Present() const;

  Lifecycle& lifecycle_;
  const MetricsRegistry& metrics_;
  std::optional<uint64_t> closed_before_;  // sessions closed by earlier drains, once this one tells them to go
  std::vector<Answered> waiting_;
};

}  // namespace sheaf
