// Name servers of a Resolver, as the test says: each look-up takes the next answer that is staged, the last one again
// when there is no other, and waits while none is.
//
//   auto names = std::make_shared<StagedNames>();
//   names->Stage({Ip("127.0.0.1:80")});
//   Resolver resolver(loop, "backend:80", {.interval = 10s}, names->Lookup(), events);
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "proxy/control/resolver.h"

namespace sheaf {

inline net::Address Ip(const std::string& text) {
  const Result<net::Address> address = net::Address::Resolve(text);
  REQUIRE(address.ok());
  return address.value();
}

class StagedNames : public std::enable_shared_from_this<StagedNames> {
 public:
  // Holds this, as a look-up that hangs must.
  Resolver::Lookup Lookup() {
    return [self = shared_from_this()](const std::string& name) { return self->LookUp(name); };
  }

  // In place of what was staged.
  void Stage(Resolver::Answer answer) {
    const std::scoped_lock lock(mutex_);
    answers_.assign(1, std::move(answer));
    changed_.notify_all();
  }
  // Behind what was staged.
  void Then(Resolver::Answer answer) {
    const std::scoped_lock lock(mutex_);
    answers_.push_back(std::move(answer));
    changed_.notify_all();
  }
  // From now on nothing answers.
  void Hang() {
    const std::scoped_lock lock(mutex_);
    answers_.clear();
  }

  int begun() const { return Read(begun_); }
  int ended() const { return Read(ended_); }
  int most_at_once() const { return Read(most_at_once_); }
  std::string last_name() const {
    const std::scoped_lock lock(mutex_);
    return last_name_;
  }

 private:
  int Read(const int& number) const {
    const std::scoped_lock lock(mutex_);
    return number;
  }
  Resolver::Answer LookUp(const std::string& name) {
    std::unique_lock lock(mutex_);
    last_name_ = name;
    ++begun_;
    most_at_once_ = std::max(most_at_once_, begun_ - ended_);
    changed_.wait(lock, [this] { return !answers_.empty(); });
    Resolver::Answer answer = answers_.front();
    if (answers_.size() > 1) answers_.pop_front();
    ++ended_;
    return answer;
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Resolver::Answer> answers_;
  int begun_ = 0;
  int ended_ = 0;
  int most_at_once_ = 0;
  std::string last_name_;
};

}  // namespace sheaf
