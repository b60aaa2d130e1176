#include "proxy/cli/json_reader.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "proxy/base/printable.h"

namespace sheaf::cli {
namespace {

std::string_view View(const rapidjson::Value& text) {
  return {text.GetString(), text.GetStringLength()};
}

std::string NumberText(const rapidjson::Value& number) {
  if (number.IsUint64()) return std::to_string(number.GetUint64());
  if (number.IsInt64()) return std::to_string(number.GetInt64());
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.6g", number.GetDouble());
  return text.data();
}

}  // namespace

std::optional<Json> Json::Parse(std::string_view text) {
  auto document = std::make_shared<rapidjson::Document>();
  // Not recursive: how deep it is nested, another decides.
  document->Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size());
  if (document->HasParseError()) return std::nullopt;
  const rapidjson::Value* root = document.get();
  return Json(std::move(document), root);
}

Json Json::At(std::string_view path) const {
  const rapidjson::Value* value = value_;
  while (value != nullptr && !path.empty()) {
    const std::string_view name = path.substr(0, path.find('.'));
    path.remove_prefix(std::min(name.size() + 1, path.size()));
    if (!value->IsObject()) return {};
    const rapidjson::Value key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    const auto member = value->FindMember(key);
    value = member == value->MemberEnd() ? nullptr : &member->value;
  }
  return {document_, value};
}

double Json::Number(std::string_view path) const {
  const Json at = At(path);
  return at.is_number() ? at.value_->GetDouble() : 0;
}

bool Json::True(std::string_view path) const {
  const Json at = At(path);
  return at.exists() && at.value_->IsTrue();
}

std::string Json::Text(std::string_view path) const {
  return Printable(RawText(path));
}

std::string Json::RawText(std::string_view path) const {
  const Json at = At(path);
  if (!at.exists()) return {};
  if (at.value_->IsString()) return std::string(View(*at.value_));
  if (at.value_->IsNumber()) return NumberText(*at.value_);
  if (at.value_->IsBool()) return at.value_->GetBool() ? "true" : "false";
  return {};
}

std::vector<Json> Json::Items(std::string_view path) const {
  const Json at = At(path);
  std::vector<Json> items;
  if (!at.is_list()) return items;
  for (const rapidjson::Value& one : at.value_->GetArray()) items.push_back({document_, &one});
  return items;
}

std::vector<std::pair<std::string, Json>> Json::Members(std::string_view path) const {
  const Json at = At(path);
  std::vector<std::pair<std::string, Json>> members;
  if (!at.is_object()) return members;
  for (const auto& one : at.value_->GetObject()) {
    members.emplace_back(Printable(View(one.name)), Json(document_, &one.value));
  }
  return members;
}

}  // namespace sheaf::cli
