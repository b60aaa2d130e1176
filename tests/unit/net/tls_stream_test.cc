// TLS contexts and streams, in memory and over loopback.
#include "proxy/net/tls_stream.h"

#include <doctest/doctest.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "proxy/net/connection.h"
#include "proxy/net/loop.h"
#include "proxy/net/tls_context.h"
#include "tests/fakes/loop_driver.h"
#include "tests/fakes/memory_tls.h"
#include "tests/fakes/sockets.h"
#include "tests/unit/net/wire.h"
#include "tests/unit/proxy/test_certificate.h"

namespace sheaf::net {
namespace {

using Verdict = TlsStream::Verdict;

std::string Prefix(const std::string& name) {
  return "/tmp/sheaf-tls-test-" + std::to_string(getpid()) + "-" + name;
}

// A certificate for localhost, signed by itself, and a context of it.
struct Server {
  Server() : files(WriteTestCertificate(Prefix("server"))) {
    auto made = TlsContext::ForServer(files.certificate_path, files.key_path);
    REQUIRE(made.ok());
    context = std::move(made.value());
  }
  ~Server() {
    std::remove(files.certificate_path.c_str());
    std::remove(files.key_path.c_str());
  }

  TestCertificate files;
  std::unique_ptr<TlsContext> context;
};

// A stream of the server and a client of OpenSSL's own.
struct Memory {
  Server server;
  TlsScratch scratch;
  std::unique_ptr<TlsStream> stream = TlsStream::Accept(scratch, *server.context);
  MemoryTlsClient client;
};

std::unique_ptr<TlsContext> ClientContext(const std::string& ca_path, bool verify) {
  auto made = TlsContext::ForClient(ca_path, verify);
  REQUIRE(made.ok());
  return std::move(made.value());
}

// Two connections of one loop, that speak TLS with each other.
struct Loopback {
  Loopback(const TlsContext& server, const TlsContext& client, const std::string& name) {
    near = Connection::Connect(driver.loop(), listener.address(), &client, name, io, near_recorder);
    REQUIRE(near != nullptr);
    int fd = -1;
    driver.Until([&] { return (fd = listener.Accept()) >= 0; });
    far = Connection::Accept(driver.loop(), fd, &server, io, far_recorder);
    REQUIRE(far != nullptr);
  }

