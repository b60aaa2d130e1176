// A WebSocket handshake: a request, and behind it what the backend answers.
#include "proxy/wire/ws_handshake.h"
#include "tests/fuzz/fuzz_util.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sheaf::wire;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const HeadLimits limits;
  const ScannedHead head = ScanInReads(input, input.size(), limits);
  if (head.verdict != HeadScanner::Verdict::kComplete) return 0;

  RequestHead request;
  if (ParseRequestHead(input.substr(0, head.size), limits, request)) return 0;
  const std::vector<std::string> allowed = {"https://a.example", "https://*.example.org"};
  const auto origin = request.Find("Origin");
  Require(!OriginAllowed(origin, allowed) || !origin || origin->size() > 15);
  if (CheckUpgradeRequest(request)) return 0;
  Require(request.method == "GET" && request.body == BodyKind::kNone && request.Count("Sec-WebSocket-Key") == 1);

  const std::string accept = WebSocketAccept(*request.Find("Sec-WebSocket-Key"));
  Require(accept.size() == 28);
  ResponseHead response;
  if (!ParseResponseHead(input.substr(head.size), limits, "GET", response)) return 0;
  const std::string offered(request.Find("Sec-WebSocket-Protocol").value_or(""));
  if (!CheckUpgradeResponse(response, accept, offered).empty()) return 0;
  Require(response.status == 101 && response.Find("Sec-WebSocket-Accept") == accept);
  const auto chosen = response.Find("Sec-WebSocket-Protocol");
  Require(!chosen || offered.find(*chosen) != std::string::npos);
  return 0;
}
