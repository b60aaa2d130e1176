#include "proxy/wire/trace_context.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace sheaf::wire {
namespace {

constexpr std::string_view kId = "0af7651916cd43dd8448eb211c80319c";
const std::string kValid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

std::string IdOf(const std::vector<std::string>& values) {
  RequestHead request;
  for (const std::string& value : values) request.fields.push_back({"TraceParent", value});
  return std::string(TraceId(request));
}

std::string With(size_t at, std::string_view text) {
  return std::string(kValid).replace(at, text.size(), text);
}

}  // namespace

TEST_CASE("the trace id of a valid traceparent is found") {
  CHECK(IdOf({kValid}) == kId);
  CHECK(IdOf({With(53, "00")}) == kId);
  CHECK(IdOf({With(0, "01")}) == kId);
  CHECK(IdOf({With(0, "fe") + "-what-is-to-come"}) == kId);
}

TEST_CASE("a traceparent that is not valid is none") {
  const std::vector<std::string> wrong = {
      "",
      "00",
      kValid + "-",
      kValid + "-01",
      kValid + "0",
      kValid.substr(0, 54),
      With(0, "01") + "0",
      With(0, "ff"),
      With(0, "0g"),
      With(0, "0A"),
      With(2, "_"),
      With(35, " "),
      With(52, "."),
      With(3, "00000000000000000000000000000000"),
      With(36, "0000000000000000"),
      With(3, "0AF7651916CD43DD8448EB211C80319C"),
      With(10, "\n"),
      With(40, "G"),
      With(53, "0x"),
      " " + kValid,
  };
  for (const std::string& value : wrong) {
    CAPTURE(value);
    CHECK(IdOf({value}).empty());
  }
}

TEST_CASE("of two nobody knows which is right") {
  CHECK(IdOf({kValid, kValid}).empty());
  CHECK(IdOf({}).empty());
}

}  // namespace sheaf::wire
