// Members of one JSON object after another, without a document in between, for the documents of the admin listener.
#pragma once

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/admin/json_text.h"
#include "proxy/base/metrics.h"
#include "proxy/wire/utf8.h"

namespace sheaf {

// "0.1", "2500": bounds of buckets, which have few digits.
inline std::string ShortText(double number) {
  std::array<char, 32> text;
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::general, 6);
  return {text.data(), end};
}

class JsonWriter {
 public:
  void Begin() { writer_.StartObject(); }
  void Begin(std::string_view name) {
    WriteKey(name);
    writer_.StartObject();
  }
  void End() { writer_.EndObject(); }
  void Add(std::string_view name, uint64_t value) {
    WriteKey(name);
    writer_.Uint64(value);
  }
  void Add(std::string_view name, int64_t value) {
    WriteKey(name);
    writer_.Int64(value);
  }
  void Add(std::string_view name, double value) {
    WriteKey(name);
    writer_.Double(value);
  }
  void Add(std::string_view name, bool value) {
    WriteKey(name);
    writer_.Bool(value);
  }
  // Any bytes (json_text.h).
  void Add(std::string_view name, std::string_view value) {
    WriteKey(name);
    IsUtf8(value) ? WriteText(value) : WriteText(ToUtf8(value));
  }
  // Only the labels that were counted: the list of reasons is long, and most never happen.
  template <typename Labels, size_t kCount>
  void AddCounted(std::string_view name, const std::array<uint64_t, kCount>& counts) {
    Begin(name);
    for (size_t i = 0; i < kCount; ++i) {
      if (counts[i] != 0) Add(Labels::At(i), counts[i]);
    }
    End();
  }
  // `unit`: of the members' names, in the histogram's base unit.
  template <typename Buckets>
  void Add(std::string_view name, const HistogramTotals<Buckets>& histogram, double unit = 1) {
    Begin(name);
    for (size_t i = 0; i < Buckets::kBounds.size(); ++i) {
      Add(ShortText(static_cast<double>(Buckets::kBounds[i]) / Buckets::kPerUnit / unit), histogram.buckets[i]);
    }
    Add("+Inf", histogram.buckets.back());
    End();
  }
  // For each item an object, whose members `write` adds.
  template <typename Items, typename Write>
  void AddList(std::string_view name, const Items& items, Write write) {
    WriteKey(name);
    writer_.StartArray();
    for (size_t i = 0; i < items.size(); ++i) {
      writer_.StartObject();
      write(i);
      writer_.EndObject();
    }
    writer_.EndArray();
  }
  void AddTexts(std::string_view name, const std::vector<std::string>& texts) {
    WriteKey(name);
    writer_.StartArray();
    for (const std::string& text : texts) WriteText(text);
    writer_.EndArray();
  }
  void AddNumbers(std::string_view name, const std::vector<size_t>& numbers) {
    WriteKey(name);
    writer_.StartArray();
    for (const size_t number : numbers) writer_.Uint64(number);
    writer_.EndArray();
  }
  std::string Take() { return {buffer_.GetString(), buffer_.GetSize()}; }

 private:
  void WriteText(std::string_view text) { writer_.String(text.data(), static_cast<rapidjson::SizeType>(text.size())); }
  void WriteKey(std::string_view name) { writer_.Key(name.data(), static_cast<rapidjson::SizeType>(name.size())); }

  rapidjson::StringBuffer buffer_;
  rapidjson::Writer<rapidjson::StringBuffer> writer_{buffer_};
};

}  // namespace sheaf
