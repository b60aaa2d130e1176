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

TEST_CASE("a look-alike may be one by its beginning, too") {
  MessageStore store;
  ForEachVector("encode", [&](Envelope envelope, const rapidjson::Value& vector) {
    const Encoder& encoder = EncoderFor(envelope);
    for (const MessageRef& message : Intern(store, ToPieces(vector["messages"]))) {
      const bool may = encoder.MayLookAlike(message->opcode(), message->text().substr(0, 4096));
      CHECK_LE(encoder.Examine(*message).look_alike, may);
    }
  });
}

TEST_CASE("a large message of socketio-event may be a look-alike until its name says that it is none") {
  const auto may = [](const std::string& text) {
    return EncoderFor(Envelope::kSocketIoEvent).MayLookAlike(wire::Opcode::kText, text);
  };
  const std::string space(5000, ' ');
  CHECK(may(R"(42["batch",{"type":)"));
  CHECK(may(R"(451-/x,["\u0062atch",{"type":)"));
  CHECK(may("42[" + space));
  CHECK(may("42[\"batch\"" + space));
  CHECK(may("42[\"" + space));
  CHECK(may("42/" + space));
  CHECK_FALSE(may(R"(42["a",{"type":)"));
  CHECK_FALSE(may(R"(427["batch",{"type":)"));
  CHECK_FALSE(may(R"(43["batch",{"type":)"));
  CHECK_FALSE(may(R"(45["batch",{"type":)"));
  CHECK_FALSE(EncoderFor(Envelope::kSocketIoEvent).MayLookAlike(wire::Opcode::kBinary, R"(42["batch",{"type":)"));
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
