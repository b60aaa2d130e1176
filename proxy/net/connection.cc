#include "proxy/net/connection.h"

#include <event2/event.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <system_error>
#include <utility>

#include "proxy/net/loop.h"
#include "proxy/net/socket_options.h"
#include "proxy/net/tls_context.h"
#include "proxy/net/tls_stream.h"

namespace sheaf::net {
Connection::Connection(Loop& loop, int fd, const IoCounters& io, ConnectionEvents& events)
    : loop_(loop), events_(&events), io_(io), fd_(fd) {}

std::unique_ptr<Connection> Connection::Accept(Loop& loop, int fd, const TlsContext* tls, const IoCounters& io,
                                               ConnectionEvents& events, bool is_unix) {
  static_assert(sizeof(Connection) <= 128, "an idle connection's budget");
  std::unique_ptr<Connection> connection(new Connection(loop, fd, io, events));
  connection->unix_ = is_unix;
  if (tls != nullptr) {
    connection->tls_ = TlsStream::Accept(loop.tls_scratch(), *tls);
    if (!connection->tls_) return nullptr;
  }
  return connection->SetInterest(false) ? std::move(connection) : nullptr;
}

std::unique_ptr<Connection> Connection::Connect(Loop& loop, const Address& address, const TlsContext* tls,
                                                const std::string& server_name, const IoCounters& io,
                                                ConnectionEvents& events) {
  const int fd = socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return nullptr;
  std::unique_ptr<Connection> connection(new Connection(loop, fd, io, events));
  SetDialledOptions(fd, address);
  connection->unix_ = address.is_unix();
  if (tls != nullptr) {
    connection->tls_ = TlsStream::Connect(loop.tls_scratch(), *tls, server_name);
    if (!connection->tls_) return nullptr;
  }
  connection->connecting_ = true;
  // A failure at once (Unix sockets, loopback) leaves an error on the socket or none at all, so it is told by an event
  // all the same: callers never get a callback from within Connect.
  const int connected = connect(fd, address.data(), address.length());
  if (connected != 0 && errno != EINPROGRESS) {
    connection->error_ = errno;
    connection->peer_ended_ = true;
    loop.ReadAgain(*connection);
    return connection;
  }
  return connection->SetInterest(true) ? std::move(connection) : nullptr;
}

bool Connection::BeginTls(const TlsContext& tls, std::span<uint8_t> received) {
  tls_ = TlsStream::Accept(loop_.tls_scratch(), tls);
  if (!tls_) return false;
  if (!received.empty()) HandOnTls(received);
  return true;
}

Connection::~Connection() {
  Close();
}

bool Connection::SetInterest(bool writing) {
  wants_write_ = writing;
  const int reading = unix_ && deferring_ ? 0 : EV_READ;
  const auto what = static_cast<short>(reading | EV_CLOSED | EV_PERSIST | EV_ET | (writing ? EV_WRITE : 0));
  if (event_ == nullptr) {
    event_ = event_new(loop_.base(), fd_, what, &Connection::OnEvent, this);
    if (event_ == nullptr) return false;
    loop_.WatchHangUpSoon(*this);
  } else {
    event_del(event_);
    event_assign(event_, loop_.base(), fd_, what, &Connection::OnEvent, this);
  }
  return event_add(event_, nullptr) == 0;
}

bool Connection::ForgetWriting() {
  return !unix_ || SetInterest(false);
}

void Connection::OnEvent(int /*fd*/, short what, void* self) {
  auto& connection = *static_cast<Connection*>(self);
  if ((what & EV_CLOSED) != 0) connection.peer_ended_ = true;
  if (connection.connecting_) {
    connection.FinishConnecting();
  } else if ((what & EV_WRITE) != 0) {
    connection.ContinueWriting();
  }
  if (!connection.closed() && !connection.connecting_ && (what & (EV_READ | EV_CLOSED)) != 0) connection.OnReadable();
  connection.loop_.writes().FlushAll();
}

void Connection::OnReadable() {
  if (discarding_ && peer_ended_) return End(ConnectionEnd::kEof);
  ReadOnce();
}

void Connection::OnHangUp() {
  if (closed() || connecting_) return;
  if (ended_) {
    if (!std::exchange(broken_, true)) EndAgain();
    return;
  }
  peer_ended_ = true;  // read on until the error shows; while reading is paused, it shows after that
  loop_.ReadAgain(*this);
}

void Connection::FinishConnecting() {
  int error = 0;
  socklen_t length = sizeof(error);
  if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error != 0 || event_ == nullptr) {
    if (error != 0) error_ = error;
    End(ConnectionEnd::kConnectFailed);
    return;
  }
  connecting_ = false;
  if (!ForgetWriting()) {
    End(ConnectionEnd::kConnectFailed);
    return;
  }
  if (tls_) {
    std::span<uint8_t> none;
    tls_->Receive({}, none);
    TransmitTlsOutput();
  } else {
    events_->OnConnected();
  }
}

