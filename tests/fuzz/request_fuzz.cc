// A request: head, target and body, as a client may send them. First byte: the size of the reads.
#include "proxy/wire/forwarded.h"
#include "tests/fuzz/fuzz_util.h"

namespace sheaf::wire {
namespace {

std::string Serialize(const RequestHead& request) {
  std::string head(request.method);
  head.append(" ").append(request.target).append(request.minor_version == 1 ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
  for (const Field& field : request.fields) head.append(field.name).append(": ").append(field.value).append("\r\n");
  return head.append("\r\n");
}

// What is accepted must be read in the same way when it is sent on.
void CheckAccepted(const RequestHead& request, const HeadLimits& limits) {
  Require(!request.method.empty() && !request.target.empty());
  Require(request.minor_version == 0 || !request.host.empty());
  Require(request.fields.size() <= limits.max_fields);
  Require(request.Count("Content-Length") + request.Count("Transfer-Encoding") <= 1);
  Require((request.body == BodyKind::kChunked) == (request.Count("Transfer-Encoding") == 1));
  Require((request.body == BodyKind::kLength) == (request.content_length > 0));

  const std::string again = Serialize(request);
  HeadLimits wide = limits;  // a value without white space around it still gets a space in front
  wide.max_head *= 2;
  wide.max_line *= 2;
  RequestHead second;
  Require(!ParseRequestHead(again, wide, second));
  Require(second.body == request.body && second.content_length == request.content_length);
  Require(second.keep_alive == request.keep_alive && second.fields.size() == request.fields.size());
}

void CheckTarget(std::string_view target) {
  const auto normal = NormalizeTarget(target);
  if (!normal) return;
  Require(NormalizeTarget(*normal) == normal);
  const std::string path = normal->substr(0, normal->find('?')) + "/";
  Require(path.find("/../") == std::string::npos && path.find("/./") == std::string::npos);
}

// What is read of a field must be read again of what is written.
void CheckForwarded(std::string_view value) {
  const auto clients = ParseForwarded(value);
  if (!clients) return;
  for (const std::string& client : *clients) {
    Require(NodeAddress(client).size() <= client.size());
    Require(ParseForwarded("proto=http;for=" + ForwardedValue(client)) == std::vector{client});
  }
}

}  // namespace
}  // namespace sheaf::wire

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sheaf::wire;
  std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t read_size = TakeByte(input) + 1U;
  const HeadLimits limits;
  const ScannedHead head = ScanBothWays(input, read_size, limits);
  CheckTarget(input);
  CheckForwarded(input);
  if (head.verdict != HeadScanner::Verdict::kComplete) return 0;

  RequestHead request;
  if (ParseRequestHead(input.substr(0, head.size), limits, request)) return 0;
  CheckAccepted(request, limits);
  CheckTarget(request.target);
  DecodeBothWays(request.body, request.content_length, input.substr(head.size), read_size, Sender::kClient);
  return 0;
}
