// Keeps an Upstream wanted: a route plan, or whoever else sends to a backend, holds one. Counted without atomics, so in
// the Upstream's own thread only.
#pragma once

#include <utility>

#include "pool/upstream.h"

namespace sheaf::pool {

class UpstreamRef {
 public:
  UpstreamRef() = default;
  explicit UpstreamRef(Upstream& upstream) : upstream_(&upstream) { upstream.Want(); }
  UpstreamRef(const UpstreamRef& other) : upstream_(other.upstream_) {
    if (upstream_ != nullptr) upstream_->Want();
  }
  UpstreamRef(UpstreamRef&& other) noexcept : upstream_(std::exchange(other.upstream_, nullptr)) {}
  UpstreamRef& operator=(UpstreamRef other) noexcept {
    std::swap(upstream_, other.upstream_);
    return *this;
  }
  ~UpstreamRef() {
    if (upstream_ != nullptr) upstream_->Unwant();
  }

  explicit operator bool() const { return upstream_ != nullptr; }
  Upstream& operator*() const { return *upstream_; }
  Upstream* operator->() const { return upstream_; }

 private:
  Upstream* upstream_ = nullptr;
};

}  // namespace sheaf::pool