  LoopDriver driver;
  Counter counter;
  IoCounters io{&counter, &counter};
  RawListener listener;
  ConnectionRecorder near_recorder, far_recorder;
  std::unique_ptr<Connection> near, far;
};

}  // namespace

TEST_CASE("a certificate or key that cannot be used is an error that names the file") {
  const TestCertificate one = WriteTestCertificate(Prefix("one"));
  const TestCertificate two = WriteTestCertificate(Prefix("two"));
  const std::string garbage = Prefix("garbage");
  std::FILE* file = std::fopen(garbage.c_str(), "w");
  std::fputs("no PEM at all\n", file);
  std::fclose(file);

  CHECK(TlsContext::ForServer(one.certificate_path, one.key_path).ok());

  const auto mismatch = TlsContext::ForServer(one.certificate_path, two.key_path);
  REQUIRE_FALSE(mismatch.ok());
  CHECK(mismatch.error().find(TlsContext::kMismatch) != std::string::npos);
  CHECK(mismatch.error().find(one.certificate_path) != std::string::npos);
  CHECK(mismatch.error().find(two.key_path) != std::string::npos);

  struct Row {
    std::string certificate;
    std::string key;
    std::string named;
  };
  const Row rows[] = {{"/nonexistent/cert.pem", one.key_path, "/nonexistent/cert.pem"},
                      {one.certificate_path, "/nonexistent/key.pem", "/nonexistent/key.pem"},
                      {garbage, one.key_path, garbage},
                      {one.certificate_path, garbage, garbage}};
  for (const Row& row : rows) {
    CAPTURE(row.named);
    const auto context = TlsContext::ForServer(row.certificate, row.key);
    REQUIRE_FALSE(context.ok());
    CHECK(context.error().find("'" + row.named + "'") != std::string::npos);
  }
  CHECK(TlsContext::ForServer(one.certificate_path, one.key_path).ok());  // an error leaves nothing behind

  const auto roots = TlsContext::ForClient("/nonexistent/ca.pem", true);
  REQUIRE_FALSE(roots.ok());
  CHECK(roots.error().find("'/nonexistent/ca.pem'") != std::string::npos);
  CHECK(TlsContext::ForClient("", true).ok());
  CHECK(TlsContext::ForClient(one.certificate_path, true).value()->verify());
  CHECK_FALSE(TlsContext::ForClient("", false).value()->verify());
  for (const std::string& path : {one.certificate_path, one.key_path, two.certificate_path, two.key_path, garbage}) {
    std::remove(path.c_str());
  }
}

TEST_CASE("contexts of one pair are told from those of others") {
  const Server one;
  const auto again = TlsContext::ForServer(one.files.certificate_path, one.files.key_path);
  REQUIRE(again.ok());
  CHECK(one.context->HasPairOf(*again.value()));
  const TestCertificate other = WriteTestCertificate(Prefix("other"));
  const auto another = TlsContext::ForServer(other.certificate_path, other.key_path);
  REQUIRE(another.ok());
  CHECK_FALSE(one.context->HasPairOf(*another.value()));
  // The same certificate, with one more behind it.
  const std::string chain = Prefix("chain");
  std::ofstream(chain) << std::ifstream(one.files.certificate_path).rdbuf()
                       << std::ifstream(other.certificate_path).rdbuf();
  const auto longer = TlsContext::ForServer(chain, one.files.key_path);
  REQUIRE(longer.ok());
  CHECK_FALSE(one.context->HasPairOf(*longer.value()));
  CHECK_FALSE(longer.value()->HasPairOf(*one.context));
  CHECK_FALSE(one.context->HasPairOf(*ClientContext("", false)));
  for (const std::string& path : {other.certificate_path, other.key_path, chain}) std::remove(path.c_str());
}

TEST_CASE("a handshake that has begun goes on when its context has gone") {
  Memory memory;
  memory.server.context.reset();
  CHECK(memory.client.Talk(memory.scratch, *memory.stream) == Verdict::kOk);
  CHECK(memory.client.established());
}

TEST_CASE("TLS 1.2 and 1.3 are spoken, at any size of the parts") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const size_t step : {size_t{1}, size_t{7}, SIZE_MAX}) {
      CAPTURE(version);
      CAPTURE(step);
      Memory memory;
      SSL_set_min_proto_version(memory.client.ssl(), version);
      SSL_set_max_proto_version(memory.client.ssl(), version);
      CHECK_FALSE(memory.stream->established());
      CHECK(memory.client.Talk(memory.scratch, *memory.stream, step) == Verdict::kOk);
      CHECK(memory.client.established());
      CHECK(memory.stream->established());
      CHECK_FALSE(memory.stream->resumed());

      const std::string text = Numbered(40'000);
      memory.client.Send(text);
      CHECK(memory.client.Talk(memory.scratch, *memory.stream, step) == Verdict::kOk);
      CHECK((memory.client.server_received == text));
      CHECK(memory.stream->Encrypt(AsBytes(text)));
      CHECK(memory.client.Talk(memory.scratch, *memory.stream, step) == Verdict::kOk);
      CHECK((memory.client.received == text));
    }
  }
}

TEST_CASE("TLS 1.0 and 1.1 are refused") {
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    CAPTURE(version);
    Memory memory;
    SSL_set_min_proto_version(memory.client.ssl(), version);
    SSL_set_max_proto_version(memory.client.ssl(), version);
    CHECK(memory.client.Talk(memory.scratch, *memory.stream) == Verdict::kFailed);
    CHECK_FALSE(memory.client.established());
    CHECK_FALSE(memory.stream->established());
    CHECK_FALSE(memory.stream->ErrorText().empty());
  }
}

TEST_CASE("ciphers without forward secrecy, or without authenticated encryption, are refused") {
  for (const std::string cipher : {"AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384"}) {
    CAPTURE(cipher);
    Memory memory;
    SSL_set_max_proto_version(memory.client.ssl(), TLS1_2_VERSION);
    REQUIRE(SSL_set_cipher_list(memory.client.ssl(), cipher.c_str()) == 1);
    CHECK(memory.client.Talk(memory.scratch, *memory.stream) == Verdict::kFailed);
  }
  Memory allowed;
  SSL_set_max_proto_version(allowed.client.ssl(), TLS1_2_VERSION);
  REQUIRE(SSL_set_cipher_list(allowed.client.ssl(), "ECDHE-ECDSA-AES128-GCM-SHA256") == 1);
  CHECK(allowed.client.Talk(allowed.scratch, *allowed.stream) == Verdict::kOk);
  CHECK(allowed.client.established());
}

TEST_CASE("http/1.1 is chosen where the client offers it, and a client of h2 alone is refused") {
  const auto offer = [](SSL* ssl, const std::string& protocols) {
    SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(protocols.data()),
                        static_cast<unsigned>(protocols.size()));
  };
  Memory both;
  offer(both.client.ssl(), "\x02h2\x08http/1.1");
  CHECK(both.client.Talk(both.scratch, *both.stream) == Verdict::kOk);
  const unsigned char* chosen = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(both.client.ssl(), &chosen, &length);
  CHECK_EQ(std::string(reinterpret_cast<const char*>(chosen), length), "http/1.1");

  Memory h2;
  offer(h2.client.ssl(), "\x02h2");
  CHECK(h2.client.Talk(h2.scratch, *h2.stream) == Verdict::kFailed);

  Memory none;
  CHECK(none.client.Talk(none.scratch, *none.stream) == Verdict::kOk);
  CHECK(none.client.established());
}

