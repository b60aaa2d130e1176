// The part of packet.h that reads JSON, with RapidJSON. What only looks for quotes and brackets is in packet_scan.cc.
#include "batching/packet.h"

// RapidJSON 1.1 adds to a null pointer as long as it has no stack: clang's sanitizer is right, but it does no harm.
#ifdef __clang__
#pragma clang attribute push(__attribute__((no_sanitize("pointer-overflow"))), apply_to = function)
#endif
#include <rapidjson/reader.h>
#ifdef __clang__
#pragma clang attribute pop
#endif

#include <algorithm>
#include <charconv>
#include <cstddef>

#include "batching/json.h"
#include "batching/packet_extremes.h"
#include "proxy/base/bytes.h"
#include "proxy/wire/utf8.h"

namespace sheaf::batching {
namespace {

// Iterative: no recursion, however deep the text. In place: nothing is copied, for the streams below drop what is
// written to them.
constexpr unsigned kFlags =
    rapidjson::kParseIterativeFlag | rapidjson::kParseInsituFlag | rapidjson::kParseNumbersAsStringsFlag;

// A text as RapidJSON reads it.
class TextStream {
 public:
  using Ch = char;

  explicit TextStream(std::string_view text) : text_(text) {}

  Ch Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  Ch Take() { return at_ < text_.size() ? text_[at_++] : '\0'; }
  size_t Tell() const { return at_; }

  // A string or number is written "in place": counted as one byte, which RapidJSON takes for the end mark.
  Ch* PutBegin() { return nullptr; }
  void Put(Ch /*c*/) {}
  size_t PutEnd(Ch* /*begin*/) { return 1; }

 private:
  const std::string_view text_;
  size_t at_ = 0;
};

// Keeps the last string with its escapes resolved, up to a size.
class StringStream : public TextStream {
 public:
  StringStream(std::string_view text, size_t most) : TextStream(text), most_(most) {}

  Ch* PutBegin() {
    string_.clear();
    return nullptr;
  }
  void Put(Ch c) {
    if (string_.size() < most_ + 2) string_.push_back(c);
  }
  size_t PutEnd(Ch* /*begin*/) {
    if (!string_.empty()) string_.pop_back();  // the end mark, or what is too much anyway
    return 1;
  }
  // Cut off, and so longer than `most`, if it is.
  const std::string& string() const { return string_; }

 private:
  const size_t most_;
  std::string string_;
};

// Parses all of the stream. A NUL, at which RapidJSON stops, is an error.
template <typename Stream, typename Handler>
rapidjson::ParseErrorCode Parse(Stream& stream, size_t size, Handler& handler) {
  // Holds the state of kMaxDepth levels, so that nothing is allocated.
  alignas(std::max_align_t) char buffer[kMaxDepth * 16 + 256];
  rapidjson::MemoryPoolAllocator<> allocator(buffer, sizeof buffer);
  rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>, rapidjson::MemoryPoolAllocator<>> reader(&allocator);
  const rapidjson::ParseResult result = reader.Parse<kFlags>(stream, handler);
  if (result.IsError()) return result.Code();
  return stream.Tell() == size ? rapidjson::kParseErrorNone : rapidjson::kParseErrorDocumentRootNotSingular;
}

// RapidJSON refuses these although the grammar has them: half a surrogate pair as an escape, and numbers out of range.
bool IsTooStrict(rapidjson::ParseErrorCode error) {
  return error == rapidjson::kParseErrorStringUnicodeSurrogateInvalid || error == rapidjson::kParseErrorNumberTooBig;
}

class StringTaker : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, StringTaker> {
 public:
  bool Default() { return false; }
  bool String(const char* /*text*/, rapidjson::SizeType /*size*/, bool /*copy*/) { return true; }
  bool RawNumber(const char* /*text*/, rapidjson::SizeType /*size*/, bool /*copy*/) { return false; }
};

// Follows a pointer's tokens into a text, and stops the parser when it knows. A key that is there twice counts where
// it comes first.
class Finder : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Finder> {
 public:
  Finder(std::string_view text, const std::vector<std::string>& tokens, StringStream& stream)
      : text_(text), tokens_(tokens), stream_(stream) {}

  bool found() const { return end_ > 0; }
  std::string_view ValueIn(std::string_view text) const { return text.substr(begin_, end_ - begin_); }

