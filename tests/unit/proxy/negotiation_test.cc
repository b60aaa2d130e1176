#include "proxy/plan/negotiation.h"

#include <doctest/doctest.h>

namespace sheaf {
namespace {

// A request's head and the views into it.
struct Handshake {
  explicit Handshake(const std::string& fields)
      : text("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + fields + "\r\n") {
    REQUIRE_FALSE(wire::ParseRequestHead(text, limits, request));
  }
  std::string text;
  wire::HeadLimits limits;
  wire::RequestHead request;
};

std::optional<Envelope> EnvelopeOf(Delivery delivery, std::string target, const std::string& fields = "") {
  const Handshake handshake(fields);
  RouteOptions route;
  route.delivery = delivery;
  route.envelope = Envelope::kBinary;
  return Negotiate(handshake.request, target, route, {}).envelope;
}

TEST_CASE("the parameter is taken out, the others stay as they are") {
  struct Row {
    const char* target;
    const char* rest;
    const char* value;
  };
  const Row rows[] = {
      {"/ws?sheaf=json", "/ws", "json"},
      {"/ws?sheaf=json&a=1", "/ws?a=1", "json"},
      {"/ws?a=1&sheaf=json", "/ws?a=1", "json"},
      {"/ws?a=1&sheaf=json&b=%20+&a=2", "/ws?a=1&b=%20+&a=2", "json"},
      {"/ws?sheaf=json&sheaf=binary", "/ws", "json"},
      {"/ws?a&&sheaf=json&=b&", "/ws?a&&=b&", "json"},
      {"/ws?sheaf", "/ws", ""},
      {"/ws?sheaf=", "/ws", ""},
      {"/ws?sheaf=a=b", "/ws", "a=b"},
      {"/ws?&sheaf=json", "/ws?", "json"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.target);
    std::string target = row.target;
    CHECK(TakeQueryParameter(target, "sheaf") == row.value);
    CHECK(target == row.rest);
  }
}

TEST_CASE("what only looks like the parameter stays") {
  for (const char* text : {"/ws", "/ws?", "/ws?a=sheaf", "/ws?xsheaf=json", "/ws?sheafx=json", "/ws?%73heaf=json",
                           "/sheaf=json", "/ws?Sheaf=json"}) {
    CAPTURE(text);
    std::string target = text;
    CHECK_FALSE(TakeQueryParameter(target, "sheaf"));
    CHECK(target == text);
  }
}

TEST_CASE("an Engine.IO client is known by two parameters") {
  for (const char* target : {"/?EIO=4&transport=polling", "/?transport=websocket&EIO=4",
                             "/s/?a=1&EIO=4&t=x&transport=", "/?EIO=&sheaf=json&transport=polling"}) {
    CAPTURE(target);
    CHECK(IsEngineIo(target));
  }
  for (const char* target :
       {"/", "/?", "/?EIO=4", "/?transport=polling", "/?EIO&transport", "/?xEIO=4&transport=polling",
        "/?a=EIO=4&transport=polling", "/?eio=4&transport=polling", "/EIO=4&transport=polling"}) {
    CAPTURE(target);
    CHECK_FALSE(IsEngineIo(target));
  }
}

TEST_CASE("who gets which envelope") {
  CHECK_FALSE(EnvelopeOf(Delivery::kOff, "/ws?sheaf=json"));
  CHECK_FALSE(EnvelopeOf(Delivery::kCork, "/ws?sheaf=json"));
  CHECK(EnvelopeOf(Delivery::kOffer, "/ws?sheaf=json") == Envelope::kJson);
  CHECK(EnvelopeOf(Delivery::kOffer, "/ws?sheaf=socketio-event") == Envelope::kSocketIoEvent);
  CHECK(EnvelopeOf(Delivery::kOffer, "/ws", "Sheaf-Batch: engineio\r\n") == Envelope::kEngineIo);
  CHECK(EnvelopeOf(Delivery::kOffer, "/ws?sheaf=json", "Sheaf-Batch: engineio\r\n") == Envelope::kJson);
  CHECK_FALSE(EnvelopeOf(Delivery::kOffer, "/ws"));
  CHECK_FALSE(EnvelopeOf(Delivery::kOffer, "/ws?sheaf=xml"));
  CHECK_FALSE(EnvelopeOf(Delivery::kOffer, "/ws?sheaf=JSON"));
  CHECK(EnvelopeOf(Delivery::kAlways, "/ws") == Envelope::kBinary);
  CHECK(EnvelopeOf(Delivery::kAlways, "/ws?sheaf=json") == Envelope::kJson);
  CHECK(EnvelopeOf(Delivery::kAlways, "/ws?sheaf=xml") == Envelope::kBinary);
}

TEST_CASE("compression is for routes that have it") {
  const Handshake handshake(
      "Sec-WebSocket-Extensions: x-unknown\r\n"
      "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n");
  RouteOptions route;
  std::string target = "/ws";
  CHECK(Negotiate(handshake.request, target, route, {}).deflate);
  route.deflate = false;
  CHECK_FALSE(Negotiate(handshake.request, target, route, {}).deflate);
}

TEST_CASE("Socket.IO is known by its query") {
  const Handshake handshake("");
  const auto is_socket_io = [&](std::string target) {
    return Negotiate(handshake.request, target, RouteOptions{}, {}).socket_io;
  };
  CHECK(is_socket_io("/socket.io/?EIO=4&transport=websocket"));
  CHECK(is_socket_io("/socket.io/?sheaf=engineio&EIO=4"));
  CHECK(is_socket_io("/x?transport=websocket&EIO=4"));
  CHECK_FALSE(is_socket_io("/ws?XEIO=4"));
  CHECK_FALSE(is_socket_io("/EIO=4"));
}

}  // namespace
}  // namespace sheaf
