// The answers that Sheaf gives itself.
#include "proxy/http/error_answer.h"

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <string>

#include "proxy/wire/http1_status.h"
#include "proxy/wire/http1_syntax.h"

namespace sheaf {
namespace {

struct Parsed {
  explicit Parsed(std::string whole) : text(std::move(whole)) {
    const size_t end = text.find("\r\n\r\n");
    REQUIRE(end != std::string::npos);
    REQUIRE(wire::ParseResponseHead(std::string_view(text).substr(0, end + 4), {}, "GET", head));
    body = text.substr(end + 4);
  }
  std::string Field(const std::string& name) const { return std::string(head.Find(name).value_or("")); }

  std::string text;
  bool ConnectionHas(const std::string& option) const {
    return std::any_of(head.fields.begin(), head.fields.end(), [&option](const wire::Field& field) {
      return wire::EqualsIgnoreCase(field.name, "Connection") && wire::ListHasToken(field.value, option);
    });
  }

  wire::ResponseHead head;
  std::string body;
};

bool Html(const std::string& fields) {
  const std::string text = "GET / HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n";
  wire::RequestHead request;
  REQUIRE_FALSE(wire::ParseRequestHead(text, {}, request).has_value());
  return WantsHtml(request);
}

}  // namespace

TEST_CASE("every reason has a valid answer in JSON, with its status, label, sentence and the request id") {
  for (size_t i = 0; i < kRefuseReasonCount; ++i) {
    const auto reason = static_cast<RefuseReason>(i);
    const std::string label(Describe(reason).label);
    CAPTURE(label);
    const Parsed parsed(BuildErrorAnswer({.reason = reason, .request_id = "the-id"}));
    CHECK_EQ(parsed.head.status, Describe(reason).status);
    CHECK_EQ(parsed.head.reason, wire::StatusText(Describe(reason).status));
    CHECK(parsed.head.reason != "Error");
    CHECK_EQ(parsed.Field("Content-Type"), "application/json");
    CHECK_EQ(parsed.Field("Content-Length"), std::to_string(parsed.body.size()));
    CHECK_EQ(parsed.Field("X-Request-ID"), "the-id");
    CHECK_EQ(parsed.Field("Cache-Control"), "no-store");
    CHECK(parsed.ConnectionHas("close"));
    rapidjson::Document json;
    json.Parse(parsed.body.c_str());
    REQUIRE(json.IsObject());
    CHECK_EQ(json["status"].GetInt(), Describe(reason).status);
    CHECK_EQ(std::string(json["reason"].GetString()), label);
    CHECK_EQ(std::string(json["message"].GetString()), Describe(reason).text);
    CHECK_EQ(std::string(json["request_id"].GetString()), "the-id");
  }
}

TEST_CASE("a browser gets a page, with the same facts") {
  const Parsed parsed(
      BuildErrorAnswer({.reason = RefuseReason::kUpstreamRefused, .request_id = "the-id", .html = true}));
  CHECK_EQ(parsed.head.status, 503);
  CHECK_EQ(parsed.Field("Content-Type"), "text/html; charset=utf-8");
  CHECK_EQ(parsed.Field("Content-Length"), std::to_string(parsed.body.size()));
  CHECK(parsed.body.starts_with("<!DOCTYPE html>"));
  CHECK(parsed.body.find("503 Service Unavailable") != std::string::npos);
  CHECK(parsed.body.find("the-id") != std::string::npos);
}

TEST_CASE("an answer to HEAD has the length of its body, and no body") {
  const ErrorAnswer get{.reason = RefuseReason::kUpstreamRefused, .request_id = "the-id"};
  ErrorAnswer head = get;
  head.head_request = true;
  const Parsed with(BuildErrorAnswer(get));
  const Parsed without(BuildErrorAnswer(head));
  CHECK(without.body.empty());
  CHECK_EQ(without.Field("Content-Length"), with.Field("Content-Length"));
}

TEST_CASE("503 says when to come back, 405 what is allowed, 426 what to speak, and others none of it") {
  for (size_t i = 0; i < kRefuseReasonCount; ++i) {
    const auto reason = static_cast<RefuseReason>(i);
    const std::string label(Describe(reason).label);
    CAPTURE(label);
    const Parsed parsed(BuildErrorAnswer({.reason = reason, .request_id = "the-id"}));
    const int status = Describe(reason).status;
    CHECK_EQ(parsed.head.Find("Retry-After").has_value(), status == 503);
    CHECK_EQ(parsed.head.Find("Allow").has_value(), status == 405);
    CHECK_EQ(parsed.Field("Sec-WebSocket-Version"), status == 426 ? "13" : "");
    CHECK_EQ(parsed.Field("Upgrade"), status == 426 ? "websocket" : "");
  }
}

TEST_CASE("a connection that stays open is not announced as closing") {
  const Parsed parsed(
      BuildErrorAnswer({.reason = RefuseReason::kOriginNotAllowed, .request_id = "id", .close = false}));
  CHECK_FALSE(parsed.head.Find("Connection").has_value());
  const Parsed upgrade(
      BuildErrorAnswer({.reason = RefuseReason::kBadWebSocketVersion, .request_id = "id", .close = false}));
  CHECK_EQ(upgrade.Field("Connection"), "Upgrade");
}

TEST_CASE("a message that names Upgrade lists it in Connection, though the connection closes (RFC 9110 7.8)") {
  const Parsed parsed(BuildErrorAnswer({.reason = RefuseReason::kBadWebSocketVersion, .request_id = "id"}));
  CHECK(parsed.ConnectionHas("upgrade"));
}

TEST_CASE("a page is for clients that list text/html in Accept") {
  CHECK(Html("Accept: text/html\r\n"));
  CHECK(Html("Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"));
  CHECK(Html("Accept: application/json , TEXT/HTML ;q=0.5\r\n"));
  CHECK(Html("Accept: application/json\r\nAccept: text/html\r\n"));
  CHECK_FALSE(Html(""));
  CHECK_FALSE(Html("Accept: */*\r\n"));
  CHECK_FALSE(Html("Accept: text/*\r\n"));
  CHECK_FALSE(Html("Accept: application/json\r\n"));
  CHECK_FALSE(Html("Accept: text/htmlx, xtext/html\r\n"));
  CHECK_FALSE(Html("Accept: ,,;,\r\n"));
}

}  // namespace sheaf