void Connection::ReadOnce() {
  if (ended_) return;
  if (pauses_.any()) {
    readable_ = true;
    return;
  }
  readable_ = false;
  const std::span<uint8_t> buffer = loop_.receive_buffer();
  const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
  if (got < 0) {
    if (errno == EAGAIN || errno == EINTR) return;
    error_ = errno;
    broken_ = true;
    End(ConnectionEnd::kReset);
    return;
  }
  if (got == 0) {
    End(broken_ ? ConnectionEnd::kReset : ConnectionEnd::kEof);
    return;
  }
  const auto size = static_cast<size_t>(got);
  io_.received->Add(size);
  // A short read has emptied the socket, and the next byte is a new edge. Only a full buffer or a known end need
  // another.
  if (size == buffer.size() || peer_ended_) {
    readable_ = true;
    loop_.ReadAgain(*this);
  }
  if (tls_) {
    HandOnTls(buffer.first(size));
  } else {
    events_->OnBytes(buffer.first(size));
  }
}

Connection::Waiting Connection::LookForInput() const {
  if (closed() || peer_ended_ || ended_) return Waiting::kEnd;
  uint8_t byte = 0;
  const ssize_t got = recv(fd_, &byte, sizeof(byte), MSG_PEEK | MSG_DONTWAIT);
  if (got > 0) return Waiting::kBytes;
  return got < 0 && (errno == EAGAIN || errno == EINTR) ? Waiting::kNothing : Waiting::kEnd;
}

void Connection::HandOnTls(std::span<uint8_t> ciphertext) {
  const bool was_established = tls_->established();
  std::span<uint8_t> plaintext;
  const TlsStream::Verdict verdict = tls_->Receive(ciphertext, plaintext);
  TransmitTlsOutput();
  if (closed()) return;
  if (!was_established && tls_->established()) events_->OnConnected();
  if (!closed() && !plaintext.empty()) events_->OnBytes(plaintext);
  if (closed() || verdict == TlsStream::Verdict::kOk) return;
  End(verdict == TlsStream::Verdict::kEnd ? ConnectionEnd::kEof : ConnectionEnd::kTlsFailed);
}

void Connection::End(ConnectionEnd end) {
  if (ended_ || closed()) return;
  ended_ = true;
  events_->OnEnd(end);
}

// After the peer's FIN its reset is told, too.
void Connection::EndAgain() {
  ended_ = false;
  End(ConnectionEnd::kReset);
}

void Connection::ProbePeer() const {
  if (!closed()) SetKeepAlive(fd_);
}

void Connection::ResumeReading(PauseReason reason) {
  // What came meanwhile is read in the next turn, not from within the caller.
  if (pauses_.Remove(reason) && readable_ && !closed()) loop_.ReadAgain(*this);
}

