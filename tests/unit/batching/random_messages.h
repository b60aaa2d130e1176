// Random sequences of messages that are hard on envelopes: JSON and nearly JSON, look-alikes and beginnings of them,
// frames of the encoders themselves, separators everywhere. All texts are UTF-8. The same seed gives the same ones.
#pragma once

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/batching/reference_decoders.h"

namespace sheaf::batching {

class RandomMessages {
 public:
  explicit RandomMessages(uint64_t seed) : random_(seed) {}

  // `frames`: what was encoded before; some of it comes again as a message of the backend.
  reference::Pieces Sequence(const reference::Pieces& frames) {
    reference::Pieces messages;
    for (size_t left = Below(7) == 0 ? Below(30) : Below(6); left > 0; --left) {
      if (!messages.empty() && Below(12) == 0) {
        messages.push_back(messages[Below(messages.size())]);
      } else if (!frames.empty() && Below(8) == 0) {
        messages.push_back(frames[Below(frames.size())]);
      } else {
        messages.push_back(Message());
      }
      if (Below(5) == 0) Damage(messages.back());
    }
    return messages;
  }

  size_t Below(size_t limit) { return static_cast<size_t>(random_() % limit); }

 private:
  std::string_view Pick(std::initializer_list<std::string_view> choices) {
    return choices.begin()[Below(choices.size())];
  }

  reference::Piece Message() {
    switch (Below(12)) {
      case 0:
        return {false, Bytes()};
      case 1:
        return {true, Text()};
      case 2:
      case 3:
        return {true, Json(5)};
      case 4:
        return {true, LookAlike()};
      case 5:
      case 6:
      case 7:
        return {true, Packet()};
      default:
        return {true, Event()};
    }
  }

  std::string Bytes() {
    std::string bytes(Pick({"", "SHF\x01", "SHF", "\x1E", R"({"type":"batch","batch_size":)", "42"}));
    for (size_t left = Below(12); left > 0; --left) bytes += static_cast<char>(Below(256));
    return bytes;
  }

  std::string Text() {
    std::string text;
    for (size_t left = Below(6); left > 0; --left) {
      text +=
          Pick({"a", "4", "42", "2", "\x1E", "\"", "\\", "é",       "€",     "😀",           "{",
                "}", "[", "]",  ",", ":",    " ",  "\n", "SHF\x01", "batch", "42[\"a\",1]", std::string_view("\0", 1)});
    }
    return text;
  }

  std::string Space() { return std::string(Below(4) > 0 ? "" : Pick({" ", "\t", "\r\n", "\n "})); }

  std::string String() {
    std::string text = "\"";
    for (size_t left = Below(5); left > 0; --left) {
      text += Pick({"a",         "batch", "é",         "😀",         ",",         "]",
                    "}",         "[",     "{",         ":",         R"(\")",     R"(\\)",
                    R"(\n)",     R"(\/)", R"(\u0062)", R"(\ud800)", R"(\uDC00)", R"(\ud83d\ude00)",
                    R"(\u001e)", "\x7F"});
    }
    return text + "\"";
  }

  std::string Json(size_t depth) {
    switch (Below(depth == 0 ? 3 : 7)) {
      case 0:
        return Space() + std::string(Pick({"0", "-1", "12.50", "1e999", "-0.0E-7", "true", "false", "null"})) + Space();
      case 1:
      case 2:
        return Space() + String() + Space();
      case 3:
      case 4:
        return Space() + Array(depth) + Space();
      case 5:
        if (Below(20) == 0) return Deep();
        [[fallthrough]];
      default:
        return Space() + Object(depth) + Space();
    }
  }

  std::string Array(size_t depth) {
    std::string text = "[" + Space();
    for (size_t left = Below(4); left > 0; --left) text += Json(depth - 1) + (left > 1 ? "," : "");
    return text + "]";
  }

  std::string Object(size_t depth) {
    std::string text = "{" + Space();
    for (size_t left = Below(4); left > 0; --left) {
      const std::string key =
          Below(3) > 0 ? std::string(Pick({R"("type")", R"("batch_size")", R"("event")", R"("data")"})) : String();
      text += key + Space() + ":" + Json(depth - 1) + (left > 1 ? "," : "");
    }
    return text + "}";
  }

  // Around the depth that is carried.
  std::string Deep() {
    const size_t depth = 508 + Below(8);
    return std::string(depth, '[') + std::string(depth, ']');
  }

  std::string LookAlike() {
    std::string text = R"({"type":"batch","batch_size":)" + std::to_string(Below(4));
    if (Below(3) == 0) {
      text += R"(,"text":)" + String() + "}";
    } else {
      text += R"(,"messages":[)";
      for (size_t left = Below(4); left > 0; --left) text += Json(2) + (left > 1 ? "," : "");
      text += "]}";
    }
    if (Below(4) != 0) return text;
    const std::string beginning = text.substr(0, Below(text.size() + 1));
    return reference::IsUtf8(beginning) ? beginning : text;
  }

  // That every envelope carries but json.
  std::string Event() { return "42" + std::string(Pick({"", "", "", "/x,"})) + "[" + String() + "," + Json(2) + "]"; }

  // Of Engine.IO, mostly with a Socket.IO event in it.
  std::string Packet() {
    std::string text(
        Pick({"42", "42", "42", "42", "42", "451-", "452-", "45-", "43", "40", "4", "2", "3", "6", "0", "46"}));
    text += Pick({"", "", "", "", "/x,", "/y,", "/x", "/,", "/[,"});
    text += Pick({"", "", "", "", "", "0", "13", " "});
    std::string argument = Below(3) == 0 ? LookAlike() : Json(3);
    if (Below(8) == 0) argument = R"({"_placeholder":true,"num":0})";
    const std::string name =
        Space() +
        std::string(Pick({R"("a")", R"("batch")", R"("batch")", R"("\u0062atch")", R"("connect")", "\"\"", "7"})) +
        Space();
    switch (Below(6)) {
      case 0:
        return text + "[" + name + "]";
      case 1:
        return text + "[" + name + "," + argument + "," + Json(1) + "]";
      default:
        return text + Space() + "[" + name + "," + argument + "]" + Space();
    }
  }

  // Drops, doubles or puts in a character.
  void Damage(reference::Piece& piece) {
    reference::Piece damaged = piece;
    const size_t i = Below(damaged.data.size() + 1);
    switch (Below(4)) {
      case 0:
        damaged.data.resize(i);
        break;
      case 1:
        damaged.data.erase(i, 1);
        break;
      case 2:
        damaged.data.insert(i, damaged.data.substr(i, 1));
        break;
      default:
        damaged.data.insert(i, Pick({"\x1E", ",", "\"", "\\", "]", "}", " ", "[", "1", "x"}));
    }
    if (!damaged.is_text || reference::IsUtf8(damaged.data)) piece = damaged;
  }

  std::mt19937_64 random_;
};

}  // namespace sheaf::batching
