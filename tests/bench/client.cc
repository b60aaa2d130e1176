#include "tests/bench/client.h"

#include <array>
#include <vector>

#include "tests/bench/socketio.h"

namespace sheaf::bench {
namespace {

// One key for all: what the key must be good for (RFC 6455 10.3) does not matter here, and a random one costs time.
constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr uint32_t kSources = 8;
constexpr std::string_view kDeflate = "permessage-deflate";
// What Chromium 131 sends with an upgrade beside what a WebSocket needs.
constexpr std::string_view kBrowserFields =
    "Pragma: no-cache\r\nCache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 "
    "(KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-US,en;q=0.9\r\n";

// Read into by every client of the process.
std::array<char, 256 * 1024> receive_buffer;

}  // namespace

Client::Client(Poller& poller, const Target& target, ClientEvents& events, uint32_t index)
    : poller_(poller),
      target_(target),
      events_(events),
      index_(index),
      mask_(index * 2654435761U + 1),
      envelope_(EnvelopeNamed(target.envelope)) {}

void Client::Start() {
  started_ns = NowNs();
  close_sent_ = false;
  out_.clear();
  head_.clear();
  reader_.Reset();
  inflater_.reset();
  channel_ = std::make_unique<Channel>(target_.address, static_cast<uint8_t>(2 + index_ % kSources), target_.tls);
  if (channel_->fd() < 0) return End("cannot connect");
  phase_ = Phase::kConnecting;
  watched_ = channel_->WantedEvents();
  poller_.Add(channel_->fd(), watched_, this);
}

void Client::SendText(std::string_view payload) {
  AppendMessage(out_, kText, target_.socketio ? EventPacket(payload) : std::string(payload), NextMask());
}

void Client::SendClose() {
  AppendMessage(out_, kClose, "\x03\xE8", NextMask());
  close_sent_ = true;
}

uint32_t Client::NextMask() {
  return mask_ = mask_ * 1664525U + 1013904223U;
}

void Client::Flush() {
  if (phase_ == Phase::kClosed || out_.empty()) return;
  const Channel::Count count = channel_->Write(out_);
  if (count < 0) return End("write failed");
  out_.erase(0, static_cast<size_t>(count));
  Watch(out_.empty() ? uint32_t{EPOLLIN} : uint32_t{EPOLLIN} | EPOLLOUT);
}

void Client::Watch(uint32_t wanted) {
  if (watched_ == wanted) return;
  watched_ = wanted;
  poller_.Modify(channel_->fd(), wanted, this);
}

void Client::OnEvents(uint32_t events) {
  if (phase_ == Phase::kConnecting) {
    const Channel::State state = channel_->Advance();
    if (state == Channel::State::kFailed) return End("connect or TLS handshake failed");
    Watch(channel_->WantedEvents());
    if (state == Channel::State::kOpen) SendUpgrade();
    return;
  }
  if ((events & ~uint32_t{EPOLLOUT}) != 0) OnReadable();
  Flush();
}

void Client::SendUpgrade() {
  phase_ = Phase::kUpgrading;
  out_.append("GET ").append(target_.path);
  if (!target_.envelope.empty()) out_.append("?sheaf=").append(target_.envelope);
  out_.append(" HTTP/1.1\r\nHost: localhost\r\n");
  if (target_.http) {
    out_.append("Connection: close\r\n\r\n");
    return Flush();
  }
  if (target_.browser) out_.append(kBrowserFields);
  if (target_.deflate)
    out_.append("Sec-WebSocket-Extensions: ").append(kDeflate).append("; client_max_window_bits\r\n");
  out_.append("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ");
  out_.append(kKey).append("\r\nOrigin: http://localhost\r\n\r\n");
  Flush();
}

void Client::OnReadable() {
  const Channel::Count count = channel_->Read(receive_buffer);
  if (count == 0) return;
  if (count < 0) return target_.http ? OnHttpEnd() : End("connection lost");
  const uint64_t now_ns = NowNs();
  const std::span<char> bytes(receive_buffer.data(), static_cast<size_t>(count));
  phase_ == Phase::kOpen ? OnBytes(bytes, now_ns) : OnHead(bytes, now_ns);
}

void Client::OnHead(std::span<char> bytes, uint64_t now_ns) {
  static const std::string expected = AcceptKey(kKey);
  head_.append(bytes.data(), bytes.size());
  if (target_.http) return;
  const size_t end = head_.find("\r\n\r\n");
  if (end == std::string::npos) return;
  const std::string_view head = std::string_view(head_).substr(0, end + 2);
  if (!head.starts_with("HTTP/1.1 101 ")) return End("refused: " + head_.substr(0, head_.find("\r\n")));
  if (FieldValue(head, "Sec-WebSocket-Accept") != expected) return End("wrong Sec-WebSocket-Accept");
  if (const std::string_view missing = Missing(head); !missing.empty()) return End(missing);
  if (target_.deflate) {
    inflater_ = std::make_unique<Inflater>();
    reader_.AllowCompressed();
  }
  std::string rest = head_.substr(end + 4);
  head_ = {};
  phase_ = Phase::kOpen;
  if (!target_.socketio) events_.OnOpen(*this);
  if (open() && !rest.empty()) OnBytes(rest, now_ns);
}

void Client::OnHttpEnd() {
  const bool answered = head_.starts_with("HTTP/1.1 200 ") && head_.find("\r\n\r\n") != std::string::npos;
  End(answered ? "" : "no answer");
}

std::string_view Client::Missing(std::string_view head) const {
  if (target_.deflate && !FieldValue(head, "Sec-WebSocket-Extensions").starts_with(kDeflate)) {
    return "permessage-deflate was offered and not accepted";
  }
  if (FieldValue(head, "Sheaf-Batch") != target_.envelope) return "the envelope asked for is not confirmed";
  return "";
}

void Client::OnBytes(std::span<char> received_bytes, uint64_t now_ns) {
  bytes += received_bytes.size();
  reader_.Give(received_bytes);
  while (std::optional<Message> message = reader_.Next()) {
    switch (message->opcode) {
      case kClose:
        return OnClose(message->payload);
      case kPing:
        AppendMessage(out_, kPong, message->payload, NextMask());
        break;
      case kPong:
        break;
      default:
        if (!OnFrame(*message, now_ns)) return End("a frame that cannot be decoded");
    }
  }
  if (reader_.broken()) return End("broken frame");
  reader_.Keep();
}

bool Client::OnFrame(Message frame, uint64_t now_ns) {
  static std::vector<std::string_view> messages;  // kept, so that its memory is
  ++frames;
  if (frame.compressed) {
    const std::optional<std::string_view> inflated = inflater_->Inflate(frame.payload);
    if (!inflated) return false;
    frame.payload = *inflated;
  }
  if (!Unbatch(envelope_, frame, messages)) return false;
  if (target_.socketio) return OnPacket(frame.payload, now_ns);
  for (const std::string_view message : messages) events_.OnMessage(*this, message, now_ns);
  return true;
}

bool Client::OnPacket(std::string_view packet, uint64_t now_ns) {
  if (packet == kEnginePing) {
    AppendMessage(out_, kText, kEnginePong, NextMask());
  } else if (packet.starts_with(kNamespace)) {
    events_.OnOpen(*this);
  } else if (packet.starts_with(kEngineOpen)) {
    AppendMessage(out_, kText, kNamespace, NextMask());
  } else {
    const std::string message = MessageOfEvent(packet);
    if (message.empty()) return false;
    events_.OnMessage(*this, message, now_ns);
  }
  return true;
}

void Client::OnClose(std::string_view payload) {
  if (close_sent_) return End("");
  const bool has_code = payload.size() >= 2;
  const unsigned code =
      has_code ? static_cast<unsigned>(static_cast<uint8_t>(payload[0])) << 8U | static_cast<uint8_t>(payload[1])
               : 1005U;
  End("closed by the other side with " + std::to_string(code));
}

void Client::End(std::string_view problem) {
  phase_ = Phase::kClosed;
  const std::unique_ptr<Channel> ended = std::move(channel_);
  events_.OnClosed(*this, problem);
}

}  // namespace sheaf::bench
