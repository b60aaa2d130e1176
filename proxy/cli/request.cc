#include "proxy/cli/request.h"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include "proxy/base/read_file.h"
#include "proxy/base/units.h"

namespace sheaf::cli {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

// What keeps its meaning in a query (RFC 3986 2.3); the rest is escaped.
bool IsUnreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::strchr("-._~", c) != nullptr;
}

std::string EncodePercent(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    std::array<char, 4> escape{};
    std::snprintf(escape.data(), escape.size(), "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
    encoded += c != '\0' && IsUnreserved(c) ? std::string(1, c) : escape.data();
  }
  return encoded;
}

std::string EncodeBase64(std::string_view bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve(bytes.size() / 3 * 4 + 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](size_t at) { return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0U; };
    const unsigned bits = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    const size_t digits = std::min<size_t>(bytes.size() - i, 3) + 1;
    for (size_t k = 0; k < 4; ++k) text += k < digits ? kDigits[bits >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

Result<std::string> ReadNamed(const std::string& name) {
  FileText read = ReadFile(name == "-" ? "/dev/stdin" : name);
  if (read.error != 0) return Error{"cannot read " + name + ": " + std::generic_category().message(read.error)};
  return std::move(read.text);
}

// "25%" or "0.25". nullopt: neither.
std::optional<double> ParseShare(const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  const std::string_view rest = end;
  if (end == text.c_str() || !std::isfinite(number) || (!rest.empty() && rest != "%")) return std::nullopt;
  return rest.empty() ? number : number / 100;
}

bool IsJson(const std::string& text) {
  rapidjson::Document document;
  return !document.Parse<rapidjson::kParseIterativeFlag>(text.data(), text.size()).HasParseError();
}

std::string WriteText(Writer& json, const Result<std::string>& text) {
  if (!text.ok()) return text.error();
  json.String(text.value().data(), static_cast<rapidjson::SizeType>(text.value().size()));
  return {};
}

// Returns what is wrong with the value; an empty text: nothing.
std::string WriteValue(Form form, const std::string& value, Writer& json) {
  switch (form) {
    case Form::kInput:
      return WriteText(json, value == "-" ? ReadNamed(value) : value);
    case Form::kFile: {
      Result<std::string> read = ReadNamed(value);
      if (read.ok()) read.value() = EncodeBase64(read.value());
      return WriteText(json, read);
    }
    case Form::kNumber: {
      const auto number = ParseNumber(value);
      if (!number) return "must be a number";
      return json.Uint64(*number) ? "" : "is too large";
    }
    case Form::kShare: {
      const auto share = ParseShare(value);
      return share && json.Double(*share) ? "" : "must be a share, such as 25% or 0.25";
    }
    case Form::kJson:
      if (!IsJson(value)) return "must be JSON; a text has quotes in it: '\"text\"'";
      json.RawValue(value.data(), value.size(), rapidjson::kNullType);
      return {};
    case Form::kTrue:
      json.Bool(true);
      return {};
    default:
      return WriteText(json, value);
  }
}

bool IsParameter(const Asking::Given& given) {
  return !given.argument->key.empty();
}

Result<std::string> BuildBody(const Asking& asking) {
  rapidjson::StringBuffer text;
  Writer json(text);
  json.StartObject();
  for (const Asking::Given& given : asking.given) {
    if (!IsParameter(given)) continue;
    const ArgumentRow& argument = *given.argument;
    json.Key(argument.key.data(), static_cast<rapidjson::SizeType>(argument.key.size()));
    const std::string problem = WriteValue(argument.form, given.value, json);
    if (!problem.empty()) return Error{std::string(argument.name) + ": " + problem};
  }
  json.EndObject();
  return std::string(text.GetString(), text.GetSize());
}

std::string BuildTarget(const Asking& asking) {
  std::string target(asking.command->path);
  for (const Asking::Given& given : asking.given) {
    if (given.argument->form == Form::kInPath) target.append("/").append(EncodePercent(given.value));
  }
  if (asking.command->method != "GET") return target;
  char before = '?';
  for (const Asking::Given& given : asking.given) {
    if (!IsParameter(given)) continue;
    target.append(1, before).append(given.argument->key).append("=").append(EncodePercent(given.value));
    before = '&';
  }
  return target;
}

}  // namespace

Result<AdminRequest> BuildRequest(const Asking& asking) {
  AdminRequest request{.method = std::string(asking.command->method), .target = BuildTarget(asking)};
  request.patience = asking.command->patience;
  bool has_parameters = false;
  for (const Asking::Given& given : asking.given) {
    has_parameters = has_parameters || IsParameter(given);
    if (given.argument->form != Form::kPost) continue;
    request.method = "POST";
    request.patience = AdminRequest{}.patience;
  }
  if (asking.command->method == "GET" || !has_parameters) return request;
  Result<std::string> body = BuildBody(asking);
  if (!body.ok()) return Error{body.error()};
  request.body = std::move(body.value());
  return request;
}

}  // namespace sheaf::cli
