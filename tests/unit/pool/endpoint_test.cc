// Where the backend is, and how long to wait after failures.
#include "pool/endpoint.h"

#include <doctest/doctest.h>

#include <string>

#include "pool/backoff.h"
#include "tests/fakes/endpoints.h"

namespace sheaf::pool {
namespace {

using std::chrono::milliseconds;

double fake_random = 0.0;
double FakeRandom() {
  return fake_random;
}

constexpr TimePoint kStart{std::chrono::hours(1)};

struct UrlRow {
  std::string text;
  bool tls;
  const char* address;
  const char* host;
  const char* host_header;
};

}  // namespace

TEST_CASE("a URL of the backend is taken apart into address, host and Host field") {
  const UrlRow rows[] = {
      {"http://127.0.0.1:8000", false, "127.0.0.1:8000", "127.0.0.1", "127.0.0.1:8000"},
      {"http://127.0.0.1:8000/", false, "127.0.0.1:8000", "127.0.0.1", "127.0.0.1:8000"},
      {"http://backend", false, "backend:80", "backend", "backend"},
      {"https://backend.example.org", true, "backend.example.org:443", "backend.example.org", "backend.example.org"},
      {"https://backend:8443", true, "backend:8443", "backend", "backend:8443"},
      {"https://backend:80", true, "backend:80", "backend", "backend:80"},
      {"http://[::1]:8000", false, "[::1]:8000", "::1", "[::1]:8000"},
      {"http://[::1]", false, "[::1]:80", "::1", "[::1]"},
      {"https://[fd00::2]", true, "[fd00::2]:443", "fd00::2", "[fd00::2]"},
      {"http://backend:65535", false, "backend:65535", "backend", "backend:65535"},
      {"unix:/run/app.sock", false, "unix:/run/app.sock", "", "localhost"},
  };
  for (const UrlRow& row : rows) {
    CAPTURE(row.text);
    const Result<UpstreamUrl> url = UpstreamUrl::Parse(row.text);
    REQUIRE(url.ok());
    CHECK_EQ(url.value().tls, row.tls);
    CHECK_EQ(url.value().address, row.address);
    CHECK_EQ(url.value().host, row.host);
    CHECK_EQ(url.value().host_header, row.host_header);
  }
}

TEST_CASE("the Host field has no port where it is the scheme's own") {
  CHECK_EQ(UpstreamUrl::Parse("http://backend:80").value().host_header, "backend");
  CHECK_EQ(UpstreamUrl::Parse("https://backend:443").value().host_header, "backend");
  CHECK_EQ(UpstreamUrl::Parse("http://[::1]:80").value().host_header, "[::1]");
}

TEST_CASE("a URL that is no address of a backend is refused, and the error quotes it") {
  for (const std::string text : {"",
                                 "backend",
                                 "127.0.0.1:8000",
                                 "ftp://backend",
                                 "http:/backend",
                                 "http://",
                                 "http:///",
                                 "https://",
                                 "http://backend/path",
                                 "http://backend?query",
                                 "http://backend#part",
                                 "http://a b",
                                 "http://backend:",
                                 "http://backend:0",
                                 "http://backend:65536",
                                 "http://backend:99999999999",
                                 "http://backend:80x",
                                 "http://backend:-1",
                                 "http://backend:+1",
                                 "http://:8000",
                                 "http://::1:8000",
                                 "http://[::1",
                                 "http://[::1]8000",
                                 "http://[]:80",
                                 "http://backend:80:81"}) {
    CAPTURE(text);
    const Result<UpstreamUrl> url = UpstreamUrl::Parse(text);
    REQUIRE_FALSE(url.ok());
    CHECK(url.error().find("'" + text + "'") != std::string::npos);
  }
}

TEST_CASE("a URL with a name or a password is refused, and the error does not repeat these") {
  for (const std::string text : {"http://user@backend", "http://user:secret@backend:80"}) {
    CAPTURE(text);
    const Result<UpstreamUrl> url = UpstreamUrl::Parse(text);
    REQUIRE_FALSE(url.ok());
    CHECK(url.error().find("'http://-@backend") != std::string::npos);
    CHECK(url.error().find("user") == std::string::npos);
    CHECK(url.error().find("secret") == std::string::npos);
  }
}

TEST_CASE("a Unix socket needs an absolute path") {
  for (const std::string text : {"unix:", "unix:run/app.sock", "unix://run/app.sock"}) {
    CAPTURE(text);
    const Result<UpstreamUrl> url = UpstreamUrl::Parse(text);
    if (text == "unix://run/app.sock") {
      REQUIRE(url.ok());  // "//run/app.sock" is absolute
      CHECK_EQ(url.value().address, "unix://run/app.sock");
    } else {
      REQUIRE_FALSE(url.ok());
      CHECK(url.error().find("unix:/absolute/path") != std::string::npos);
    }
  }
}

TEST_CASE("a backend counts as down until something has reached it, and each return counts") {
  const EndpointRef made = EndpointAt("http://127.0.0.1:1", {});
  Endpoint& endpoint = *made;
  CHECK_FALSE(endpoint.up());
  endpoint.Fail(kStart, "refused", 1);
  CHECK_FALSE(endpoint.up());
  endpoint.SetUp(kStart);
  CHECK(endpoint.up());
  CHECK_EQ(endpoint.returns(), 1);
  endpoint.SetUp(kStart);
  CHECK_EQ(endpoint.returns(), 1);
  endpoint.Fail(kStart, "refused", 1);
  CHECK_FALSE(endpoint.up());
  CHECK(endpoint.reach().tls == nullptr);
}

TEST_CASE("without a failure the backend may be tried at any time") {
  const Backoff backoff(milliseconds(100), milliseconds(1000), &FakeRandom);
  CHECK(backoff.MayTry(TimePoint{}));
  CHECK(backoff.MayTry(kStart));
}

TEST_CASE("after a failure the wait lies between half and the whole of the step") {
  Backoff shortest(milliseconds(100), milliseconds(1000), &FakeRandom);
  fake_random = 0.0;
  shortest.Fail(kStart);
  CHECK(shortest.until() == kStart + milliseconds(50));
  CHECK_FALSE(shortest.MayTry(kStart));
  CHECK_FALSE(shortest.MayTry(kStart + milliseconds(50) - Duration(1)));
  CHECK(shortest.MayTry(kStart + milliseconds(50)));

  Backoff longest(milliseconds(100), milliseconds(1000), &FakeRandom);
  fake_random = 0.999999;
  longest.Fail(kStart);
  CHECK(longest.until() > kStart + milliseconds(99));
  CHECK(longest.until() <= kStart + milliseconds(100));
}

TEST_CASE("the wait doubles with each failed attempt, up to the longest") {
  Backoff backoff(milliseconds(100), milliseconds(500), &FakeRandom);
  fake_random = 0.0;
  TimePoint now = kStart;
  for (const int half : {50, 100, 200, 250, 250, 250}) {
    CAPTURE(half);
    backoff.Fail(now);
    CHECK(backoff.until() == now + milliseconds(half));
    now = backoff.until();
  }
}

TEST_CASE("a first wait that is set lower holds for the next failure after a success, and before any") {
  Backoff backoff(milliseconds(8000), milliseconds(8000), &FakeRandom);
  fake_random = 0.0;
  backoff.Adopt(milliseconds(20), milliseconds(8000), kStart);
  backoff.Fail(kStart);
  CHECK(backoff.until() == kStart + milliseconds(10));
}

TEST_CASE("several dials that fail in one spell lengthen it once") {
  Backoff backoff(milliseconds(100), milliseconds(10'000), &FakeRandom);
  fake_random = 0.0;
  for (int i = 0; i < 10; ++i) backoff.Fail(kStart + milliseconds(i));
  CHECK(backoff.until() == kStart + milliseconds(50));
  backoff.Fail(kStart + milliseconds(50));
  CHECK(backoff.until() == kStart + milliseconds(150));
}

TEST_CASE("a success ends the spell and the next failure begins with the first step again") {
  Backoff backoff(milliseconds(100), milliseconds(10'000), &FakeRandom);
  fake_random = 0.0;
  backoff.Fail(kStart);
  backoff.Fail(backoff.until());
  backoff.Fail(backoff.until());
  backoff.Succeed();
  CHECK(backoff.MayTry(kStart));
  const TimePoint later = kStart + std::chrono::seconds(10);
  backoff.Fail(later);
  CHECK(backoff.until() == later + milliseconds(50));
}

}  // namespace sheaf::pool
