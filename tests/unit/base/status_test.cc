#include "proxy/base/status.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <string>

namespace sheaf {
namespace {

bool IsLabel(std::string_view label) {
  return !label.empty() && label.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

// A sentence for logs and JSON: it needs no escaping, and fits a Close frame as its reason.
bool IsPlainSentence(std::string_view text) {
  return !text.empty() && text.size() <= 123 && text.find_first_of("\"\\\r\n") == std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

TEST_CASE("every close reason has a label of its own, a sentence, and a code that may be sent") {
  std::set<std::string_view> labels;
  for (const CloseReasonRow& row : kCloseReasonRows) {
    CAPTURE(std::string(row.label));
    CHECK(IsLabel(row.label));
    CHECK(IsPlainSentence(row.text));
    CHECK(labels.insert(row.label).second);
    const bool sendable = (row.websocket_code >= 1000 && row.websocket_code <= 1003) ||
                          (row.websocket_code >= 1007 && row.websocket_code <= 1013);
    CHECK((row.websocket_code == 0 || sendable));
  }
  CHECK_EQ(labels.size(), kCloseReasonCount);
}

TEST_CASE("every reason to refuse has a label of its own, a sentence, and an HTTP error status") {
  std::set<std::string_view> labels;
  for (const RefuseReasonRow& row : kRefuseReasonRows) {
    CAPTURE(std::string(row.label));
    CHECK(IsLabel(row.label));
    CHECK(IsPlainSentence(row.text));
    CHECK(labels.insert(row.label).second);
    CHECK(row.status >= 400);
    CHECK(row.status <= 505);
  }
  CHECK_EQ(labels.size(), kRefuseReasonCount);
}

TEST_CASE("each way a backend fails has its answer") {
  struct Row {
    CloseReason failure;
    int status;
  };
  const Row rows[] = {
      {CloseReason::kPoolExhausted, 503},         {CloseReason::kUpstreamConnectFailed, 503},
      {CloseReason::kUpstreamTimeout, 504},       {CloseReason::kUpstreamGone, 502},
      {CloseReason::kUpstreamClosed, 502},        {CloseReason::kUpstreamProtocolError, 502},
      {CloseReason::kUpstreamTruncated, 502},     {CloseReason::kUpstreamTlsError, 502},
      {CloseReason::kUpstreamMessageTooBig, 502},
  };
  for (const Row& row : rows) {
    const std::string label(Describe(row.failure).label);
    CAPTURE(label);
    REQUIRE(Describe(row.failure).answer);
    CHECK_EQ(Describe(*Describe(row.failure).answer).status, row.status);
  }
}

TEST_CASE("a reason finds its own row") {
  CHECK_EQ(Describe(CloseReason::kNone).label, "none");
  CHECK_EQ(Describe(CloseReason::kDrain).websocket_code, 1012);
  CHECK_EQ(Describe(CloseReason::kOutOfMemory).label, "out_of_memory");
  CHECK(Describe(CloseReason::kClientStalled).deaf);
  CHECK_FALSE(Describe(CloseReason::kClientClosed).deaf);
  CHECK_FALSE(Describe(CloseReason::kClientClosed).answer);
  CHECK_EQ(Describe(RefuseReason::kBadRequestLine).label, "bad_request_line");
  CHECK_EQ(Describe(RefuseReason::kLineTooLong).status, 414);
  CHECK_EQ(Describe(RefuseReason::kBadWebSocketVersion).status, 426);
  CHECK_EQ(Describe(RefuseReason::kUpstreamTimeout).status, 504);
}

TEST_CASE("a result is a value or an error, also of a type that can only be moved") {
  Result<std::unique_ptr<int>> good = std::make_unique<int>(7);
  REQUIRE(good.ok());
  const std::unique_ptr<int> value = std::move(good.value());
  CHECK_EQ(*value, 7);

  const Result<std::string> bad = Error{"no such file"};
  REQUIRE_FALSE(bad.ok());
  CHECK_EQ(bad.error(), "no such file");
}

}  // namespace sheaf