TEST_CASE("a session is resumed by its ticket") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    Memory memory;
    SSL_set_max_proto_version(memory.client.ssl(), version);
    CHECK(memory.client.Talk(memory.scratch, *memory.stream) == Verdict::kOk);
    SSL_SESSION* session = SSL_get1_session(memory.client.ssl());
    REQUIRE(session != nullptr);
    const auto again = TlsStream::Accept(memory.scratch, *memory.server.context);
    MemoryTlsClient client;
    SSL_set_max_proto_version(client.ssl(), version);
    SSL_set_session(client.ssl(), session);
    CHECK(client.Talk(memory.scratch, *again) == Verdict::kOk);
    CHECK(again->resumed());
    CHECK_EQ(SSL_SESSION_get_max_early_data(session), 0);
    SSL_SESSION_free(session);
  }
}

TEST_CASE("a client's renegotiation is not begun") {
  Memory memory;
  SSL_set_max_proto_version(memory.client.ssl(), TLS1_2_VERSION);
  REQUIRE(memory.client.Talk(memory.scratch, *memory.stream) == Verdict::kOk);
  REQUIRE(SSL_renegotiate(memory.client.ssl()) == 1);
  SSL_do_handshake(memory.client.ssl());
  memory.client.Talk(memory.scratch, *memory.stream);
  CHECK_FALSE(memory.client.established());  // it never gets an answer to its second ClientHello
}

TEST_CASE("close_notify is an orderly end, told behind the bytes before it, and ours reaches the client") {
  Memory memory;
  REQUIRE(memory.client.Talk(memory.scratch, *memory.stream) == Verdict::kOk);
  memory.stream->AppendCloseNotify();
  REQUIRE(memory.client.Talk(memory.scratch, *memory.stream) == Verdict::kOk);
  CHECK(memory.client.closed());
  memory.client.Send("last");
  SSL_shutdown(memory.client.ssl());
  CHECK(memory.client.Talk(memory.scratch, *memory.stream) == Verdict::kEnd);
  CHECK_EQ(memory.client.server_received, "last");
}

