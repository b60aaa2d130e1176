// One HTTP/1.1 exchange on an upstream connection, without a socket: the codec under test, its host, and its stream.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pool/http1_codec.h"
#include "pool/pooled_stream.h"
#include "tests/fakes/fake_codec_host.h"
#include "tests/fakes/pool_fixture.h"

namespace sheaf::pool {

using Verdict = Codec::Verdict;

// Where the streams would wait for a connection; none of these does.
inline Upstream& Nowhere() {
  static PoolFixture fixture;
  if (!fixture.upstream) fixture.Start();
  return *fixture.upstream;
}

struct Exchange {
  explicit Exchange(HttpRequest asked = Request("GET"), const Options::Limits& options = {})
      : limits(ResponseHeadLimits(options)),
        codec(host, limits, head),
        stream(std::make_unique<PooledStream>(Nowhere(), std::move(asked), host.recorder, 0)) {
    Begin();
  }
  explicit Exchange(std::shared_ptr<const Upgrade> asked)
      : codec(host, limits, head),
        stream(std::make_unique<PooledStream>(Nowhere(), std::move(asked), host.recorder, 0)) {
    Begin();
  }
  void Begin() {
    codec.Attach(*stream);
    asked = std::exchange(host.written, std::string());
  }
  // The stream is closed from within the `nth` event that begins with `word`.
  void CloseDuring(std::string_view word, int nth = 1) {
    host.CloseDuring(
        word, [this] { stream->Close(CloseReason::kClientGone); }, nth);
  }

  // Feeds one read. The bytes lie in memory of their own, so that a sanitizer sees a view that is kept.
  Verdict Feed(std::string_view part) {
    std::vector<uint8_t> bytes(part.begin(), part.end());
    std::span<uint8_t> input = bytes;
    const Verdict verdict = codec.OnBytes(input);
    rest.assign(input.begin(), input.end());
    if (verdict == Verdict::kUpgraded) {
      accept = head.Find("Sec-WebSocket-Accept").value_or("");  // a view that may point into `bytes`
    }
    return verdict;
  }
  // Feeds what is before and after `split`, as two reads; what the first one decides stands.
  Verdict FeedSplit(std::string_view response, size_t split) {
    if (split != 0) {
      const Verdict first = Feed(response.substr(0, split));
      if (first != Verdict::kGoOn) return first;
      CHECK(rest.empty());
    }
    return Feed(response.substr(split));
  }

  FakeCodecHost host;
  wire::HeadLimits limits = ResponseHeadLimits({});
  wire::ResponseHead head;
  Http1Codec codec;
  std::unique_ptr<PooledStream> stream;
  std::string asked;  // what went upstream at the beginning
  std::string rest;
  std::string accept;  // of the 101, when there was one
};

}  // namespace sheaf::pool
