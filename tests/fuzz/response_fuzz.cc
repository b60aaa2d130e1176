// A response: head and body, as a broken or hostile backend may send them. First byte: the size of the reads.
#include "tests/fuzz/fuzz_util.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sheaf::wire;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t read_size = TakeByte(input) + 1U;
  const HeadLimits limits{.allow_underscores = true};
  const ScannedHead head = ScanBothWays(input, read_size, limits);
  if (head.verdict != HeadScanner::Verdict::kComplete) return 0;

  ResponseHead response;
  for (const std::string_view method : {"GET", "HEAD"}) {
    if (!ParseResponseHead(input.substr(0, head.size), limits, method, response)) return 0;
    Require(response.status >= 100 && response.status <= 999);
    Require(response.fields.size() <= limits.max_fields);
    Require(response.Count("Transfer-Encoding") == 0 ||
            (response.Count("Transfer-Encoding") == 1 && response.Count("Content-Length") == 0));
    Require(response.body != BodyKind::kUntilClose || !response.keep_alive);
    Require(response.status != 101 || (response.body == BodyKind::kNone && !response.keep_alive));
    Require(method != "HEAD" || response.body == BodyKind::kNone);
    DecodeBothWays(response.body, response.content_length, input.substr(head.size), read_size, Sender::kBackend);
  }
  return 0;
}
