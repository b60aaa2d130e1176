// A PROXY header of either version, as it comes in reads.
#include <algorithm>

#include "proxy/wire/proxy_header.h"
#include "tests/fuzz/fuzz_util.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sheaf::wire;
  using Verdict = ProxyHeaderScan::Verdict;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t read_size = TakeByte(input) + size_t{1};
  const ProxyHeaderScan whole = ScanProxyHeader(input);
  Require((whole.verdict == Verdict::kRefuse) == !whole.fault.empty());
  Require(whole.verdict != Verdict::kNeedMore || input.size() < kLongestProxyHeader);

  // How the bytes are cut must not change what a header is, and what follows it must not either.
  ProxyHeaderScan cut;
  for (size_t received = 0; cut.verdict == Verdict::kNeedMore && received < input.size();) {
    received = std::min(received + read_size, input.size());
    cut = ScanProxyHeader(input.substr(0, received));
  }
  Require(cut.verdict == whole.verdict && cut.size == whole.size && cut.ip == whole.ip && cut.source == whole.source);
  if (whole.verdict != Verdict::kComplete) return 0;
  Require(whole.size >= 15 && whole.size <= input.size() && whole.size <= kLongestProxyHeader);
  Require(ScanProxyHeader(input.substr(0, whole.size)).verdict == Verdict::kComplete);
  Require(ScanProxyHeader(input.substr(0, whole.size - 1)).verdict == Verdict::kNeedMore);
  Require(whole.source == ProxyHeaderScan::Source::kNamed || whole.ip == ProxyHeaderScan{}.ip);
  return 0;
}
