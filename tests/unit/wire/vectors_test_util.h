// Bytes as the golden vectors have them (tests/vectors/README.md).
#pragma once

#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "proxy/wire/little_endian.h"

namespace sheaf::wire {

inline std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

inline void UnpackPart(const rapidjson::Value& part, std::string& bytes) {
  if (part.IsObject()) {
    const uint32_t first = part["from"].GetUint();
    for (uint32_t i = 0; i < part["count"].GetUint(); ++i) AppendLittle(bytes, first + i);
    return;
  }
  const rapidjson::Value& hex = part.IsArray() ? part[0] : part;
  const std::string unit = FromHex({hex.GetString(), hex.GetStringLength()});
  for (unsigned times = part.IsArray() ? part[1].GetUint() : 1; times > 0; --times) bytes += unit;
}

inline std::string Unpack(const rapidjson::Value& parts) {
  std::string bytes;
  for (const auto& part : parts.GetArray()) UnpackPart(part, bytes);
  return bytes;
}

// `name`: of a file in tests/vectors.
inline rapidjson::Document ReadVectorFile(const std::string& name) {
  std::ifstream file(SHEAF_SOURCE_DIR "/tests/vectors/" + name);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  rapidjson::Document json;
  REQUIRE_FALSE(json.Parse(text.c_str()).HasParseError());
  return json;
}

}  // namespace sheaf::wire