void Connection::DeferReading(size_t bytes) {
  const bool defer = bytes > 1;
  if (closed() || (!defer && !deferring_)) return;
  if (unix_) {
    // Added anew, the event tells at once of what has come meanwhile.
    if (std::exchange(deferring_, defer) != defer && event_ != nullptr && !SetInterest(wants_write_)) {
      End(ConnectionEnd::kReset);
    }
    return;
  }
  deferring_ = defer;
  const int least = static_cast<int>(std::min<size_t>(bytes, INT_MAX));
  setsockopt(fd_, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof(least));
}

void Connection::ReadNow() {
  if (closed()) return;
  loop_.FlushWrites();  // they may have borrowed from the buffer that is read into
  ReadOnce();
}

void Connection::KeepFresh() {
  if (!closed() && !unix_) unsent_mark_ = UnsentMark::Set(fd_);
}

void Connection::Write(std::span<const uint8_t> bytes) {
  if (closed() || finishing_ || bytes.empty()) return;
  loop_.writes().Add(*this, gathered_slot_, bytes, loop_.OwnsBuffer(bytes.data()));
}

void Connection::Transmit(std::span<const uint8_t> bytes) {
  if (closed() || bytes.empty()) return;
  if (!tls_) {
    TransmitRaw(bytes);
    return;
  }
  if (!tls_->Encrypt(bytes, unsent_mark_ ? unsent_mark_->record() : SIZE_MAX)) {
    loop_.tls_scratch().outgoing.clear();  // else it would go to the next connection that encrypts
    End(ConnectionEnd::kTlsFailed);
    return;
  }
  TransmitTlsOutput();
}

void Connection::TransmitTlsOutput() {
  std::vector<uint8_t>& outgoing = loop_.tls_scratch().outgoing;
  if (outgoing.empty()) return;
  // Swapped out: a callback from within may make another connection encrypt.
  std::vector<uint8_t> bytes;
  bytes.swap(outgoing);
  TransmitRaw(bytes);
  bytes.clear();
  if (outgoing.empty()) outgoing.swap(bytes);
}

size_t Connection::Send(std::span<const uint8_t> bytes) {
  const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent >= 0) {
    io_.sent->Add(static_cast<uint64_t>(sent));
    return static_cast<size_t>(sent);
  }
  if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS) return 0;
  // The failed write has used up the socket's error, so a read would take the break for an orderly end.
  if (std::exchange(broken_, true)) return SIZE_MAX;
  if (ended_ || pauses_.any()) {
    EndAgain();
  } else {
    // What the peer said before it broke off (an early response, a Close) is read first; that read finds the end.
    peer_ended_ = true;
    loop_.ReadAgain(*this);
  }
  return SIZE_MAX;
}

void Connection::TransmitRaw(std::span<const uint8_t> wire_bytes) {
  if (!output_) {
    const size_t sent = Send(wire_bytes);
    if (sent == SIZE_MAX) return;
    if (sent == wire_bytes.size() && !(unsent_mark_ && unsent_mark_->Reached(fd_, sent, loop_.now()))) return;
    wire_bytes = wire_bytes.subspan(sent);
    output_ = std::make_unique<Output>();
    output_->progress_at = loop_.now();
    output_->in_kernel = Unacknowledged();
    if (!wants_write_ && !SetInterest(true)) {
      End(ConnectionEnd::kReset);
      return;
    }
  }
  output_->bytes.insert(output_->bytes.end(), wire_bytes.begin(), wire_bytes.end());
  loop_.AddQueued(wire_bytes.size());
  if (!over_high_ && queued() > loop_.marks().stop()) {
    over_high_ = true;
    events_->OnOutputBlocked();
  }
}

