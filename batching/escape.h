// A message that is too large to be gathered, and that a decoder might take for an envelope, is written in a form that
// can be written while it still comes: something in front, something behind, and nothing of it moved.
//
//   std::optional<Escape> escape = encoder.EscapeLarge(opcode, beginning);   // nullopt: it goes as it is
//   escape->Append(part, last, out);                                         // for each part, from the first byte on
//
// A value; one thread at a time. The forms are in envelopes.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sheaf::batching {

class Escape {
 public:
  // What is put in front and behind; both live for ever. `quoted`: between them stands the inside of a JSON string.
  Escape(std::string_view before, std::string_view after, bool quoted = false)
      : before_(before), after_(after), quoted_(quoted) {}

  // `before` goes in front of the array of a Socket.IO packet: behind the packet's first `head` bytes.
  static Escape AtArray(std::string_view before, std::string_view after, size_t head);
  // ... which begins behind the comma that ends its namespace, the first in the message, still to come. What has
  // something else there, an acknowledgement's id, goes as it is.
  static Escape BehindNamespace(std::string_view before, std::string_view after);

  // Appends what stands for the message's next bytes. `last`: there are no more.
  void Append(std::string_view payload, bool last, std::string& out);

 private:
  enum class Place : uint8_t {
    kHead,       // so many bytes, in head_, stay in front
    kNamespace,  // ... all up to a comma
    kBracket,    // behind that comma
    kInside,
  };

  // Appends what stays in front, off the front of `payload`.
  void AppendHead(std::string_view& payload, std::string& out);

  std::string_view before_;
  std::string_view after_;
  size_t head_ = 0;
  Place place_ = Place::kHead;
  bool quoted_;
};

}  // namespace sheaf::batching
