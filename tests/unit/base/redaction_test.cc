#include "proxy/base/redaction.h"

#include <doctest/doctest.h>

#include <string>

namespace sheaf {
namespace {

Options::Log Names() {
  return {};
}

Options::Log Full() {
  Options::Log log;
  log.query = LogQuery::kFull;
  return log;
}

Options::Log None() {
  Options::Log log;
  log.query = LogQuery::kNone;
  return log;
}

Options::Log Route(LogQuery query) {
  Options::Log log;
  log.query = query;
  log.path = LogPath::kRoute;
  return log;
}

TEST_CASE("of a query the names are shown and the values are not, but for harmless ones") {
  const auto shown = [](std::string_view target) { return ShownTarget(Names(), target, "/"); };
  CHECK(shown("/ws") == "/ws");
  CHECK(shown("/ws?token=s3cr3t") == "/ws?token=-");
  CHECK(shown("/socket.io/?EIO=4&transport=websocket&sid=s3cr3t&sheaf=json") ==
        "/socket.io/?EIO=4&transport=websocket&sid=-&sheaf=json");
  CHECK(shown("/ws?token=a&token=b&EIO=3&EIO=4") == "/ws?token=-&token=-&EIO=3&EIO=4");
  CHECK(shown("/ws?a=1;token=s3cr3t;b") == "/ws?a=-;token=-;-");
  CHECK(shown("/ws?EIO=4;token=s3cr3t") == "/ws?EIO=4;token=-");
  CHECK(shown("/ws?EIO=4?token=s3cr3t") == "/ws?EIO=4?token=-");
  CHECK(shown("/ws?a[b]=s3cr3t&c.d=s3cr3t") == "/ws?a[b]=-&c.d=-");
  CHECK(shown("*") == "*");
  CHECK(shown("") == "");
  CHECK(shown("/ws?") == "/ws?");
  CHECK(shown("/ws?&&a=1&") == "/ws?&&a=-&");
}

TEST_CASE("names count as they are written") {
  const auto shown = [](std::string_view target) { return ShownTarget(Names(), target, "/"); };
  CHECK(shown("/ws?%74oken=s3cr3t") == "/ws?%74oken=-");
  CHECK(shown("/ws?%45IO=s3cr3t") == "/ws?%45IO=-");
  CHECK(shown("/ws?eio=s3cr3t") == "/ws?eio=-");
  CHECK(shown("/ws?token%3Ds3cr3t=1") == "/ws?-");
  CHECK(shown("/ws?token%3ds3cr3t") == "/ws?-");
}

TEST_CASE("what has no value may be the secret itself") {
  const auto shown = [](std::string_view target) { return ShownTarget(Names(), target, "/"); };
  CHECK(shown("/ws?s3cr3t") == "/ws?-");
  CHECK(shown("/ws?s3cr3t=") == "/ws?-");
  CHECK(shown("/ws?c2VjcmV0==&a=1") == "/ws?-&a=-");
  CHECK(shown("/ws?=s3cr3t") == "/ws?-");
  CHECK(shown("/ws?EIO") == "/ws?EIO");
  CHECK(shown("/ws?" + std::string(64, 'n') + "=1") == "/ws?" + std::string(64, 'n') + "=-");
  CHECK(shown("/ws?" + std::string(65, 'n') + "=1") == "/ws?-");
}

TEST_CASE("a fragment is never shown, nor is who asks") {
  const auto shown = [](std::string_view target) { return ShownTarget(Names(), target, "/"); };
  CHECK(shown("/ws#access_token=s3cr3t") == "/ws#-");
  CHECK(shown("/ws?a=1#access_token=s3cr3t?b&c") == "/ws?a=-#-");
  CHECK(shown("/ws?EIO=4#s3cr3t") == "/ws?EIO=4#-");
  CHECK(shown("http://user:s3cr3t@host:80/ws?token=s3cr3t") == "http://-@host:80/ws?token=-");
  CHECK(shown("http://host?token=s3cr3t") == "http://host?token=-");
  CHECK(shown("user:s3cr3t@host:443") == "-@host:443");
  CHECK(shown("//user@host/ws") == "//user@host/ws");  // a path
  CHECK(ShownTarget(Full(), "http://user:s3cr3t@host/ws?a=b#c", "/") == "http://-@host/ws?a=b#c");
}

TEST_CASE("a url of the configuration is shown without who asks") {
  CHECK(WithoutUser("http://user:s3cr3t@host:80/") == "http://-@host:80/");
  CHECK(WithoutUser("http://user:p@ss@host") == "http://-@host");
  for (const char* const plain : {"http://host:80", "unix:/run/a@b.sock", "user@host", "", "@//"}) {
    CHECK(WithoutUser(plain) == plain);
  }
}

TEST_CASE("log.query: all, the values of some more parameters, or nothing") {
  CHECK(ShownTarget(Full(), "/ws?token=abc&x#y", "/") == "/ws?token=abc&x#y");
  CHECK(ShownTarget(None(), "/ws?token=abc&EIO=4", "/") == "/ws");
  CHECK(ShownTarget(None(), "/ws#abc", "/") == "/ws");
  Options::Log log;
  log.query_shown = {"symbol", "page"};
  CHECK(ShownTarget(log, "/ws?symbol=ABC&page=2&token=s3cr3t&EIO=4&symbols=x", "/") ==
        "/ws?symbol=ABC&page=2&token=-&EIO=4&symbols=-");
}

TEST_CASE("log.path = route: the route's path takes the place of the path") {
  CHECK(ShownTarget(Route(LogQuery::kNames), "/reset/s3cr3t?token=s3cr3t", "/reset") == "/reset?token=-");
  CHECK(ShownTarget(Route(LogQuery::kNone), "/reset/s3cr3t?token=s3cr3t", "/reset") == "/reset");
  CHECK(ShownTarget(Route(LogQuery::kFull), "/reset/s3cr3t?a=1", "/reset") == "/reset?a=1");
  CHECK(ShownTarget(Route(LogQuery::kNames), "s3cr3t", "") == "-");
  CHECK(ShownTarget(Route(LogQuery::kNames), "http://s3cr3t/s3cr3t?a=1", "") == "-?a=-");
}

TEST_CASE("of a URL the same is shown; without its path nothing but the origin") {
  CHECK(ShownUrl(Names(), "https://a.example/page?code=s3cr3t&EIO=4") == "https://a.example/page?code=-&EIO=4");
  CHECK(ShownUrl(Names(), "https://me:s3cr3t@a.example/page#s3cr3t") == "https://-@a.example/page#-");
  CHECK(ShownUrl(Names(), "/page?code=s3cr3t") == "/page?code=-");
  CHECK(ShownUrl(None(), "https://a.example/page?code=s3cr3t") == "https://a.example/page");
  CHECK(ShownUrl(Full(), "https://a.example/page?code=1") == "https://a.example/page?code=1");
  for (const LogQuery query : {LogQuery::kFull, LogQuery::kNames, LogQuery::kNone}) {
    CHECK(ShownUrl(Route(query), "https://a.example:8443/reset/s3cr3t?code=s3cr3t") == "https://a.example:8443");
    CHECK(ShownUrl(Route(query), "/reset/s3cr3t") == "-");
    CHECK(ShownUrl(Route(query), "s3cr3t") == "-");
  }
  CHECK(ShownUrl(Names(), "") == "");
}

TEST_CASE("however long the input is, the output is short and no secret of it") {
  std::string many = "/ws?";
  for (int i = 0; i < 100'000; ++i) many += "token=s3cr3t&";
  for (const std::string& target : {many, "/ws?token=" + std::string(1 << 20, 's'), "/ws?" + std::string(1 << 20, 's'),
                                    "/" + std::string(1 << 20, 'p'), "/ws?" + std::string(1 << 20, '&'),
                                    "http://" + std::string(1 << 20, 'u') + "@h/"}) {
    for (const Options::Log& log : {Names(), Full(), None(), Route(LogQuery::kNames)}) {
      CHECK(ShownTarget(log, target, "/").size() <= kMostShown);
      CHECK(ShownUrl(log, target).size() <= kMostShown);
    }
    CHECK(ShownTarget(Names(), target, "/").find("s3cr3t") == std::string::npos);
  }
}

TEST_CASE("of a response's head the log shows the status line, the names, and what frames the body") {
  CHECK(ShownFields("HTTP/1.1 200 OK\r\nSet-Cookie: id=s3cr3t\r\nContent-Length: 2\r\nLocation: /?t=s3cr3t\r\n") ==
        "HTTP/1.1 200 OK\r\nSet-Cookie: -\nContent-Length: 2\r\nLocation: -\n");
  CHECK(ShownFields("Set-Cookie: a;\r\n  s3cr3t; b: c\r\n\ts3cr3t") == "Set-Cookie: -\n-\n-");
  CHECK(ShownFields("set-cookie : s3cr3t") == "set-cookie : -");
  CHECK(ShownFields("HTTP/1.1 200 OK\r\nContent-Le") == "HTTP/1.1 200 OK\r\nContent-Le");
  CHECK(ShownFields("<html>hello, here is the s3cr3t") == "<html>hello, her");
  CHECK(ShownFields("{\"access_token\":\"s3cr3t\"}") == "{\"access_token\": -");
  CHECK(ShownFields("transfer-encoding: rot13") == "transfer-encoding: rot13");
  CHECK(ShownFields("") == "");
  CHECK(ShownFields(std::string(1 << 20, '\n')).size() <= kMostShown);
}

}  // namespace
}  // namespace sheaf
