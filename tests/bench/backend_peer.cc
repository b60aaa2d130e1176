#include "tests/bench/backend_peer.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "tests/bench/backend_link.h"

namespace sheaf::bench {
namespace {

constexpr size_t kMostQueued = 1024 * 1024;

std::array<char, 256 * 1024> receive_buffer;

// Of a request's head, or "".
std::string_view PathOf(std::string_view head) {
  const size_t begin = head.find(' ') + 1;
  const size_t end = head.find(' ', begin);
  return end == std::string_view::npos ? "" : head.substr(begin, end - begin);
}

}  // namespace

Peer::Peer(Server& server, Fd fd) : server_(server), fd_(std::move(fd)) {}

Peer::~Peer() = default;

bool Peer::behind() const {
  return out_.size() > kMostQueued;
}

void Peer::SendTick(Quote& quote) {
  if (behind()) return;
  AppendMessage(out_, kText, quote.Write({.sequence = ticks_++, .sent_ns = NowNs()}), std::nullopt);
  Flush();
}

void Peer::SendBroadcast(std::string_view text) {
  if (behind()) return;
  ++ticks_;
  AppendMessage(out_, kText, text, std::nullopt);
  Flush();
}

void Peer::Queue(std::string_view frame) {
  AppendMessage(out_, kBinary, frame, std::nullopt);
}

void Peer::OnEvents(uint32_t events) {
  if ((events & ~uint32_t{EPOLLOUT}) != 0) OnReadable();
  Flush();
}

void Peer::OnReadable() {
  const ssize_t count = recv(fd_.get(), receive_buffer.data(), receive_buffer.size(), 0);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) return Leave();
  const std::span<char> bytes(receive_buffer.data(), static_cast<size_t>(count));
  upgraded_ ? OnBytes(bytes) : OnHead(bytes);
}

void Peer::OnHead(std::span<char> bytes) {
  head_.append(bytes.data(), bytes.size());
  while (!upgraded_) {
    const size_t end = head_.find("\r\n\r\n");
    if (end == std::string::npos) return;
    AnswerHead(std::string_view(head_).substr(0, end + 2));
    head_.erase(0, end + 4);
  }
  std::string rest = std::move(head_);
  if (!rest.empty()) OnBytes(rest);
}

void Peer::AnswerHead(std::string_view head) {
  const std::string_view key = FieldValue(head, "Sec-WebSocket-Key");
  if (key.empty()) {
    out_.append("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n");
    return;
  }
  upgraded_ = true;
  const bool link = PathOf(head) == MuxLink::kPath;
  out_.append(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
  out_.append(AcceptKey(key)).append("\r\n");
  if (link) out_.append("Sec-WebSocket-Protocol: sheaf-mux\r\n");
  out_.append("\r\n");
  if (link) link_ = std::make_unique<MuxLink>(server_, *this);
  load_ = LoadOf(PathOf(head));
}

void Peer::OnBytes(std::span<char> bytes) {
  reader_.Give(bytes);
  while (std::optional<Message> message = reader_.Next()) OnMessage(*message);
  reader_.Keep();
  if (reader_.broken()) Leave();
}

void Peer::OnMessage(const Message& message) {
  switch (message.opcode) {
    case kClose:
      AppendMessage(out_, kClose, message.payload, std::nullopt);
      closing_ = true;
      break;
    case kPing:
      AppendMessage(out_, kPong, message.payload, std::nullopt);
      break;
    case kPong:
      break;
    default:
      if (link_ != nullptr && !link_->OnFrame(message.payload)) return Leave();
      if (link_ != nullptr) return;
      if (load_.rate > 0) return OnTickWord(message.payload);
      AppendMessage(out_, message.opcode, message.payload, std::nullopt);
  }
}

void Peer::OnTickWord(std::string_view word) {
  if (word == "start" && load_.broadcast) server_.Start(static_cast<Audience&>(*this), load_.rate);
  if (word == "start" && !load_.broadcast) server_.Start(static_cast<Ticker&>(*this), load_.rate);
  if (word != "stop") return;
  server_.Stop(static_cast<Audience&>(*this));
  server_.Stop(static_cast<Ticker&>(*this), load_.rate);
  AppendMessage(out_, kText, "end " + std::to_string(ticks_), std::nullopt);
}

void Peer::Flush() {
  if (link_ != nullptr) link_->HandOver();
  if (gone_ || out_.empty()) return;
  const ssize_t count = send(fd_.get(), out_.data(), out_.size(), MSG_NOSIGNAL);
  if (count < 0 && errno != EAGAIN && errno != EINTR) return Leave();
  if (count > 0) out_.erase(0, static_cast<size_t>(count));
  if (out_.empty() && closing_) return Leave();
  if (waits_for_room_ == !out_.empty()) return;
  waits_for_room_ = !out_.empty();
  server_.poller().Modify(fd_.get(), waits_for_room_ ? uint32_t{EPOLLIN} | EPOLLOUT : uint32_t{EPOLLIN}, this);
}

void Peer::Leave() {
  if (gone_) return;
  gone_ = true;
  server_.Stop(static_cast<Audience&>(*this));
  server_.Stop(static_cast<Ticker&>(*this), load_.rate);
  server_.Bury(*this);
}

}  // namespace sheaf::bench
