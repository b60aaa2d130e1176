// Which fields Connection makes hop-by-hop, in time that grows with the head alone.
#include "proxy/wire/connection_options.h"

#include <string>

#include "tests/unit/wire/http1_test_util.h"

namespace sheaf::wire {
namespace {

// The names of the fields that Connection lists, each followed by a blank, for a request with `fields`.
std::string Listed(const std::string& fields) {
  RequestHead request;
  REQUIRE_EQ(Parse(Request("GET / HTTP/1.1", fields), request), std::optional<RefuseReason>());
  const ConnectionOptions options(request.fields);
  std::string listed;
  for (const Field& field : request.fields) {
    if (options.List(field.name)) listed.append(field.name).append(" ");
  }
  return listed;
}

}  // namespace

TEST_CASE("the fields that Connection lists are found whatever their case, over all its lines") {
  CHECK_EQ(Listed("A: 1\r\n"), "");
  CHECK_EQ(Listed("Connection: close\r\nA: 1\r\n"), "");
  CHECK_EQ(Listed("Connection: x-MINE, keep-alive\r\nX-Mine: 1\r\nX-Min: 2\r\nx-mine: 3\r\n"), "X-Mine x-mine ");
  CHECK_EQ(Listed("Connection: b\r\nA: 1\r\nB: 1\r\nConnection: ,,a , \r\nC: 1\r\n"), "A B ");
  CHECK_EQ(Listed("Connection: nothing, of, all\r\nA: 1\r\n"), "");
  CHECK_EQ(Listed("Connection: connection, host\r\n"), "Host Connection ");
}

TEST_CASE("a list as long as a head, and as many fields, are not compared one by one") {
  // 60 ms and more a head where each field was looked for in the whole list.
  std::string fields = "Connection: ";
  for (int i = 0; i < 25'000; ++i) fields += i % 5 == 0 ? "b7," : ",";
  fields += "x7\r\n";
  for (int i = 0; i < 190; ++i) fields += "x" + std::to_string(i) + ": y\r\n";
  for (int times = 0; times < 20; ++times) REQUIRE_EQ(Listed(fields), "x7 ");
}

}  // namespace sheaf::wire
