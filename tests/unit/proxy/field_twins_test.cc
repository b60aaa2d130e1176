// Field names with an underscore (hardening row 16).
#include "proxy/http/field_twins.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace sheaf {
namespace {

using List = std::vector<std::string>;

List Left(const List& names, Underscores underscores = Underscores::kPass, std::string_view user_header = "X-User-ID") {
  std::vector<wire::Field> fields;
  for (const std::string& name : names) fields.push_back({name, "v"});
  const size_t removed = RemoveTwins(fields, underscores, user_header);
  CHECK_EQ(removed + fields.size(), names.size());
  List left;
  for (const wire::Field& field : fields) left.emplace_back(field.name);
  return left;
}

TEST_CASE("a name with an underscore passes") {
  CHECK(Left({"api_key", "X_Y", "_", "a_b-c", "Accept"}) == List{"api_key", "X_Y", "_", "a_b-c", "Accept"});
}

TEST_CASE("with drop none passes, and nothing else goes") {
  CHECK(Left({"api_key", "api-key", "X_Forwarded_For", "Accept", "a_"}, Underscores::kDrop) ==
        List{"api-key", "Accept"});
}

TEST_CASE("the twin of a field that Sheaf sets, believes or removes is always removed") {
  for (const std::string name : {"X_Forwarded_For",
                                 "X-Forwarded_For",
                                 "x_forwarded-for",
                                 "X_FORWARDED_PROTO",
                                 "X_Forwarded_Host",
                                 "X_Forwarded_Port",
                                 "X_Forwarded_Anything",
                                 "X_Real_IP",
                                 "X-Real_IP",
                                 "X_Request_ID",
                                 "X_User_ID",
                                 "x-user_id",
                                 "Sec_WebSocket_Key",
                                 "Sec-WebSocket_Protocol",
                                 "Content_Length",
                                 "Transfer_Encoding",
                                 "transfer_encoding",
                                 "Keep_Alive",
                                 "Proxy_Authorization",
                                 "Sheaf_Batch"}) {
    CAPTURE(name);
    CHECK(Left({"Accept", name, "Origin"}) == List{"Accept", "Origin"});
  }
  CHECK(Left({"X_User_ID", "X_Account"}, Underscores::kPass, "X-Account") == List{"X_User_ID"});
  CHECK(Left({"X_User_ID"}, Underscores::kPass, "") == List{"X_User_ID"});
}

TEST_CASE("the twin of a field in the same request is removed, in whatever order and case they come") {
  CHECK(Left({"api_key", "API-Key"}) == List{"API-Key"});
  CHECK(Left({"Api-Key", "API_KEY", "api_key"}) == List{"Api-Key"});
  CHECK(Left({"a-b-c", "a_b-c", "a-b_c", "a_b_c"}) == List{"a-b-c"});
  CHECK(Left({"a_b_c", "a-b_c"}) == List{"a-b_c"});
  CHECK(Left({"X", "a_b", "X", "a-b", "X"}) == List{"X", "X", "a-b", "X"});
}

TEST_CASE("of two spellings of which neither is the more hyphenated, none is left to be taken for the other") {
  CHECK(Left({"a-b_c", "a_b-c"}).empty());
  CHECK(Left({"a-b_c", "a_b-c", "a_b_c", "Z"}) == List{"Z"});
}

TEST_CASE("one spelling may come in several lines") {
  CHECK(Left({"a_b", "A_B", "a_B"}) == List{"a_b", "A_B", "a_B"});
}

std::string Folded(std::string name) {
  for (char& c : name) c = c == '_' ? '-' : static_cast<char>(std::tolower(c));
  return name;
}

// From few letters, so that twins are frequent.
std::string RandomName(std::mt19937& random) {
  static const List kParts = {"x", "X", "user", "id", "forwarded", "for", "real", "ip"};
  std::string name = kParts[random() % kParts.size()];
  for (size_t more = random() % 3; more > 0; --more) {
    name += random() % 2 == 0 ? "-" : "_";
    name += kParts[random() % kParts.size()];
  }
  return name;
}

TEST_CASE("whatever comes, of names that an application takes for one at most one spelling is left") {
  std::mt19937 random(11);
  for (int round = 0; round < 5000; ++round) {
    List names;
    for (size_t count = 1 + random() % 12; count > 0; --count) names.push_back(RandomName(random));
    const List left = Left(names);
    std::map<std::string, std::set<std::string>> spellings;
    for (std::string name : left) {
      const bool has_underscore = name.find('_') != std::string::npos;
      CHECK_FALSE((has_underscore && (Folded(name).starts_with("x-forwarded-") || Folded(name) == "x-user-id")));
      std::string lower = name;
      std::transform(lower.begin(), lower.end(), lower.begin(),
                     [](char c) { return static_cast<char>(std::tolower(c)); });
      spellings[Folded(name)].insert(lower);
    }
    for (const auto& spelling : spellings) CHECK_MESSAGE(spelling.second.size() == 1, spelling.first);
    // No field without an underscore goes, and the order stays.
    List plain;
    List plain_left;
    const auto is_plain = [](const std::string& name) { return name.find('_') == std::string::npos; };
    std::copy_if(names.begin(), names.end(), std::back_inserter(plain), is_plain);
    std::copy_if(left.begin(), left.end(), std::back_inserter(plain_left), is_plain);
    CHECK(plain == plain_left);
  }
}

}  // namespace
}  // namespace sheaf
