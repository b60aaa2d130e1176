// Values of a JSON document as the admin listener answers it, for printing. What is missing reads as nothing (0, no
// text, no items): another version of Sheaf may lack a field.
//
//   auto stats = Json::Parse(body);                     // nullopt: it is no JSON
//   stats->Number("sessions.active_sessions");
//   for (const Json& row : stats->Items("message_batcher.routes")) ... row.Text("route") ...
//
// Values; a value keeps its document alive. One thread.
#pragma once

#include <rapidjson/document.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sheaf::cli {

class Json {
 public:
  Json() = default;  // missing

  static std::optional<Json> Parse(std::string_view text);

  // The value at names with points between them; "" is this one.
  Json At(std::string_view path) const;

  bool exists() const { return value_ != nullptr; }
  bool is_number() const { return value_ != nullptr && value_->IsNumber(); }
  bool is_object() const { return value_ != nullptr && value_->IsObject(); }
  bool is_list() const { return value_ != nullptr && value_->IsArray(); }

  double Number(std::string_view path = "") const;
  bool True(std::string_view path = "") const;
  // For a terminal: what it would obey is escaped (Printable). Numbers, true and false are texts, too.
  std::string Text(std::string_view path = "") const;
  // As it came.
  std::string RawText(std::string_view path = "") const;
  std::vector<Json> Items(std::string_view path = "") const;
  // Names are for a terminal, as texts are.
  std::vector<std::pair<std::string, Json>> Members(std::string_view path = "") const;

 private:
  using Document = std::shared_ptr<const rapidjson::Document>;

  Json(Document document, const rapidjson::Value* value) : document_(std::move(document)), value_(value) {}

  Document document_;
  const rapidjson::Value* value_ = nullptr;  // of document_
};

}  // namespace sheaf::cli
