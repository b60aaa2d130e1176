#include "proxy/wire/query.h"

#include <algorithm>

#include "proxy/wire/http1_syntax.h"

namespace sheaf::wire {

std::string DecodePercent(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && text.size() - i >= 3 ? HexValue(text[i + 1]) : -1;
    const int low = high < 0 ? -1 : HexValue(text[i + 2]);
    if (low >= 0) {
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

std::string DecodeParameter(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  return DecodePercent(spaced);
}

bool IsParameterNamed(std::string_view encoded, std::string_view name) {
  if (encoded == name) return true;
  return encoded.find_first_of("%+") != std::string_view::npos && DecodeParameter(encoded) == name;
}

std::optional<std::string> FindParameter(std::string_view target, std::string_view name) {
  std::optional<std::string> found;
  ForEachParameter(target, [&](std::string_view encoded, std::string_view value) {
    if (!found && !value.empty() && IsParameterNamed(encoded, name)) found = DecodeParameter(value);
  });
  return found;
}

}  // namespace sheaf::wire
