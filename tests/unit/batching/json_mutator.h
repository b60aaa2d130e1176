// Short texts that are JSON or nearly so, each made from those before by a few changes. The same seed gives the same
// ones.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sheaf::batching {

class JsonMutator {
 public:
  // `corpus`: of what the first ones are made; what is long is left out.
  JsonMutator(uint64_t seed, std::vector<std::string> corpus) : random_(seed), pool_(std::move(corpus)) {
    std::erase_if(pool_, [](const std::string& text) { return text.size() > kMost; });
    pool_.insert(pool_.end(), {R"({"a":[1,-2.5e+7,true,{"b":null}],"c":"x\u00e9\\\ud83d\ude00"})", "[]", "1e999",
                               R"("\ud800")", R"([[[{"":{}}]]])"});
  }

  // Valid until the next call.
  const std::string& Next() {
    text_ = Any();
    for (size_t changes = 1 + Below(3); changes > 0; --changes) Change();
    if (text_.size() > kMost) text_.resize(kMost);
    return text_;
  }

  // Others may be made from the last one.
  void KeepLast() {
    if (pool_.size() < kPool) {
      pool_.push_back(text_);
    } else {
      pool_[Below(pool_.size())] = text_;
    }
  }

 private:
  static constexpr size_t kMost = 100;
  static constexpr size_t kPool = 2000;
  static constexpr std::string_view kPieces[] = {"[",
                                                 "]",
                                                 "{",
                                                 "}",
                                                 ",",
                                                 ":",
                                                 "\"",
                                                 " ",
                                                 "\n",
                                                 "\t",
                                                 "\r",
                                                 "\\",
                                                 "0",
                                                 "-",
                                                 "+",
                                                 ".",
                                                 "e",
                                                 "E",
                                                 "1",
                                                 "9",
                                                 "u",
                                                 "d800",
                                                 "\\u",
                                                 "\\ud8",
                                                 "\\udc00",
                                                 "\\ud83d",
                                                 "[]",
                                                 "{}",
                                                 "\"a\":",
                                                 "1.",
                                                 "-0",
                                                 "00",
                                                 "1e9",
                                                 "e+",
                                                 "true",
                                                 "false",
                                                 "null",
                                                 "NaN",
                                                 "Infinity",
                                                 "tr",
                                                 "/",
                                                 "//",
                                                 "\\/",
                                                 "\\\"",
                                                 "\"\"",
                                                 "\x01",
                                                 "\x1F",
                                                 "\x7F",
                                                 "\x80",
                                                 "\xC3",
                                                 "\xED\xA0\x80",
                                                 "\xEF\xBB\xBF",
                                                 "[[",
                                                 "]]",
                                                 "1,",
                                                 ",1",
                                                 "0x1",
                                                 "\\x",
                                                 "'",
                                                 "99999999999999999999",
                                                 "1e400",
                                                 "-1E-400",
                                                 "\"\\uDFFF\"",
                                                 "é"};

  size_t Below(size_t limit) { return static_cast<size_t>(random_() % limit); }
  const std::string& Any() { return pool_[Below(pool_.size())]; }

  void Change() {
    const size_t at = Below(text_.size() + 1);
    const size_t rest = text_.size() - at;
    const size_t size = std::min(rest, 1 + Below(4));
    switch (Below(8)) {
      case 0:
        text_.erase(at, size);
        break;
      case 1:
        text_.insert(at, text_.substr(at, size));
        break;
      case 2:
        text_.replace(at, size, Any(), 0, 1 + Below(16));
        break;
      case 3:
        text_.insert(at, 1, static_cast<char>(Below(256)));
        break;
      case 4:
        if (rest > 0) text_[at] = static_cast<char>(Below(256));
        break;
      case 5:
        text_ = "[" + text_ + "," + Any() + "]";
        break;
      default:
        text_.insert(at, kPieces[Below(std::size(kPieces))]);
    }
  }

  std::mt19937_64 random_;
  std::vector<std::string> pool_;
  std::string text_;
};

}  // namespace sheaf::batching