  // Of any scalar.
  bool Default() {
    if (depth_ != entered_) return true;
    const size_t end = stream_.Tell();
    if (!IsNext()) return Pass(end);
    if (entered_ == tokens_.size() && IsDelimiter(end)) {
      begin_ = text_.find_first_not_of(" \t\n\r,:", passed_);
      end_ = end;
    }
    return false;
  }
  bool Key(const char* /*text*/, rapidjson::SizeType /*size*/, bool /*copy*/) {
    if (depth_ != entered_) return true;
    is_named_ = stream_.string() == tokens_[entered_ - 1];
    return Pass(stream_.Tell());
  }
  bool StartObject() { return Start(false); }
  bool StartArray() { return Start(true); }
  bool EndObject(rapidjson::SizeType /*members*/) { return End(); }
  bool EndArray(rapidjson::SizeType /*elements*/) { return End(); }

 private:
  // The parser calls with the bracket still in front of it.
  bool Start(bool is_array) {
    if (depth_ == entered_ && IsNext()) {
      if (entered_ == tokens_.size()) {
        begin_ = stream_.Tell();
      } else {
        Enter(is_array);
      }
    }
    return ++depth_ <= kMaxDepth;
  }

  bool End() {
    --depth_;
    if (depth_ < entered_) return false;  // nothing in there had the token's name
    if (depth_ > entered_) return true;
    if (begin_ == kNone) return Pass(stream_.Tell() + 1);
    end_ = stream_.Tell() + 1;
    return false;
  }

  void Enter(bool is_array) {
    const std::string& token = tokens_[entered_++];
    Pass(stream_.Tell() + 1);
    in_array_ = is_array;
    elements_before_ = kNone;
    if (!is_array || token.empty() || (token.front() == '0' && token.size() > 1)) return;
    const char* end = token.data() + token.size();
    const auto [parsed, error] = std::from_chars(token.data(), end, elements_before_);
    if (error != std::errc() || parsed != end) elements_before_ = kNone;
  }

  // Whether the value that comes now in the innermost container on the path is the one that the path leads into.
  bool IsNext() { return in_array_ ? elements_before_ != kNone && elements_before_-- == 0 : is_named_; }

  // What comes next in the innermost container on the path begins behind `end`.
  bool Pass(size_t end) {
    passed_ = end;
    return true;
  }

  bool IsDelimiter(size_t i) const {
    return i == text_.size() || std::string_view(" \t\n\r,]}").find(text_[i]) != kNone;
  }

  static constexpr size_t kNone = std::string_view::npos;

  const std::string_view text_;
  const std::vector<std::string>& tokens_;
  StringStream& stream_;
  size_t depth_ = 0;                // containers that are open
  size_t entered_ = 0;              // ... those of them that the path leads into, from the outermost on
  bool is_named_ = true;            // the next value has the name that the path wants; so has the root
  bool in_array_ = false;           // the innermost container on the path is an array:
  size_t elements_before_ = kNone;  // so many elements before the one that the path wants; kNone: it wants none
  size_t passed_ = 0;
  size_t begin_ = kNone;
  size_t end_ = 0;
};

}  // namespace

std::optional<std::string> DecodeString(std::string_view token) {
  if (!token.starts_with('"') || !token.ends_with('"')) return std::nullopt;
  StringStream stream(token, token.size());
  StringTaker handler;
  if (Parse(stream, token.size(), handler) != rapidjson::kParseErrorNone) return std::nullopt;
  // The second half of a surrogate pair alone passes the parser.
  wire::Utf8Checker utf8;
  const std::string& decoded = stream.string();
  if (!utf8.Feed(AsBytes(decoded)) || !utf8.complete()) {
    return std::nullopt;
  }
  return decoded;
}

std::optional<std::string_view> FindValue(std::string_view json, const std::vector<std::string>& tokens) {
  size_t longest = 0;
  for (const std::string& token : tokens) longest = std::max(longest, token.size());
  const auto find = [&](std::string_view text, rapidjson::ParseErrorCode& error) -> std::optional<std::string_view> {
    StringStream stream(text, longest);
    Finder finder(text, tokens, stream);
    error = Parse(stream, text.size(), finder);
    if (!finder.found()) return std::nullopt;
    return finder.ValueIn(json);
  };
  rapidjson::ParseErrorCode error = rapidjson::kParseErrorNone;
  const std::optional<std::string_view> value = find(json, error);
  if (value || !IsTooStrict(error)) return value;
  return find(WithoutExtremes(json), error);
}

}  // namespace sheaf::batching
