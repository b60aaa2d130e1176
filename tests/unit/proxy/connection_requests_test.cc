// GET /connections and /connections/<id>: who may ask, for what, and what the answer looks like.
#include "proxy/admin/connection_requests.h"

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "proxy/admin/json_text.h"
#include "tests/unit/proxy/admin_asking.h"

namespace sheaf {
namespace {

struct Fixture : AdminAsking {
  Fixture() { options.token = "secret"; }
  AdminAnswer Get(const std::string& target) { return Ask("GET " + target, "Authorization: Bearer secret\r\n"); }
};

const std::vector<std::string> kPaths = {"/connections", "/connections/1-2"};

}  // namespace

TEST_CASE_FIXTURE(Fixture,
                  "Who is connected is told to who has the token, or comes over a Unix socket, and to no other") {
  source.found.detail = SessionDetail{};
  for (const std::string& path : kPaths) {
    CAPTURE(path);
    CHECK_EQ(Get(path).status, 200);
    CHECK_EQ(Ask("GET " + path).status, 401);
    CHECK_EQ(Ask("GET " + path, "Authorization: Bearer wrong\r\n").status, 401);
    CHECK_EQ(Ask("GET " + path, "Authorization: Bearer secret\r\nOrigin: http://a\r\n").status, 403);
    CHECK_EQ(Ask("POST " + path, "Authorization: Bearer secret\r\n").status, 405);
  }
  options.token = "";
  for (const std::string& path : kPaths) {
    const AdminAnswer answer = Ask("GET " + path);
    CHECK_EQ(answer.status, 403);
    CHECK(answer.body.find("set admin.token") != std::string::npos);
  }
  options.address = "unix:/run/sheaf-admin.sock";
  for (const std::string& path : kPaths) CHECK_EQ(Ask("GET " + path).status, 200);
}

TEST_CASE_FIXTURE(Fixture, "Without parameters: the oldest hundred") {
  CHECK_EQ(Get("/connections").body,
           "{\"total\":0,\"offset\":0,\"limit\":100,\"connections\":[],\"late_workers\":[]}\n");
  CHECK(source.asked_for.sort == SessionQuery::Sort::kAge);
  CHECK_FALSE(source.asked_for.ascending);
  CHECK_FALSE(source.asked_for.condition.has_value());
  CHECK_EQ(source.asked_for.limit, 100);
}

TEST_CASE_FIXTURE(Fixture, "Every parameter is passed on as it was meant") {
  Get("/connections?user=a%20b+c%26&path=/x/../%77s/&backend=api&state=slow&sort=queued&order=asc&limit=7&offset=3");
  const SessionQuery& query = source.asked_for;
  CHECK_EQ(query.user, "a b c&");
  CHECK_EQ(query.path, "/ws");
  CHECK_EQ(query.backend, "api");
  CHECK_EQ(query.endpoint, "");
  CHECK(query.condition == SessionCondition::kSlow);
  CHECK(query.sort == SessionQuery::Sort::kQueued);
  CHECK(query.ascending);
  CHECK_EQ(query.limit, 7);
  CHECK_EQ(query.offset, 3);
  Get("/connections?backend=api/unix:/run/app.sock&order=desc");
  CHECK_EQ(source.asked_for.backend, "api");
  CHECK_EQ(source.asked_for.endpoint, "unix:/run/app.sock");
  CHECK_FALSE(source.asked_for.ascending);
  for (size_t i = 0; i < SessionQuery::kSortNames.size(); ++i) {
    CHECK_EQ(Get("/connections?sort=" + std::string(SessionQuery::kSortNames[i])).status, 200);
    CHECK_EQ(static_cast<size_t>(source.asked_for.sort), i);
  }
  for (size_t i = 0; i < kSessionConditionNames.size(); ++i) {
    CHECK_EQ(Get("/connections?state=" + std::string(kSessionConditionNames[i])).status, 200);
    CHECK_EQ(static_cast<size_t>(*source.asked_for.condition), i);
  }
  CHECK_EQ(Get("/connections?limit=1000&offset=9000").status, 200);
  CHECK_EQ(Get("/connections?limit=1&offset=9999").status, 200);
}

TEST_CASE_FIXTURE(Fixture, "A mistake is named, with what mends it") {
  const std::vector<std::pair<std::string, std::string>> mistakes = {
      {"limit=0", "limit: is a number from 1 to 1000"},
      {"limit=1001", "limit: is a number from 1 to 1000"},
      {"limit=-1", "limit: is a number from 1 to 1000"},
      {"limit=1x", "limit: is a number from 1 to 1000"},
      {"limit=99999999999999999999", "limit: is a number from 1 to 1000"},
      {"offset=10000", "offset: is a number from 0 to 9999"},
      {"offset=9950", "offset: with limit, more than 10000: name fewer sessions"},
      {"sort=size", "sort: is one of idle, bytes, rate, queued, age"},
      {"order=up", "order: is asc or desc"},
      {"state=deaf", "state: is one of active, idle, slow, closing"},
      {"path=ws", "path: is a path such as /ws"},
      {"path=/ws%3Fx", "path: is a path such as /ws"},
      {"path=/..", "path: is a path such as /ws"},
      {"backend=/x", "backend: is a backend's name"},
      {"backend=api/", "backend: is a backend's name"},
      {"user=", "user: has no value"},
      {"user=a&user=b", "user: may be given once"},
      {"colour=red", "what it may have: user, path, backend, state, sort, order, limit, offset"}};
  for (const auto& [query, said] : mistakes) {
    CAPTURE(query);
    const AdminAnswer answer = Get("/connections?" + query);
    CHECK_EQ(answer.status, 400);
    CHECK_MESSAGE(answer.body.find(said) != std::string::npos, answer.body);
  }
}

TEST_CASE_FIXTURE(Fixture, "A session that is over, never was, or whose worker is late") {
  AdminAnswer answer = Get("/connections/2-1f");
  CHECK_EQ(answer.status, 404);
  CHECK(answer.body.find("the access log has its line") != std::string::npos);
  answer = Get("/connections/first");
  CHECK_EQ(answer.status, 404);
  CHECK(answer.body.find("an id such as 2-1f3a") != std::string::npos);
  source.found.late = {2};
  answer = Get("/connections/2-1f");
  CHECK_EQ(answer.status, 503);
  CHECK(answer.body.find("ask again") != std::string::npos);
  source.found = {.detail = SessionDetail{}, .late = {}};
  answer = Get("/connections/2-1f");
  CHECK_EQ(answer.status, 200);
  CHECK(answer.body.starts_with("{\"id\":\"2-1f\","));
}

TEST_CASE_FIXTURE(Fixture, "Late workers are named beside what the others know") {
  source.sessions = {.total = 1, .rows = {SessionView{}}, .late = {1, 4}};
  CHECK(Get("/connections").body.ends_with("\"late_workers\":[1,4]}\n"));
}

TEST_CASE("Bytes that are no UTF-8 are written as the log writes them, all others stay") {
  CHECK_EQ(ToUtf8("plain \xC3\xA9\xE2\x82\xAC\xF0\x9D\x84\x9E"), "plain \xC3\xA9\xE2\x82\xAC\xF0\x9D\x84\x9E");
  CHECK_EQ(ToUtf8("caf\xE9"), "caf\\xE9");
  CHECK_EQ(ToUtf8("\xC3\xC3\xA9\xE2\x82"), "\\xC3\xC3\xA9\\xE2\\x82");
  CHECK_EQ(ToUtf8("\xED\xA0\x80"), "\\xED\\xA0\\x80");  // a surrogate
  CHECK_EQ(ToUtf8(""), "");
}

TEST_CASE_FIXTURE(Fixture, "Whatever clients call themselves, the answer is JSON in UTF-8") {
  std::mt19937 random(3);
  for (int i = 0; i < 300; ++i) {
    std::string bytes;
    for (size_t left = random() % 40; left > 0; --left) bytes.push_back(static_cast<char>(random() % 256));
    SessionDetail detail;
    detail.view.user = detail.view.path = detail.view.client = bytes;
    detail.user_agent = detail.request_id = detail.trace_id = bytes;
    source.sessions.rows = {detail.view};
    source.found.detail = detail;
    for (const std::string& path : kPaths) {
      rapidjson::Document document;
      const std::string body = Get(path).body;
      document.Parse<rapidjson::kParseValidateEncodingFlag>(body.c_str(), body.size());
      CHECK_FALSE(document.HasParseError());
    }
  }
}

}  // namespace sheaf