TEST_CASE("what is no TLS fails, in the handshake as behind it") {
  for (const std::string text :
       {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\xFF\xFFgarbage", "\x80\x2E\x01\x03\x01\x00\x15"}) {
    CAPTURE(text);
    Memory memory;
    std::span<uint8_t> plaintext;
    std::string padded = text + std::string(100, '\0');
    CHECK(memory.stream->Receive(AsBytes(padded), plaintext) == Verdict::kFailed);
    CHECK(plaintext.empty());
    CHECK_FALSE(memory.stream->ErrorText().empty());
  }
  Memory memory;
  REQUIRE(memory.client.Talk(memory.scratch, *memory.stream) == Verdict::kOk);
  const std::string text = "GET / HTTP/1.1\r\n\r\n";
  std::span<uint8_t> plaintext;
  CHECK(memory.stream->Receive(AsBytes(text), plaintext) == Verdict::kFailed);
}

TEST_CASE("a record that was changed on its way fails, and what came before it is handed on") {
  Memory memory;
  REQUIRE(memory.client.Talk(memory.scratch, *memory.stream) == Verdict::kOk);
  memory.client.Send("good");
  memory.client.Send("evil");
  BIO* out = SSL_get_wbio(memory.client.ssl());
  std::vector<uint8_t> bytes(BIO_ctrl_pending(out));
  BIO_read(out, bytes.data(), static_cast<int>(bytes.size()));
  bytes.back() ^= 1;
  std::span<uint8_t> plaintext;
  CHECK(memory.stream->Receive(bytes, plaintext) == Verdict::kFailed);
  CHECK_EQ(std::string(plaintext.begin(), plaintext.end()), "good");
}

TEST_CASE("records are as long as is asked for") {
  struct Row {
    size_t most;
    size_t records;
  };
  for (const Row& row : {Row{4096, 5}, Row{SIZE_MAX, 2}, Row{16 * 1024, 2}}) {
    CAPTURE(row.most);
    Memory memory;
    memory.client.Talk(memory.scratch, *memory.stream);
    REQUIRE(memory.client.established());
    const std::string text(20'000, 'x');
    REQUIRE(memory.stream->Encrypt(AsBytes(text), row.most));
    size_t records = 0;
    const std::vector<uint8_t>& outgoing = memory.scratch.outgoing;
    for (size_t at = 0; at < outgoing.size(); at += 5 + 256 * size_t{outgoing[at + 3]} + outgoing[at + 4]) ++records;
    CHECK_EQ(records, row.records);
    memory.client.Talk(memory.scratch, *memory.stream);
    CHECK(memory.client.received == text);
  }
}

TEST_CASE("two streams of one loop do not mix, though they share their buffers") {
  Memory memory;
  const auto other = TlsStream::Accept(memory.scratch, *memory.server.context);
  MemoryTlsClient second;
  REQUIRE(memory.client.Talk(memory.scratch, *memory.stream) == Verdict::kOk);
  REQUIRE(second.Talk(memory.scratch, *other) == Verdict::kOk);
  memory.client.Send("one");
  second.Send("two");
  CHECK(second.Talk(memory.scratch, *other) == Verdict::kOk);
  CHECK(memory.client.Talk(memory.scratch, *memory.stream) == Verdict::kOk);
  CHECK_EQ(memory.client.server_received, "one");
  CHECK_EQ(second.server_received, "two");
}

TEST_CASE("a connection over TLS is connected on both ends, carries bytes both ways, and ends in order") {
  const Server server;
  const auto client = ClientContext(server.files.certificate_path, true);
  Loopback loopback(*server.context, *client, "localhost");
  loopback.driver.Until(
      [&] { return loopback.near_recorder.Count("connected") == 1 && loopback.far_recorder.Count("connected") == 1; });
  CHECK(loopback.near->is_tls());
  const std::string text = Numbered(1'000'000);
  loopback.near->Write(text);
  loopback.far->Write("short");
  loopback.driver.Until([&] { return loopback.far_recorder.received.size() == text.size(); });
  loopback.driver.Until([&] { return loopback.near_recorder.received == "short"; });
  CHECK((loopback.far_recorder.received == text));
  loopback.near->Write("bye");
  loopback.near->FinishWriting();
  loopback.driver.Until([&] { return loopback.far_recorder.Count("eof") == 1; });
  CHECK(loopback.far_recorder.received.ends_with("bye"));
  CHECK_EQ(loopback.near_recorder.Count("finished"), 1);
  loopback.far->Write("still here");
  loopback.driver.Until([&] { return loopback.near_recorder.received == "shortstill here"; });
}

TEST_CASE("bytes that are passed on between TLS connections of one loop arrive whole and in order") {
  const Server server;
  const auto client = ClientContext("", false);
  Loopback in(*server.context, *client, "localhost");
  in.driver.Until([&] { return in.near_recorder.Count("connected") == 1; });
  // The far end echoes from the loop's plaintext buffer.
  in.far_recorder.on_bytes = [&](std::span<uint8_t> bytes) {
    in.far->Write(bytes.first(bytes.size() / 2));
    in.far->Write(bytes.subspan(bytes.size() / 2));
  };
  const std::string text = Numbered(500'000);
  in.near->Write(text);
  in.driver.Until([&] { return in.near_recorder.received.size() == text.size(); });
  CHECK((in.near_recorder.received == text));
}

TEST_CASE("a backend whose certificate is not trusted, or names another, is refused with the reason") {
  const Server server;
  struct Row {
    std::string ca;
    bool verify;
    std::string name;
    bool connects;
  };
  const Row rows[] = {
      {server.files.certificate_path, true, "localhost", true},
      {server.files.certificate_path, true, "example.org", false},
      {server.files.certificate_path, true, "127.0.0.1", false},
      {"", true, "localhost", false},
      {"", false, "example.org", true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CAPTURE(row.verify);
    const auto client = ClientContext(row.ca, row.verify);
    Loopback loopback(*server.context, *client, row.name);
    loopback.driver.Until([&] { return !loopback.near_recorder.told.empty(); });
    loopback.driver.Settle();
    if (row.connects) {
      CHECK(loopback.near_recorder.told == Lines{"connected"});
    } else {
      CHECK(loopback.near_recorder.told == Lines{"tls failed"});
      CHECK_FALSE(loopback.near->TlsErrorText().empty());
    }
  }
}

TEST_CASE("a client that sends no TLS is told as failed, and the connection may be closed from within") {
  const Server server;
  Wire wire(false, server.context.get());
  wire.recorder.after = [&](std::string_view) { wire.connection->Close(); };
  wire.peer().Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  wire.driver.Until([&] { return !wire.recorder.told.empty(); });
  wire.driver.Settle();
  CHECK(wire.recorder.told == Lines{"tls failed"});
}

TEST_CASE("a client that leaves within the handshake is an end") {
  const Server server;
  Wire wire(false, server.context.get());
  wire.peer().Send("\x16\x03\x01");
  wire.peer().Close();
  wire.driver.Until([&] { return !wire.recorder.told.empty(); });
  CHECK(wire.recorder.told == Lines{"eof"});
}

}  // namespace sheaf::net