void Connection::ContinueWriting() {
  if (!output_ || !SendQueued()) return;
  const bool all = output_->left() == 0;
  if (all && !(unsent_mark_ && !finishing_ && unsent_mark_->Look(fd_, loop_.now()))) {
    output_.reset();
    if (!ForgetWriting()) return End(ConnectionEnd::kReset);
  }
  if (over_high_ && queued() <= loop_.marks().low) {
    over_high_ = false;
    events_->OnOutputDrained();
    if (closed()) return;
  }
  if (output_) return;
  if (finishing_) return CompleteFinish();
  events_->OnOutputEmpty();
}

// False when the connection broke.
bool Connection::SendQueued() {
  Output& output = *output_;
  if (output.left() == 0) return true;
  const size_t sent = Send(std::span<const uint8_t>(output.bytes).subspan(output.sent));
  if (sent == SIZE_MAX) return false;
  if (sent > 0) output.progress_at = loop_.now();
  output.in_kernel += static_cast<int>(sent);
  output.sent += sent;
  loop_.SubQueued(sent);
  if (output.left() == 0) {
    std::vector<uint8_t>().swap(output.bytes);
    output.sent = 0;
  } else if (output.sent >= output.bytes.size() / 2) {
    output.bytes.erase(output.bytes.begin(), output.bytes.begin() + static_cast<ptrdiff_t>(output.sent));
    output.sent = 0;
  }
  return true;
}

size_t Connection::queued() const {
  return (output_ ? output_->left() : 0) + loop_.writes().size(gathered_slot_);
}

size_t Connection::Untaken() const {
  return (output_ ? output_->left() : 0) + static_cast<size_t>(Unacknowledged());
}

int Connection::Unacknowledged() const {
  int bytes = 0;
  return ioctl(fd_, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

Duration Connection::StalledFor() {
  if (!output_) return Duration::zero();
  // The kernel tells of room only when a good part of its buffer is free: a slow reader may be long before that.
  const int unacknowledged = Unacknowledged();
  if (unacknowledged < output_->in_kernel) output_->progress_at = loop_.now();
  output_->in_kernel = unacknowledged;
  return loop_.now() - output_->progress_at;
}

bool Connection::SendRest() {
  if (gathered_slot_ != WriteGatherer::kNone) loop_.writes().Flush(gathered_slot_);
  if (!closed() && !std::exchange(finishing_, true) && tls_) {
    tls_->AppendCloseNotify();
    TransmitTlsOutput();
  }
  return closed() || !output_ || output_->left() == 0;
}

void Connection::FinishWriting() {
  if (closed() || finished_) return;
  if (SendRest() && !closed()) CompleteFinish();
}

void Connection::CompleteFinish() {
  if (finished_ || closed()) return;
  finished_ = true;
  shutdown(fd_, SHUT_WR);
  events_->OnFinished();
}

void Connection::Abort() {
  if (closed()) return;
  const linger now{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  Close();
}

void Connection::Close() {
  if (closed()) return;
  loop_.ForgetHangUp(*this);
  loop_.writes().Drop(gathered_slot_);
  loop_.ForgetReadAgain(*this);
  if (event_ != nullptr) {
    event_free(event_);
    event_ = nullptr;
  }
  close(fd_);
  fd_ = -1;
  if (output_) loop_.SubQueued(output_->left());
  output_.reset();
}

void Connection::CloseAfterLastWords() {
  FinishWriting();
  if (closed()) return;
  std::array<uint8_t, 16 * 1024> unheard;  // the loop's buffer may be lent to writes of this turn
  recv(fd_, unheard.data(), unheard.size(), MSG_DONTWAIT);
  Close();
}

bool Connection::tls_resumed() const {
  return tls_ && tls_->resumed();
}
std::string Connection::ErrorText() const {
  if (std::string tls = TlsErrorText(); !tls.empty()) return tls;
  return error_ != 0 ? std::generic_category().message(error_) : std::string();
}
std::string Connection::TlsErrorText() const {
  return tls_ ? tls_->ErrorText() : std::string();
}

}  // namespace sheaf::net
