#include "tests/bench/frames.h"

#include <openssl/evp.h>
#include <strings.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace sheaf::bench {
namespace {

struct Header {
  bool last = false;
  bool compressed = false;
  uint8_t opcode = 0;  // with the reserved bits that have no meaning here, so that they make it an unknown one
  bool masked = false;
  size_t size = 0;  // of the header itself
  size_t payload = 0;
  uint32_t mask = 0;  // as it lies in memory
};

uint64_t BigEndian(std::span<const char> bytes) {
  uint64_t value = 0;
  for (char byte : bytes) value = value << 8U | static_cast<uint8_t>(byte);
  return value;
}

std::optional<Header> ReadHeader(std::span<const char> bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const auto first = static_cast<uint8_t>(bytes[0]);
  const auto second = static_cast<uint8_t>(bytes[1]);
  Header header{.last = (first & 0x80U) != 0,
                .compressed = (first & 0x40U) != 0,
                .opcode = static_cast<uint8_t>(first & 0x3FU),
                .masked = (second & 0x80U) != 0,
                .size = 2,
                .payload = second & 0x7FU};
  const size_t length_bytes = header.payload == 126 ? 2 : header.payload == 127 ? 8 : 0;
  const size_t whole = 2 + length_bytes + (header.masked ? 4 : 0);
  if (bytes.size() < whole) return std::nullopt;
  if (length_bytes > 0) header.payload = BigEndian(bytes.subspan(2, length_bytes));
  if (header.masked) std::memcpy(&header.mask, &bytes[2 + length_bytes], 4);
  header.size = whole;
  return header;
}

// Eight bytes a step: the generator's own work must stay small beside the proxy's.
void ApplyMask(char* bytes, size_t size, uint32_t mask) {
  const uint64_t wide = static_cast<uint64_t>(mask) << 32U | mask;
  size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes + i, 8);
    word ^= wide;
    std::memcpy(bytes + i, &word, 8);
  }
  for (; i < size; ++i) bytes[i] = static_cast<char>(bytes[i] ^ static_cast<char>(mask >> 8U * (i & 3U)));
}

}  // namespace

void AppendMessage(std::string& out, uint8_t opcode, std::string_view payload, std::optional<uint32_t> mask) {
  const unsigned mask_bit = mask ? 0x80U : 0U;
  const size_t size = payload.size();
  const int length_bytes = size < 126 ? 0 : size < 65536 ? 2 : 8;
  const size_t marker = length_bytes == 0 ? size : length_bytes == 2 ? 126 : 127;
  out.push_back(static_cast<char>(0x80U | opcode));
  out.push_back(static_cast<char>(mask_bit | marker));
  for (int i = length_bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(size >> 8 * i));
  if (mask) out.append(reinterpret_cast<const char*>(&*mask), 4);
  const size_t start = out.size();
  out.append(payload);
  if (mask) ApplyMask(out.data() + start, size, *mask);
}

std::string AcceptKey(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  std::array<unsigned char, 32> encoded{};
  const int length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(size));
  return {reinterpret_cast<const char*>(encoded.data()), static_cast<size_t>(length)};
}

std::string_view FieldValue(std::string_view head, std::string_view name) {
  for (size_t end = head.find("\r\n"); end != std::string_view::npos; end = head.find("\r\n")) {
    head.remove_prefix(end + 2);
    const bool colon_follows = head.size() > name.size() && head[name.size()] == ':';
    if (!colon_follows || strncasecmp(head.data(), name.data(), name.size()) != 0) continue;
    const std::string_view value = head.substr(name.size() + 1, head.find("\r\n") - name.size() - 1);
    return value.substr(std::min(value.find_first_not_of(' '), value.size()));
  }
  return {};
}

void MessageReader::Give(std::span<char> bytes) {
  from_kept_ = !kept_.empty();
  if (from_kept_) kept_.append(bytes.data(), bytes.size());
  input_ = from_kept_ ? std::span<char>(kept_) : bytes;
}

std::optional<Message> MessageReader::Next() {
  while (!broken_) {
    if (fragments_given_) {
      fragments_.clear();
      fragments_given_ = false;
    }
    const std::optional<Header> header = ReadHeader(input_);
    if (!header) return std::nullopt;
    broken_ = header->masked != masked_ || header->opcode > kPong || (header->compressed && !compressed_allowed_);
    if (broken_ || input_.size() - header->size < header->payload) return std::nullopt;
    char* payload = input_.data() + header->size;
    if (masked_) ApplyMask(payload, header->payload, header->mask);
    input_ = input_.subspan(header->size + header->payload);
    const Message part{header->opcode, header->compressed, {payload, header->payload}};
    if (auto message = Assemble(header->last, part)) return message;
  }
  return std::nullopt;
}

std::optional<Message> MessageReader::Assemble(bool last, const Message& part) {
  if (last && part.opcode != kContinuation) return part;
  if (part.opcode != kContinuation) fragments_head_ = part;
  fragments_.append(part.payload);
  if (!last) return std::nullopt;
  fragments_given_ = true;
  return Message{fragments_head_.opcode, fragments_head_.compressed, fragments_};
}

void MessageReader::Keep() {
  if (from_kept_) {
    kept_.erase(0, kept_.size() - input_.size());
  } else {
    kept_.assign(input_.data(), input_.size());
  }
  input_ = {};
}

void MessageReader::Reset() {
  broken_ = false;
  compressed_allowed_ = false;
  input_ = {};
  kept_.clear();
  fragments_.clear();
}

}  // namespace sheaf::bench
