#include "proxy/doctor/compare.h"

#include <doctest/doctest.h>

#include <functional>

namespace sheaf::doctor {
namespace {

const Question kPage{"HTTP GET", "/", false};
const Question kSocket{"WebSocket", "/ws", true};

Answer Ok(std::string body = "hello") {
  Answer answer;
  answer.connected = true;
  answer.status = 200;
  answer.fields = {{"Content-Type", "text/plain"}, {"Date", "now"}, {"Server", "uvicorn"}};
  answer.body = std::move(body);
  answer.delay = std::chrono::milliseconds(2);
  return answer;
}

Answer Switched() {
  Answer answer = Ok("");
  answer.status = 101;
  answer.close_code = 1000;
  return answer;
}

Twice Both(const Answer& answer) {
  return {answer, answer};
}

// The comparison of what `change` makes different through Sheaf.
Comparison Through(const Question& question, const Answer& direct, const std::function<void(Answer&)>& change) {
  Answer through = direct;
  change(through);
  return Compare(question, Both(direct), Both(through));
}

TEST_CASE("equal answers have no difference") {
  CHECK(Through(kPage, Ok(), [](Answer&) {}).same());
  CHECK(Through(kSocket, Switched(), [](Answer&) {}).same());
}

TEST_CASE("hop-by-hop fields, framing and the date are no difference") {
  const Comparison seen = Through(kPage, Ok(), [](Answer& through) {
    through.fields[1].value = "later";
    through.fields.push_back({"connection", "close"});
    through.fields.push_back({"Transfer-Encoding", "chunked"});
  });
  CHECK(seen.same());
  CHECK(seen.notes.empty());
}

TEST_CASE("Sheaf's request id is a note, not a difference") {
  const Comparison seen = Through(kPage, Ok(), [](Answer& through) {
    through.fields.push_back({"X-Request-ID", "1"});
  });
  CHECK(seen.same());
  REQUIRE(seen.notes.size() == 1);
  CHECK(seen.notes[0].find("X-Request-ID") != std::string::npos);
}

TEST_CASE("a field that is gone, new or changed is a difference") {
  const Comparison gone = Through(kPage, Ok(), [](Answer& through) { through.fields.pop_back(); });
  REQUIRE(gone.differences.size() == 1);
  CHECK(gone.differences[0].what == "field Server");
  CHECK(gone.differences[0].direct == "uvicorn");
  CHECK(gone.differences[0].through == "none");
  const Comparison added = Through(kPage, Ok(), [](Answer& through) { through.fields.push_back({"X-New", "1"}); });
  REQUIRE(added.differences.size() == 1);
  CHECK(added.differences[0].direct == "none");
  CHECK_FALSE(Through(kPage, Ok(), [](Answer& through) { through.fields[0].value = "text/html"; }).same());
}

TEST_CASE("what changes between two direct answers is not compared by value, but must be there") {
  Answer second = Ok("hellO");
  second.fields[2].value = "other";
  Answer through = Ok("heLlo");
  through.fields[2].value = "third";
  CHECK(Compare(kPage, {Ok(), second}, Both(through)).same());
  through.fields.pop_back();
  CHECK_FALSE(Compare(kPage, {Ok(), second}, Both(through)).same());
  // Its size is still what it was.
  CHECK_FALSE(Compare(kPage, {Ok(), Ok("hellO")}, Both(Ok("longer"))).same());
}

TEST_CASE("a cookie's value is not compared, its attributes are") {
  Answer direct = Ok();
  direct.fields.push_back({"Set-Cookie", "session=abc; Path=/; Secure"});
  CHECK(Through(kPage, direct, [](Answer& through) {
          through.fields.back().value = "session=x; Path=/; Secure";
        }).same());
  const Comparison seen =
      Through(kPage, direct, [](Answer& through) { through.fields.back().value = "session=x; Path=/"; });
  REQUIRE(seen.differences.size() == 1);
  CHECK(seen.differences[0].remedy.starts_with("forwarded.trusted_proxies"));
}

TEST_CASE("another body is a difference, one that goes on cannot be compared") {
  CHECK_FALSE(Through(kPage, Ok(), [](Answer& through) { through.body = "hullo"; }).same());
  Answer stream = Ok();
  stream.body_goes_on = true;
  CHECK(Through(kPage, stream, [](Answer& through) { through.body = "hello hello"; }).same());
}

TEST_CASE("a redirect to http in place of https names the trusted proxies") {
  Answer direct = Ok("");
  direct.status = 307;
  direct.fields.push_back({"location", "https://a.example/"});
  const Comparison seen =
      Through(kPage, direct, [](Answer& through) { through.fields.back().value = "http://a.example/"; });
  REQUIRE(seen.differences.size() == 1);
  CHECK(seen.differences[0].remedy.starts_with("forwarded.trusted_proxies"));
}

TEST_CASE("a refusal of Sheaf's names its option, and nothing else of the answer is compared") {
  const Comparison seen = Through(kPage, Ok(), [](Answer& through) {
    through.status = 503;
    through.fields.clear();
    through.body = R"({"status":503,"error":"x","reason":"pool_exhausted","message":"m","request_id":"1"})";
  });
  REQUIRE(seen.differences.size() == 1);
  CHECK(seen.differences[0].what == "status");
  CHECK(seen.differences[0].direct == "200");
  CHECK(seen.differences[0].through == "503 pool_exhausted");
  CHECK(seen.differences[0].remedy.starts_with("pool.max_size"));
}

TEST_CASE("a backend's own answer with a reason is not taken for Sheaf's") {
  CHECK(Ok(R"({"reason":"pool_exhausted"})").SheafReason().empty());
}

TEST_CASE("the backend's invalid answer is told by its cause") {
  Answer direct = Ok();
  direct.error = "the answer is not valid HTTP/1.1 (length_and_encoding)";
  direct.fault = "length_and_encoding";
  Answer through = Ok(R"({"reason":"upstream_bad_response","request_id":"1"})");
  through.status = 502;
  const Comparison seen = Compare(kPage, Both(direct), Both(through));
  REQUIRE(seen.differences.size() == 1);
  CHECK(seen.differences[0].remedy.find("length_and_encoding") != std::string::npos);
}

TEST_CASE("what fails both ways is a note") {
  Answer broken = Ok();
  broken.error = "no answer within 10 s";
  const Comparison seen = Compare(kPage, Both(broken), Both(broken));
  CHECK(seen.same());
  REQUIRE(seen.notes.size() == 1);
  CHECK(seen.notes[0].find("no answer") != std::string::npos);
}

TEST_CASE("subprotocol, first message and close code are compared") {
  Answer direct = Switched();
  direct.fields.push_back({"Sec-WebSocket-Protocol", "chat"});
  direct.message = Message{true, "hello"};
  CHECK(Through(kSocket, direct, [](Answer&) {}).same());
  CHECK_FALSE(Through(kSocket, direct, [](Answer& through) { through.fields.pop_back(); }).same());
  CHECK_FALSE(Through(kSocket, direct, [](Answer& through) { through.message.reset(); }).same());
  CHECK_FALSE(Through(kSocket, direct, [](Answer& through) { through.message->text = false; }).same());
  CHECK_FALSE(Through(kSocket, direct, [](Answer& through) { through.message->payload = "hell"; }).same());
  const Comparison seen = Through(kSocket, direct, [](Answer& through) { through.close_code = 1012; });
  REQUIRE(seen.differences.size() == 1);
  CHECK(seen.differences[0].what == "close code");
}

TEST_CASE("a backend that ends without a Close names websocket.upstream_lost") {
  Answer direct = Switched();
  direct.close_code = 1006;
  const Comparison seen = Through(kSocket, direct, [](Answer& through) { through.close_code = 1012; });
  REQUIRE(seen.differences.size() == 1);
  CHECK(seen.differences[0].remedy.starts_with("websocket.upstream_lost"));
}

TEST_CASE("a first message that comes at times is not compared") {
  Answer with = Switched();
  with.message = Message{true, "tick"};
  CHECK(Compare(kSocket, {Switched(), with}, Both(with)).same());
}

TEST_CASE("a delay matters from a quarter of a second on, and if it was so both times") {
  const auto late = [](std::chrono::milliseconds by) {
    Answer answer = Ok();
    answer.delay += by;
    return answer;
  };
  CHECK(Compare(kPage, Both(Ok()), Both(late(std::chrono::milliseconds(240)))).same());
  CHECK(Compare(kPage, Both(Ok()), {late(std::chrono::seconds(2)), Ok()}).same());
  const Comparison seen = Compare(kPage, Both(Ok()), Both(late(std::chrono::seconds(2))));
  REQUIRE(seen.differences.size() == 1);
  CHECK(seen.differences[0].what == "delay");
}

}  // namespace
}  // namespace sheaf::doctor
