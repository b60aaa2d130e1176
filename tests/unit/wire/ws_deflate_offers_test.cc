// What is offered, what is answered (RFC 7692 section 7.1; hardening row 56).
#include "proxy/wire/ws_deflate_offers.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace sheaf::wire {
namespace {

using std::string_literals::operator""s;

const std::string kName = "permessage-deflate";
const std::string kNoTakeover = kName + "; server_no_context_takeover; client_no_context_takeover";
const std::string kDeclined;  // no answer is empty

struct Row {
  std::string offers;
  std::string answer;
};

std::string AnswerTo(std::string_view offers, const DeflateSettings& settings) {
  const auto agreement = NegotiateDeflate(offers, settings);
  return agreement ? agreement->extension : kDeclined;
}

void Check(const std::vector<Row>& rows, const DeflateSettings& settings) {
  for (const Row& row : rows) {
    CAPTURE(row.offers);
    CHECK_EQ(AnswerTo(row.offers, settings), row.answer);
  }
}

// One parameter after the name.
std::string With(std::string_view parameter) {
  return kName + "; " + std::string(parameter);
}

}  // namespace

TEST_CASE("an offer is answered with what we impose and no parameter that was not understood") {
  Check(
      {
          {kName, kNoTakeover},
          {"  permessage-deflate  ", kNoTakeover},
          {With("client_max_window_bits"), kNoTakeover},  // what browsers send
          {With("client_max_window_bits; server_no_context_takeover"), kNoTakeover},
          {With("server_no_context_takeover"), kNoTakeover},
          {With("client_no_context_takeover"), kNoTakeover},
          {kName + ";server_no_context_takeover;client_no_context_takeover", kNoTakeover},
          {kName + "\t;\tclient_no_context_takeover", kNoTakeover},
          {With("server_max_window_bits=15"), kNoTakeover + "; server_max_window_bits=15"},
          {With("server_max_window_bits=9"), kNoTakeover + "; server_max_window_bits=9"},
          {With("server_max_window_bits=12; client_max_window_bits"), kNoTakeover + "; server_max_window_bits=12"},
          {With("server_max_window_bits=\"12\""), kNoTakeover + "; server_max_window_bits=12"},
          {With("server_max_window_bits=\"1\\2\""), kNoTakeover + "; server_max_window_bits=12"},
          {With("client_max_window_bits=15"), kNoTakeover},
          {With("client_max_window_bits=8"), kNoTakeover},
          {With("client_max_window_bits=\"10\""), kNoTakeover},
      },
      {});
}

TEST_CASE("an offer is declined for any parameter that is unknown, repeated, out of range or badly written") {
  Check(
      {
          {"", kDeclined},
          {" , ,", kDeclined},
          {"x-webkit-deflate-frame", kDeclined},
          {"permessage-deflate2", kDeclined},
          {"\"permessage-deflate\"", kDeclined},
          {kName + "=1", kDeclined},
          {kName + " server_no_context_takeover", kDeclined},
          {kName + ";", kDeclined},
          {kName + "; ; server_no_context_takeover", kDeclined},
          {"; " + kName, kDeclined},
          {With("method=deflate"), kDeclined},
          {With("=12"), kDeclined},
          {With("server_no_context_takeover=1"), kDeclined},
          {With("server_no_context_takeover="), kDeclined},
          {With("client_no_context_takeover=\"\""), kDeclined},
          {With("server_no_context_takeover; server_no_context_takeover"), kDeclined},
          {With("client_no_context_takeover; client_no_context_takeover"), kDeclined},
          {With("server_max_window_bits=10; server_max_window_bits=10"), kDeclined},
          {With("client_max_window_bits; client_max_window_bits=10"), kDeclined},
          {With("server_max_window_bits"), kDeclined},
          {With("server_max_window_bits="), kDeclined},
          {With("server_max_window_bits=7"), kDeclined},
          {With("server_max_window_bits=8"), kDeclined},  // legal, but zlib cannot
          {With("server_max_window_bits=16"), kDeclined},
          {With("server_max_window_bits=09"), kDeclined},
          {With("server_max_window_bits=+9"), kDeclined},
          {With("server_max_window_bits=1e1"), kDeclined},
          {With("server_max_window_bits=265"), kDeclined},
          {With("server_max_window_bits=4294967305"), kDeclined},
          {With("server_max_window_bits=-9"), kDeclined},
          {With("server_max_window_bits = 10"), kDeclined},
          {With("server_max_window_bits=\"10"), kDeclined},
          {With("server_max_window_bits=10\""), kDeclined},
          {With("server_max_window_bits=\"10\"0"), kDeclined},
          {With("server_max_window_bits=\"10\\"), kDeclined},
          {With("server_max_window_bits=\" 10\""), kDeclined},
          {With("client_max_window_bits="), kDeclined},
          {With("client_max_window_bits=7"), kDeclined},
          {With("client_max_window_bits=16"), kDeclined},
          {With("client_max_window_bits=08"), kDeclined},
          {With("client_max_window_bits=\"\""), kDeclined},
          {With("client_max_window_bits=1\x00"s), kDeclined},
      },
      {});
}

