// The golden vectors (tests/vectors/envelopes.json) through the encoder and through the reference decoders.
#include <doctest/doctest.h>
#include <rapidjson/document.h>

#include <fstream>
#include <iterator>

#include "tests/unit/batching/envelope_harness.h"

namespace sheaf::batching {
namespace reference {

doctest::String toString(const Pieces& pieces) {
  std::string text;
  for (const Piece& piece : pieces) text += (piece.is_text ? " text(" : " binary(") + piece.data.substr(0, 200) + ")";
  return text.c_str();
}

}  // namespace reference

namespace {

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

std::string Join(const rapidjson::Value& data) {
  const auto text = [](const rapidjson::Value& value) {
    return std::string(value.GetString(), value.GetStringLength());
  };
  if (data.IsString()) return text(data);
  std::string joined;
  for (const auto& part : data.GetArray()) {
    const std::string unit = text(part.IsArray() ? part[0] : part);
    for (unsigned times = part.IsArray() ? part[1].GetUint() : 1; times > 0; --times) joined += unit;
  }
  return joined;
}

Piece ToPiece(const rapidjson::Value& json) {
  const bool is_text = json["type"] == "text";
  return {is_text, is_text ? Join(json["data"]) : FromHex(Join(json["data"]))};
}

Pieces ToPieces(const rapidjson::Value& json) {
  Pieces pieces;
  for (const auto& piece : json.GetArray()) pieces.push_back(ToPiece(piece));
  return pieces;
}

const rapidjson::Document& Vectors() {
  static const rapidjson::Document vectors = [] {
    std::ifstream file(SHEAF_SOURCE_DIR "/tests/vectors/envelopes.json");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    rapidjson::Document json;
    REQUIRE_FALSE(json.Parse(text.c_str(), text.size()).HasParseError());
    return json;
  }();
  return vectors;
}

template <typename Check>
void ForEachVector(const char* list, Check check) {
  size_t vectors = 0;
  for (size_t i = 0; i < 4; ++i) {
    const auto envelope = static_cast<Envelope>(i);
    const std::string name(NameOf(envelope));
    CAPTURE(name);
    for (const auto& vector : Vectors()[name.c_str()][list].GetArray()) {
      const std::string about = vector["name"].GetString();
      CAPTURE(about);
      check(envelope, vector);
      ++vectors;
    }
  }
  CHECK_GT(vectors, 40);
}

}  // namespace

TEST_CASE("the encoders make the frames of the golden vectors") {
  MessageStore store;
  ForEachVector("encode", [&](Envelope envelope, const rapidjson::Value& vector) {
    const std::vector<MessageRef> messages = Intern(store, ToPieces(vector["messages"]));
    CHECK_EQ(EncodeAll(EncoderFor(envelope), messages).frames, ToPieces(vector["frames"]));
  });
}

TEST_CASE("the frames of the golden vectors decode to their messages") {
  ForEachVector("encode", [](Envelope envelope, const rapidjson::Value& vector) {
    const std::optional<Pieces> decoded = DecodeAll(envelope, ToPieces(vector["frames"]));
    REQUIRE(decoded);
    CHECK_EQ(*decoded, Expected(envelope, ToPieces(vector["messages"])));
  });
}

TEST_CASE("the reference decoders say of single frames what the golden vectors say") {
  ForEachVector("decode", [](Envelope envelope, const rapidjson::Value& vector) {
    const std::optional<Pieces> decoded = Decode(envelope, ToPiece(vector["frame"]));
    CHECK_EQ(decoded.has_value(), !vector.HasMember("error"));
    if (decoded && vector.HasMember("messages")) {
      CHECK_EQ(*decoded, Expected(envelope, ToPieces(vector["messages"])));
    }
  });
}

TEST_CASE("what an envelope adds stays within its bound") {
  MessageStore store;
  ForEachVector("encode", [&](Envelope envelope, const rapidjson::Value& vector) {
    const std::vector<MessageRef> messages = Intern(store, ToPieces(vector["messages"]));
    const Encoder& encoder = EncoderFor(envelope);
    size_t bound = 0;
    for (const MessageRef& message : messages) {
      if (!encoder.Examine(*message).carriable || !encoder.MayShare(*messages[0], *message)) return;
      bound += message->size();
    }
    std::string payload;
    encoder.Encode(messages, payload);
    CHECK_LE(payload.size(), bound + encoder.Overhead(messages.size()));
  });
}

namespace {

// In parts of `size` bytes, as when it comes.
Piece Escaped(const Encoder& encoder, const Piece& message, size_t size) {
  const wire::Opcode opcode = message.is_text ? wire::Opcode::kText : wire::Opcode::kBinary;
  std::optional<Escape> escape = encoder.EscapeLarge(opcode, std::string_view(message.data).substr(0, kBeginning));
  if (!escape) return message;
  Piece frame{message.is_text, ""};
  for (size_t at = 0; at == 0 || at < message.data.size(); at += size) {
    const std::string_view part = std::string_view(message.data).substr(at, size);
    escape->Append(part, at + size >= message.data.size(), frame.data);
  }
  return frame;
}

}  // namespace

// The law, for messages that are written while they still come. Of a packet that is no JSON no envelope can be made
// without reading it to its end: no client takes it for an event, before or behind.
TEST_CASE("what is escaped on its way decodes to itself, however it is cut") {
  const std::string space(5000, ' ');
  const std::string odd = "\\ \" \n \x01 \x1F \xC3\xA9 \x1E";
  const Pieces messages = {
      {true, R"({"type":"batch","batch_size":1,"messages":[1]})"},
      {true, R"({"type":"batch","batch_size":1,"text":"x"})"},
      {true, R"({"type":"batch","batch_size":)" + odd},
      {false, std::string("SHF\x01\0\0\0\0", 8)},
      {false, "SHF\x01"},
      {false, "SHF\x01\xFF\xFF\xFF\xFF" + odd},
      {true, "4\x1E" + odd},
      {true, R"(42["batch",{"type":"batch","batch_size":1,"messages":[{"event":"a","data":1}]}])"},
      {true, R"(42["batch",{"type":"batch","batch_size":1,"messages":[["a",1]]}])"},
      {true, R"(42["batch",{"a":[1,"]"]},"\"",{}])"},
      {true, R"(451-/x,["\u0062atch",{"_placeholder":true,"num":0}])"},
      {true, R"(42[)" + space + R"("batch",1])"},
      {true, R"(42[)" + space + R"("other",1])"},
      {true, "42/" + std::string(5000, 'n') + R"(,["batch",{"type":"batch","batch_size":1,"messages":[["a",1]]}])"},
      {true, "42/" + std::string(5000, 'n') + R"(,7["batch",1])"},
      {true, R"(427["batch",1])"},
      {true, R"(43["batch",1])"},
      {true, R"(42["a",1])"},
      {true, "no packet"},
      {true, ""},
  };
  for (size_t i = 0; i < 4; ++i) {
    const auto envelope = static_cast<Envelope>(i);
    for (const Piece& message : messages) {
      for (const size_t size : {size_t{1}, size_t{3}, size_t{4096}, size_t{100'000}}) {
        CAPTURE(i);
        CAPTURE(message.data.substr(0, 100));
        CAPTURE(size);
        const std::optional<Pieces> decoded = Decode(envelope, Escaped(EncoderFor(envelope), message, size));
        REQUIRE(decoded.has_value());
        CHECK_EQ(*decoded, Expected(envelope, {message}));
      }
    }
  }
}

TEST_CASE("a look-alike is escaped, going by its beginning alone, and what is none is not") {
  MessageStore store;
  ForEachVector("encode", [&](Envelope envelope, const rapidjson::Value& vector) {
    const Encoder& encoder = EncoderFor(envelope);
    for (const MessageRef& message : Intern(store, ToPieces(vector["messages"]))) {
      const bool escaped = encoder.EscapeLarge(message->opcode(), message->text().substr(0, kBeginning)).has_value();
      CHECK_LE(encoder.Examine(*message).look_alike, escaped);
    }
  });
  const auto escaped = [](const std::string& text, wire::Opcode opcode = wire::Opcode::kText) {
    return EncoderFor(Envelope::kSocketIoEvent).EscapeLarge(opcode, text).has_value();
  };
  const std::string space(5000, ' ');
  CHECK(escaped(R"(42["batch",{"type":)"));
  CHECK(escaped("42[" + space));
  CHECK(escaped("42[\"" + space));
  CHECK(escaped("42/" + space));
  CHECK_FALSE(escaped(R"(42["a",{"type":)"));
  CHECK_FALSE(escaped(R"(427["batch",{"type":)"));
  CHECK_FALSE(escaped(R"(43["batch",{"type":)"));
  CHECK_FALSE(escaped(R"(45["batch",{"type":)"));
  CHECK_FALSE(escaped(R"(42["batch",{"type":)", wire::Opcode::kBinary));
}

TEST_CASE("an encoder appends to what is there") {
  MessageStore store;
  for (size_t i = 0; i < 4; ++i) {
    const Encoder& encoder = EncoderFor(static_cast<Envelope>(i));
    const std::vector<MessageRef> messages = Intern(store, {{true, R"(42["a",1])"}, {true, R"(42["b",2])"}});
    std::string alone;
    std::string appended = "before";
    encoder.Encode(messages, alone);
    encoder.Encode(messages, appended);
    CHECK_EQ(appended, "before" + alone);
  }
}

}  // namespace sheaf::batching
