// IsJson as RapidJSON has it. For the unit tests and the fuzz target.
#pragma once

#include <rapidjson/document.h>
#include <rapidjson/reader.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "batching/json.h"
#include "batching/packet_extremes.h"

namespace sheaf::batching::reference {

class DepthCounter : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, DepthCounter> {
 public:
  explicit DepthCounter(size_t most) : most_(most) {}
  bool StartObject() { return ++depth_ <= most_; }
  bool StartArray() { return ++depth_ <= most_; }
  bool EndObject(rapidjson::SizeType /*members*/) { return Close(); }
  bool EndArray(rapidjson::SizeType /*elements*/) { return Close(); }

 private:
  bool Close() {
    --depth_;
    return true;
  }
  const size_t most_;
  size_t depth_ = 0;
};

inline rapidjson::ParseErrorCode Parse(const std::string& text, size_t max_depth) {
  rapidjson::StringStream stream(text.c_str());
  DepthCounter handler(max_depth);
  rapidjson::Reader reader;
  const rapidjson::ParseResult result =
      reader.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag>(stream, handler);
  if (result.IsError()) return result.Code();
  // It stops at a NUL.
  return stream.Tell() == text.size() ? rapidjson::kParseErrorNone : rapidjson::kParseErrorDocumentRootNotSingular;
}

// RapidJSON refuses what the grammar has: half a surrogate pair as an escape, and numbers out of range.
inline bool IsJson(std::string_view text, size_t max_depth = kMaxDepth) {
  const rapidjson::ParseErrorCode error = Parse(std::string(text), max_depth);
  if (error == rapidjson::kParseErrorNone) return true;
  const bool is_too_strict =
      error == rapidjson::kParseErrorStringUnicodeSurrogateInvalid || error == rapidjson::kParseErrorNumberTooBig;
  return is_too_strict && Parse(WithoutExtremes(text), max_depth) == rapidjson::kParseErrorNone;
}

inline void CollectStrings(const rapidjson::Value& value, std::vector<std::string>& strings) {
  if (value.IsString()) strings.emplace_back(value.GetString(), value.GetStringLength());
  if (value.IsArray()) {
    for (const rapidjson::Value& element : value.GetArray()) CollectStrings(element, strings);
  }
  if (value.IsObject()) {
    for (const auto& member : value.GetObject()) CollectStrings(member.value, strings);
  }
}

// Every string in a JSON text, decoded.
inline void CollectStrings(std::string json, std::vector<std::string>& strings) {
  rapidjson::Document document;
  document.Parse(json.c_str(), json.size());
  CollectStrings(document, strings);
}

}  // namespace sheaf::batching::reference