TEST_CASE("the first offer that can be met is taken, whatever stands in front of it") {
  const std::string twelve = kNoTakeover + "; server_max_window_bits=12";
  Check(
      {
          {With("server_max_window_bits=12, ") + kName, twelve},
          {With("server_max_window_bits=8, ") + With("server_max_window_bits=12"), twelve},
          {With("unknown, ") + With("server_max_window_bits=12"), twelve},
          {"foo; bar=\"a, permessage-deflate\", " + With("server_max_window_bits=12"), twelve},
          {"foo; bar=\"\\\", permessage-deflate; \", " + With("server_max_window_bits=12"), twelve},
          {"foo; bar=\\\"a, permessage-deflate", kDeclined},  // a backslash outside of quotes escapes nothing
          {"foo; bar=\"a, permessage-deflate", kDeclined},
          {",, " + With("server_max_window_bits=12"), twelve},
          {kName + ", permessage-bzip2", kNoTakeover},
      },
      {});
}

TEST_CASE("our context, where it may live on, is given up for a client that asks for it; the client's is always") {
  const DeflateSettings settings{.server_takeover = true};
  const std::string ours = With("client_no_context_takeover");
  Check({{kName, ours},
         {With("client_max_window_bits"), ours},
         {With("server_no_context_takeover"), kNoTakeover},
         {With("client_no_context_takeover"), ours},
         {With("client_no_context_takeover; server_no_context_takeover"), kNoTakeover}},
        settings);
  const auto agreed = NegotiateDeflate(kName, settings);
  REQUIRE(agreed);
  CHECK(agreed->server_takeover);
  const auto off = NegotiateDeflate(kName, {});
  REQUIRE(off);
  CHECK_FALSE(off->server_takeover);
}

TEST_CASE("a smaller window of ours is imposed, on the client only if it said that it can be told") {
  const DeflateSettings settings{.server_takeover = true, .window_bits = 11};
  const std::string server = With("client_no_context_takeover; server_max_window_bits=11");
  Check({{kName, server},
         {With("server_max_window_bits=15"), server},
         {With("server_max_window_bits=10"), With("client_no_context_takeover; server_max_window_bits=10")},
         {With("client_max_window_bits"), server + "; client_max_window_bits=11"},
         {With("client_max_window_bits=12"), server + "; client_max_window_bits=11"},
         {With("client_max_window_bits=11"), server},
         {With("client_max_window_bits=8"), server}},
        settings);
}

TEST_CASE("the windows agreed on are those that may really be used") {
  const auto windows = [](const std::string& offers, uint8_t ours) {
    const auto agreement = NegotiateDeflate(offers, {.window_bits = ours});
    REQUIRE(agreement);
    return std::pair<int, int>(agreement->server_window_bits, agreement->client_window_bits);
  };
  CHECK(windows(kName, 15) == std::pair(15, 15));
  CHECK(windows(kName, 11) == std::pair(11, 15));  // the client was not told: it may use all
  CHECK(windows(With("client_max_window_bits"), 11) == std::pair(11, 11));
  CHECK(windows(With("client_max_window_bits=8"), 15) == std::pair(15, 8));
  CHECK(windows(With("server_max_window_bits=9; client_max_window_bits=10"), 11) == std::pair(9, 10));
}

}  // namespace sheaf::wire
