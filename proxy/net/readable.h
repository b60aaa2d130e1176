// A descriptor that is none of a connection's, as an event of a loop.
//
//   auto readable = Readable::Watch(loop, fd, [this] { ... });       // until it is destroyed
//
// Whoever made the descriptor closes it, after this is destroyed. The loop outlives it; its thread only.
#pragma once

#include <functional>
#include <memory>

#include "proxy/base/status.h"

struct event;

namespace sheaf::net {

class Loop;

class Readable {
 public:
  // `told`: there is something to read. It is told again as long as there is.
  static Result<std::unique_ptr<Readable>> Watch(Loop& loop, int fd, std::function<void()> told);
  Readable(const Readable&) = delete;
  Readable& operator=(const Readable&) = delete;
  ~Readable();

 private:
  explicit Readable(std::function<void()> told) : told_(std::move(told)) {}
  static void OnReadable(int fd, short what, void* self);

  const std::function<void()> told_;
  event* event_ = nullptr;
};

}  // namespace sheaf::net
