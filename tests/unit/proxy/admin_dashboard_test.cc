// The dashboard's files: who gets them, with which fields, and that the page has all that it names.
#include <doctest/doctest.h>

#include <regex>
#include <string>

#include "proxy/admin/dashboard_files.h"
#include "tests/unit/proxy/admin_asking.h"

namespace sheaf {
namespace {

const std::string kFiles = "/dashboard/";
const std::string kModule = "GET /dashboard/page.js";

// In a build without the dashboard there is one thing to test.
struct Fixture : AdminAsking {
  bool is_there = !DashboardFiles().empty();
};

std::string TagOf(const AdminAnswer& answer) {
  std::smatch found;
  REQUIRE(std::regex_search(answer.extra_fields, found, std::regex("ETag: (\"[0-9a-f]{16}\")\r\n")));
  return found[1];
}

TEST_CASE_FIXTURE(Fixture, "A program that was built without the dashboard says so") {
  if (is_there) return;
  const AdminAnswer answer = Ask("GET /");
  CHECK(answer.status == 404);
  CHECK(answer.body.find("SHEAF_DASHBOARD=OFF") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "The page is there without the token, which it asks for itself") {
  if (!is_there) return;
  options.token = "correct-horse";
  const AdminAnswer answer = Ask("GET /");
  CHECK(answer.status == 200);
  CHECK(answer.content_type == "text/html; charset=utf-8");
  CHECK(answer.cache_control == "no-cache");
  CHECK(answer.extra_fields.find("Content-Security-Policy: default-src 'none'; script-src 'self';") == 0);
  CHECK(answer.extra_fields.find("unsafe") == std::string::npos);
  CHECK(answer.body.starts_with("<!doctype html>"));
  CHECK(Ask("POST /").status == 405);
}

TEST_CASE_FIXTURE(Fixture, "Every file that the page and its modules name is there") {
  if (!is_there) return;
  const std::regex named("(?:dashboard/|from '\\./)([\\w.]+)[\"']");
  size_t count = 0;
  for (const DashboardFile& file : DashboardFiles()) {
    if (!file.name.ends_with(".html") && !file.name.ends_with(".js")) continue;
    const std::string text(file.bytes.begin(), file.bytes.end());
    for (std::sregex_iterator found(text.begin(), text.end(), named), end; found != end; ++found, ++count) {
      INFO(file.name << " names " << (*found)[1].str());
      CHECK(Ask("GET " + kFiles + (*found)[1].str()).status == 200);
    }
  }
  CHECK(count > 10);
}

TEST_CASE_FIXTURE(Fixture, "What is not a file of the dashboard is refused") {
  if (!is_there) return;
  for (const std::string path : {"nothing.js", "../index.html", "%2e%2e/api.js", "page.js/", "embed.cmake"}) {
    INFO(path);
    CHECK(Ask("GET " + kFiles + path).status == 404);
  }
}

TEST_CASE_FIXTURE(Fixture, "A file that the browser has is not sent again") {
  if (!is_there) return;
  const std::string tag = TagOf(Ask(kModule));
  const AdminAnswer answer = Ask(kModule, "If-None-Match: W/\"0\", " + tag + "\r\n");
  CHECK(answer.status == 304);
  CHECK(answer.body.empty());
  CHECK(TagOf(answer) == tag);
  CHECK(Ask(kModule, "If-None-Match: \"0\"\r\n").status == 200);
  CHECK(TagOf(Ask("GET /")) != tag);
}

TEST_CASE_FIXTURE(Fixture, "The page's own Origin may ask for files, which browsers name for modules; others may not") {
  if (!is_there) return;
  const std::string host = "127.0.0.1:9901";
  CHECK(Ask(kModule, "Origin: http://" + host + "\r\n").status == 200);
  CHECK(Ask(kModule, "Origin: https://" + host + "\r\n").status == 200);
  for (const std::string origin : {"http://127.0.0.1", "http://127.0.0.1:9901.evil.example", "https://evil.example",
                                   "127.0.0.1:9901", "null", "http://", ""}) {
    INFO(origin);
    CHECK(Ask(kModule, "Origin: " + origin + "\r\n").status == 403);
  }
  const std::string twice = "Origin: http://" + host + "\r\n";
  CHECK(Ask(kModule, twice + twice).status == 403);
  CHECK(AskWith("GET /dashboard/page.js HTTP/1.0\r\nOrigin: http://\r\n\r\n").status == 403);
}

TEST_CASE_FIXTURE(Fixture, "A page whose name was rebound to our address does not get the files") {
  CHECK(Ask("GET /", "", "evil.example").status == 403);
  CHECK(Ask(kModule, "Origin: http://evil.example\r\n", "evil.example").status == 403);
}

}  // namespace
}  // namespace sheaf
