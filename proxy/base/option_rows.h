// The rows of the option table (option_table.h), and of what routes and listeners may set for themselves.
#pragma once

// BEGIN(struct, section, doc), the section's rows, END(section). A row outside of any section is a key at the top of
// the file. OPTION(type, name, default, least, most, unit, takes, flags, doc)
//   default, least, most   as written in the conf file; least and most are "" where the type has no order
//   unit                   how the value is written, below
//   takes                  whom a reload gives a new value (Takes, below)
//   flags                  kSecret (never shown), kUnwritten (to write it, even with its default, says more than to
//                          leave it out: the printed file has it as a comment)
// clang-format off
#define SHEAF_OPTIONS(BEGIN, OPTION, END)                                                                              \
  OPTION(uint32_t, workers, "auto", "1", "1024", kAutoCount, kRestart, 0,                                              \
         "Worker threads, each with an event loop. auto: as many as the cgroup's CPU quota, or the CPUs, allow.")      \
                                                                                                                       \
  BEGIN(Listen, listen, "Where clients connect.")                                                                      \
  OPTION(std::vector<std::string>, address, R"(":8080")", "", "", kOneOrList, kLive, 0,                                \
         "host:port, [IPv6]:port or unix:/path, or a list of them. :8080, *:8080 and [::]:8080 are all addresses of both " \
         "families. []: the [[listener]]s alone.")                                                                     \
  OPTION(bool, ipv6_only, "false", "", "", kSwitch, kLive, 0,                                                          \
         "[::]:8080 and :8080 are IPv6 alone.")                                                                        \
  OPTION(std::string, socket_mode, "", "", "", kText, kLive, 0,                                                        \
         "Permissions of a Unix socket's file, in octal, such as \"0660\": who may write to it may connect. Empty: as the " \
         "umask leaves them.")                                                                                         \
  OPTION(ProxyProtocol, proxy_protocol, "off", "", "", kWord, kLive, 0,                                                \
         "on: each connection begins with a PROXY header (version 1 or 2), ahead of TLS too, and its source address is the " \
         "client's; other connections are closed, and those that do not come from forwarded.trusted_proxies.")         \
  OPTION(std::string, tls_certificate, "", "", "", kText, kLive, 0,                                                    \
         "PEM file with the certificate chain; with tls_key, clients are served over TLS. Empty: plain text.")         \
  OPTION(std::string, tls_key, "", "", "", kText, kLive, 0,                                                            \
         "PEM file with the private key of the certificate.")                                                          \
  OPTION(std::vector<std::string>, tls_groups, "[]", "", "", kList, kLive, 0,                                          \
         "Key exchanges with clients, by OpenSSL's names, the most wanted first. []: X25519, then the NIST curves, and " \
         "post-quantum X25519MLKEM768 (OpenSSL 3.5) only with clients that send it alone, for it keeps 6.5 KB more a client. " \
         "Named first, it is everybody's who can.")                                                                    \
  OPTION(uint32_t, backlog, "4096", "1", "65535", kCount, kLive, 0,                                                    \
         "Connections that the kernel may hold before they are accepted (it caps them at net.core.somaxconn).")        \
  OPTION(uint32_t, max_connections, "0", "0", "10000000", kCount, kLive, 0,                                            \
         "Client connections at the same time; more are refused with 503. 0: as many as the descriptors allow.")       \
  END(listen)                                                                                                          \
                                                                                                                       \
  BEGIN(Upstream, upstream, "The backend.")                                                                            \
  OPTION(std::string, url, "http://127.0.0.1:8000", "", "", kText, kLive, 0,                                           \
         "http://host:port, https://host:port or unix:/path.")                                                         \
  OPTION(std::vector<std::string>, urls, "[]", "", "", kList, kLive, 0,                                                \
         "Several of them, which serve the same: the endpoints of the backend. Instead of url. A name with several addresses, such "\
         "as that of a headless Service, is an endpoint for each.")                                                    \
  OPTION(Balance, balance, "least_sessions", "", "", kWord, kLive, 0,                                                  \
         "Which endpoint gets a new client. least_sessions: the one with the fewest WebSockets, Engine.IO sessions and requests. "\
         "round_robin: one after another. hash: the same for the same balance_key, as long as it is there.")           \
  OPTION(std::string, balance_key, "address", "", "", kText, kLive, 0,                                                 \
         "What hash goes by: address (the client's), header:NAME, query:NAME or cookie:NAME. Requests without it are spread by the "\
         "client's address.")                                                                                          \
  OPTION(AffinityMode, affinity, "socketio", "", "", kWord, kLive, 0,                                                  \
         "socketio: the requests of an Engine.IO session, polling and upgrade, go to the endpoint that opened it. none: each goes as "\
         "balance says.")                                                                                              \
  OPTION(std::chrono::milliseconds, slow_start, "30s", "0s", "1h", kTime, kLive, 0,                                    \
         "For so long an endpoint that comes back, or is added, gets new clients at no more than twice the rate of the others. "\
         "0s: as many as balance gives it.")                                                                           \
  OPTION(uint32_t, max_fails, "1", "1", "1000", kCount, kLive, 0,                                                      \
         "An endpoint is down after so many failures in a row, to connect or of a health check, and up after the first success.")\
  OPTION(UpstreamMode, mode, "tunnel", "", "", kWord, kNewSessions, 0,                                                 \
         "How WebSockets reach the backend. tunnel: each client has an upstream WebSocket of its own. mux: many share one, "\
         "and sheaf-asgi in the backend takes them apart; where it is not, the tunnel is used.")                       \
  OPTION(std::string, token, "", "", "", kText, kNewSessions, kSecret,                                                 \
         "Bearer token by which mode mux is known to the backend, where it is SHEAF_TOKEN; must be set for it.")       \
  OPTION(std::string, token_file, "", "", "", kText, kNewSessions, 0,                                                  \
         "A file with the token, in the place of token: of a Secret that is mounted, say. Blanks around it do not count.")\
  OPTION(std::chrono::milliseconds, resolve_interval, "10s", "0s", "1h", kTime, kLive, 0,                              \
         "How often the name in the url is looked up, besides soon after failed connects. 0s: only then.")             \
  OPTION(std::chrono::milliseconds, connect_timeout, "5s", "1ms", "10m", kTime, kLive, 0,                              \
         "The longest that connecting to the backend, TLS included, may take.")                                        \
  OPTION(std::string, tls_ca, "", "", "", kText, kLive, 0,                                                             \
         "PEM file with the root certificates that the backend's may come from. Empty: the system's.")                 \
  OPTION(bool, tls_verify, "true", "", "", kSwitch, kLive, 0,                                                          \
         "Check the certificate and the name of an https backend.")                                                    \
  OPTION(std::string, tls_server_name, "", "", "", kText, kLive, 0,                                                    \
         "The name to ask for and to check. Empty: the host of upstream.url.")                                         \
  END(upstream)                                                                                                        \
                                                                                                                       \
  BEGIN(Pool, pool, "Connections to the backend.")                                                                     \
  OPTION(uint32_t, min_size, "auto", "0", "1000000", kAutoCount, kLive, 0,                                             \
         "Connections kept warm, ready before the first client comes. auto: none to a plaintext backend on loopback or a " \
         "Unix socket, where a dial costs microseconds; else 10. A number is obeyed: mind servers that give a worker to " \
         "each open connection (gunicorn's sync and gthread workers) or count it (uvicorn --limit-concurrency, Node's server.close()).")       \
  OPTION(uint32_t, max_size, "10000", "1", "1000000", kCount, kLive, 0,                                                \
         "Connections at the same time, those that serve WebSockets included.")                                        \
  OPTION(uint32_t, sessions_per_link, "5000", "1", "1000000", kCount, kNewSessions, 0,                                 \
         "WebSockets that share a connection, at most, where the mode of the backend is mux.")                         \
  OPTION(std::chrono::milliseconds, acquire_timeout, "5s", "1ms", "10m", kTime, kLive, 0,                              \
         "The longest that a request waits for a connection; then it is answered with 503.")                           \
  OPTION(uint32_t, max_waiting, "1000", "0", "1000000", kCount, kLive, 0,                                              \
         "Requests that may wait for one of max_size connections in use; more are answered with 503 at once. Those whose " \
         "own connection is being made do not count.")                                                                  \
  OPTION(uint32_t, max_dialing, "512", "1", "1000000", kCount, kLive, 0,                                               \
         "Connections that may be under way to the backend at the same time, well below its backlog (uvicorn's is 2,048); " \
         "what else is to be made takes its turn.")                                                                     \
  OPTION(std::chrono::milliseconds, stale_timeout, "300s", "1ms", "24h", kTime, kLive, 0,                              \
         "A connection that lies unused this long is closed; others are made, as far as min_size asks for them.")      \
  OPTION(std::chrono::milliseconds, idle_timeout, "4s", "1ms", "24h", kTime, kLive, 0,                                 \
         "The same for one that has served a request, or is more than min_size asks for: servers close early those that " \
         "have served (uvicorn and Node after 5 s).")                                                                  \
  OPTION(std::chrono::milliseconds, max_lifetime, "1h", "0s", "720h", kTime, kLive, 0,                                 \
         "A pooled connection is replaced at this age; a WebSocket in use is left alone. 0s: never.")                  \
  OPTION(std::chrono::milliseconds, health_check_interval, "10s", "0s", "1h", kTime, kLive, 0,                         \
         "How often the backend is checked. 0s: never.")                                                               \
  OPTION(std::string, health_check_path, "", "", "", kText, kLive, 0,                                                  \
         "A GET of this path must be answered with 2xx or 3xx. Empty: a TCP connection is enough.")                    \
  OPTION(std::chrono::milliseconds, health_check_timeout, "2s", "1ms", "10m", kTime, kLive, 0,                         \
         "The longest that a check may take.")                                                                         \
  OPTION(std::chrono::milliseconds, backoff_min, "100ms", "1ms", "1h", kTime, kLive, 0,                                \
         "The wait after the first failure to connect; it doubles with each failure, with jitter.")                    \
  OPTION(std::chrono::milliseconds, backoff_max, "1s", "1ms", "1h", kTime, kLive, 0,                                   \
         "The longest wait after failures to connect.")                                                                \
  END(pool)                                                                                                            \
                                                                                                                       \
  BEGIN(Limits, limits, "What a client may send and how much may wait for it.")                                        \
  OPTION(uint64_t, max_request_line, "16KiB", "256", "1MiB", kBytes, kLive, 0,                                         \
         "Longest request line; a longer one is answered with 414.")                                                   \
  OPTION(uint64_t, max_head, "64KiB", "512", "1MiB", kBytes, kLive, 0,                                                 \
         "Largest head, of a request or of the backend's response; a larger one is answered with 431, or with 502.")   \
  OPTION(uint32_t, max_fields, "200", "1", "10000", kCount, kLive, 0,                                                  \
         "Most fields in a head; more are answered with 431, or with 502.")                                            \
  OPTION(uint64_t, max_body, "0", "0", "1024TiB", kBytes, kNewSessions, 0,                                             \
         "Largest request body; a larger one is answered with 413. 0: no limit, bodies are streamed.")                 \
  OPTION(uint64_t, min_body_rate, "100", "0", "1GiB", kBytesPerSecond, kLive, 0,                                       \
         "Slowest pace of a request body, until the response begins; below it the request is answered with 408. 0: off.") \
  OPTION(uint64_t, max_message, "16MiB", "1", "1GiB", kBytes, kNewSessions, 0,                                         \
         "Largest WebSocket message of a client, once inflated; a larger one closes the session with 1009.")                \
  OPTION(uint64_t, max_upstream_message, "0", "0", "1024TiB", kBytes, kNewSessions, 0,                                 \
         "Largest WebSocket message of the backend; a larger one closes the session with 1009. 0: no limit, messages " \
         "are streamed.")                                                                                              \
  OPTION(uint32_t, max_fragments, "4000000", "0", "4000000000", kCount, kNewSessions, 0,                               \
         "Most frames of a client's message, far above what clients send; more close the session with 1008. 0: no "    \
         "limit. The backend's are not counted.")                                                                      \
  OPTION(uint32_t, max_tiny_fragment_rate, "10000", "1", "1000000", kPerSecond, kLive, 0,                              \
         "Most fragments of a client that are more header than payload (5 bytes or less; a message's first and last do " \
         "not count); ten seconds' worth may come at once. More close the session with 1008.")                         \
  OPTION(uint32_t, max_ping_rate, "50", "1", "100000", kPerSecond, kLive, 0,                                           \
         "Most pings of a client; more close the session with 1008.")                                                  \
  OPTION(uint64_t, buffer_high, "256KiB", "4KiB", "1GiB", kBytes, kLive, 0,                                            \
         "Most that waits for a slow reader: reading from the other side stops one read (64 KiB, at most a quarter of " \
         "this) before.")                                                                                              \
  OPTION(uint64_t, buffer_low, "64KiB", "0", "1GiB", kBytes, kLive, 0,                                                 \
         "With no more than this waiting, reading goes on.")                                                           \
  OPTION(Underscores, underscores, "pass", "", "", kWord, kLive, 0,                                                    \
         "Request fields with an underscore in their name: pass them on, drop them (in front of WSGI applications and old " \
         "Django, which take a_b and a-b for one name), or refuse the request with 400. Removed in any case: the twin of a " \
         "field that Sheaf sets or believes, and of one in the same request.")                                          \
  END(limits)                                                                                                          \
                                                                                                                       \
  BEGIN(Timeouts, timeouts, "How long Sheaf waits.")                                                                   \
  OPTION(std::chrono::milliseconds, handshake, "10s", "1ms", "1h", kTime, kLive, 0,                                    \
         "For a client's TLS handshake.")                                                                              \
  OPTION(std::chrono::milliseconds, head, "10s", "1ms", "1h", kTime, kLive, 0,                                         \
         "For the first byte of a new connection; then again for the whole head of each request, or 408.")             \
  OPTION(std::chrono::milliseconds, body, "60s", "1ms", "24h", kTime, kNewSessions, 0,                                 \
         "For more of a request body; the pace of limits.min_body_rate is taken over this time. Then 408. Once the "   \
         "response has begun: for anything to move either way; then the response is broken off.")                      \
  OPTION(std::chrono::milliseconds, idle, "75s", "1ms", "24h", kTime, kLive, 0,                                        \
         "For the next request on a kept-alive connection.")                                                           \
  OPTION(std::chrono::milliseconds, response, "60s", "1ms", "24h", kTime, kNewSessions, 0,                             \
         "For the head of the backend's response once the request is complete, and before that for the backend to "    \
         "take more of the body, or to ask for it (100-continue); then 504.")                                          \
  OPTION(std::chrono::milliseconds, stall, "60s", "1ms", "24h", kTime, kLive, 0,                                       \
         "For a client that does not read what is sent to it.")                                                        \
  END(timeouts)                                                                                                        \
                                                                                                                       \
  BEGIN(Websocket, websocket, "Client WebSockets.")                                                                    \
  OPTION(std::chrono::milliseconds, ping_interval, "25s", "0s", "24h", kTime, kNewSessions, 0,                         \
         "A client is pinged this long after its last byte. 0s: never.")                                                      \
  OPTION(std::chrono::milliseconds, ping_timeout, "20s", "1ms", "24h", kTime, kNewSessions, 0,                         \
         "A client that sends nothing for this long after a ping has left is closed.")                                              \
  OPTION(std::chrono::milliseconds, close_timeout, "5s", "1ms", "10m", kTime, kLive, 0,                                \
         "The longest wait for the answer to a Close frame.")                                                          \
  OPTION(std::vector<std::string>, allowed_origins, "[]", "", "", kList, kNewSessions, 0,                              \
         "Origins that may open one: \"https://example.org\", \"https://*.example.org\" or \"*\". Empty: all.")        \
  OPTION(UpstreamLost, upstream_lost, "close", "", "", kWord, kNewSessions, 0,                                         \
         "What the client of a backend that is lost or breaks the protocol gets. close: a Close, 1012 or 1011. none: "  \
         "its connection ends without one, as it would without Sheaf.")                                                \
  END(websocket)                                                                                                       \
                                                                                                                       \
  BEGIN(Batching, batching, "Gathering messages on their way to clients.")                                             \
  OPTION(Delivery, delivery, "offer", "", "", kWord, kNewSessions, 0,                                                  \
         "off: at once. cork: frames unchanged, many in one write. offer: batch frames for clients that ask with "     \
         "sheaf=<envelope>, cork for the others. always: batch frames for all.")                                       \
  OPTION(Envelope, envelope, "json", "", "", kWord, kNewSessions, 0,                                                   \
         "The form of batch frames with always, for clients that do not ask for another one.")                         \
  OPTION(uint32_t, size, "100", "1", "10000", kCount, kNewSessions, 0,                                                 \
         "A batch leaves when it has this many messages.")                                                             \
  OPTION(std::chrono::milliseconds, timeout, "50ms", "1ms", "10s", kTime, kNewSessions, 0,                             \
         "A batch leaves when its oldest message is this old.")                                                        \
  OPTION(std::chrono::milliseconds, cork_timeout, "10ms", "1ms", "10s", kTime, kNewSessions, 0,                        \
         "The same for clients without an envelope while their worker is not busy: they get as many frames either way, " \
         "and a wait only saves CPU. Busy is over half of its CPU in a second, until five seconds under a third.")     \
  OPTION(uint64_t, max_bytes, "64KiB", "1KiB", "16MiB", kBytes, kNewSessions, 0,                                       \
         "A batch leaves when its messages have this many bytes.")                                                     \
  OPTION(bool, adaptive, "true", "", "", kSwitch, kNewSessions, 0,                                                     \
         "The wait follows the rate, from nothing to timeout. false: a batch always waits for size, max_bytes or timeout.") \
  OPTION(SlowClient, slow_client, "pause", "", "", kWord, kNewSessions, 0,                                             \
         "When what waits for a client comes near limits.buffer_high: pause: the backend is not read. conflate: it is read, " \
         "and conflation rules act for slow clients alone. drop_oldest: the oldest go. close: with 1013, but not amid a "    \
         "large message.")                                                                                                  \
  OPTION(uint32_t, max_rate, "0", "0", "1000000", kPerSecond, kNewSessions, 0,                                         \
         "A client gets no more messages a second on average, and at once a second's worth; the rest waits as for a slow " \
         "client. Critical messages and acknowledgements count, but do not wait. 0: no bound.")                        \
  OPTION(uint64_t, max_bytes_rate, "0", "0", "1GiB", kBytesPerSecond, kNewSessions, 0,                                 \
         "The same, in bytes of the messages as the backend sent them. 0: no bound.")                                  \
  END(batching)                                                                                                        \
                                                                                                                       \
  BEGIN(Deflate, deflate, "permessage-deflate (RFC 7692) towards clients that offer it; never towards the backend.")   \
  OPTION(bool, enabled, "true", "", "", kSwitch, kNewSessions, 0,                                                      \
         "Accept it.")                                                                                                 \
  OPTION(DeflateContext, context, "shared", "", "", kWord, kNewSessions, 0,                                            \
         "shared: what many clients get is compressed once for all whose last messages were the same, each keeping its "\
         "context: as small as from the backend. own: the same without sharing: what many get is compressed once, each "\
         "frame by itself. Either way a client whose messages nobody else gets has a context of its own (12 bits, 38 KiB) "\
         "while it is worth it. none: each frame by itself.")                                                          \
  OPTION(uint64_t, max_context_bytes, "0", "0", "1TiB", kBytes, kLive, 0,                                              \
         "Memory for clients' own contexts, and as much, up to 16 MiB a worker, for shared ones. While more than half is "\
         "taken, a client must have got four messages alone first; without room, frames are compressed by themselves. "\
         "0: a quarter of the memory limit.")                                                                          \
  OPTION(uint64_t, threshold, "256", "0", "1MiB", kBytes, kLive, 0,                                                    \
         "Frames with fewer bytes of payload are not compressed where that would be without a context.")               \
  OPTION(uint32_t, level, "6", "1", "9", kCount, kLive, 0,                                                             \
         "1: fast. 9: small.")                                                                                         \
  OPTION(uint32_t, window_bits, "15", "9", "15", kCount, kNewSessions, 0,                                              \
         "The window is 2^window_bits bytes, either way, or less where the client asks for less.")                     \
  OPTION(uint32_t, memory_level, "8", "1", "9", kCount, kLive, 0,                                                      \
         "At most, of zlib's: a context takes 2^(window_bits+2) + 2^(memory_level+9) bytes. A small window takes less.")\
  END(deflate)                                                                                                         \
                                                                                                                       \
  BEGIN(Memory, memory, "How much Sheaf may use, and what it does when that runs short.")                              \
  OPTION(uint64_t, limit, "0", "0", "1024TiB", kBytes, kLive, 0,                                                       \
         "How much memory may be used. 0: what the cgroup allows, the lowest of its ancestors included; without one, the host.") \
  OPTION(uint32_t, max_percent, "80", "1", "100", kCount, kLive, 0,                                                    \
         "Of the limit. The level is critical from here on, high from 0.9 and moderate from 0.75 of it on.")           \
  OPTION(uint32_t, moderate_percent, "0", "0", "100", kCount, kLive, 0,                                                \
         "From here on the level is moderate: spare memory is given back. 0: follows max_percent.")                    \
  OPTION(uint32_t, high_percent, "0", "0", "100", kCount, kLive, 0,                                                    \
         "From here on the level is high: idle sessions are closed with 1013. 0: follows max_percent.")                \
  OPTION(uint32_t, critical_percent, "0", "0", "100", kCount, kLive, 0,                                                \
         "From here on the level is critical: new requests are refused with 503. 0: follows max_percent.")             \
  OPTION(uint32_t, hysteresis, "5", "0", "50", kCount, kLive, 0,                                                       \
         "Percentage points under its threshold at which a level is left.")                                            \
  OPTION(std::chrono::milliseconds, dwell, "5s", "0s", "1h", kTime, kLive, 0,                                          \
         "Memory must stay so low for this long before a level is left for the one below it.")                         \
  OPTION(std::chrono::milliseconds, check_interval, "1s", "10ms", "1m", kTime, kLive, 0,                               \
         "How often memory is looked at; a stall that the kernel reports (PSI), or much that waits, causes a look at once.") \
  OPTION(std::chrono::milliseconds, cleanup_interval, "60s", "1s", "24h", kTime, kLive, 0,                             \
         "How often spare buffers are freed, whatever the level, and steps of relief repeated while a level lasts.")   \
  OPTION(std::chrono::milliseconds, trim_interval, "300s", "1s", "24h", kTime, kLive, 0,                               \
         "How often the allocator gives free memory back to the kernel, whatever the level.")                          \
  OPTION(std::chrono::milliseconds, idle_after, "60s", "0s", "24h", kTime, kLive, 0,                                   \
         "A session without an application message for this long is idle. Pings do not count, nor do Engine.IO's.")    \
  OPTION(uint32_t, shed_rate, "100", "1", "100000", kPerSecond, kLive, 0,                                              \
         "Clients that are cut off to save memory, at most.")                                                          \
  OPTION(bool, shed, "true", "", "", kSwitch, kNewSessions, 0,                                                         \
         "Sessions and responses that are not read may be cut off to save memory.")                                    \
  OPTION(std::string, webhook, "", "", "", kText, kLive, 0,                                                            \
         "Path on the backend that each change of the level is posted to, as JSON. Empty: none.")                      \
  OPTION(std::chrono::milliseconds, webhook_timeout, "2s", "1ms", "1m", kTime, kLive, 0,                               \
         "The longest that such a request may take. It is not repeated.")                                              \
  OPTION(std::chrono::milliseconds, history, "2h", "1s", "24h", kTime, kLive, 0,                                       \
         "How long readings are kept for the history, 104 bytes each (as shipped 731 KiB in all); at most 20,000 of them.") \
  END(memory)                                                                                                          \
                                                                                                                       \
  BEGIN(Forwarded, forwarded, "What proxies in front say of the client.")                                              \
  OPTION(std::vector<std::string>, trusted_proxies, R"(["127.0.0.1", "::1"])", "", "", kList, kLive, kUnwritten,       \
         "Proxies in front whose word is taken: addresses, networks (CIDR), \"loopback\" (127.0.0.0/8, ::1), "         \
         "\"private_ranges\" (that, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fd00::/8), or \"none\". Written out, "  \
         "they are believed about identity too.")                                                                      \
  OPTION(ForwardedHeader, header, "x-forwarded", "", "", kWord, kLive, 0,                                              \
         "The fields that are believed and written: X-Forwarded-For, -Proto, -Host ..., or Forwarded (RFC 7239). The " \
         "other family is removed.")                                                                                   \
  END(forwarded)                                                                                                       \
                                                                                                                       \
  BEGIN(Identity, identity, "Who the user is.")                                                                        \
  OPTION(std::string, user_header, "X-User-ID", "", "", kText, kLive, 0,                                               \
         "The field in which a proxy that forwarded.trusted_proxies was set to names the user, or the backend in its " \
         "answer to a WebSocket handshake, from which it is taken off. The log shows the user, and messages are "      \
         "pushed to users. Empty: none.")                                                                              \
  END(identity)                                                                                                        \
                                                                                                                       \
  BEGIN(Admin, admin, "Health, metrics and statistics.")                                                               \
  OPTION(std::string, address, "127.0.0.1:9901", "", "", kText, kLive, 0,                                              \
         "host:port or unix:/path. Empty: off.")                                                                       \
  OPTION(std::string, token, "", "", "", kText, kLive, kSecret,                                                        \
         "Bearer token that the endpoints ask for, but for the three probes. Empty: none.")                            \
  OPTION(std::string, token_file, "", "", "", kText, kLive, 0,                                                         \
         "A file with the token, in the place of token: of a Secret that is mounted, say. Blanks around it do not count.")\
  OPTION(std::vector<std::string>, allowed_hosts, "[]", "", "", kList, kLive, 0,                                       \
         "Names by which it may be asked without the token, besides localhost, addresses and the name in address: "     \
         "\"sheaf-admin\", \"*.svc\" or \"*\". A right token, and the probes, need none.")                                \
  END(admin)                                                                                                           \
                                                                                                                       \
  BEGIN(Drain, drain, "The way out after SIGTERM.")                                                                    \
  OPTION(std::chrono::milliseconds, delay, "5s", "0s", "1h", kTime, kLive, 0,                                          \
         "Accepting goes on for this time while /readyz fails, so that load balancers look elsewhere first.")          \
  OPTION(std::chrono::milliseconds, timeout, "25s", "0s", "1h", kTime, kLive, 0,                                       \
         "From SIGTERM on, delay included: requests end, sessions get a Close 1012, more than 20 of them spread "      \
         "evenly up to websocket.close_timeout + 1s (at most 40 %) before the end; what is left is cut off.")          \
  END(drain)                                                                                                           \
                                                                                                                       \
  BEGIN(Reload, reload, "A new configuration in the place of the one in force.")                                       \
  OPTION(bool, watch, "false", "", "", kSwitch, kLive, 0,                                                              \
         "Reload by itself when the conf file, a certificate, a key or a token file changes.")                         \
  OPTION(std::chrono::milliseconds, max_age, "0s", "0s", "24h", kTime, kLive, 0,                                       \
         "Sessions of a route that a reload has removed, or sent to another backend, and of an endpoint that it has "  \
         "removed, or that is drained, are closed with 1012 in the course of this time, spread evenly. 0s: they end by "\
         "themselves.")                                                                                                \
  END(reload)                                                                                                          \
                                                                                                                       \
  BEGIN(Log, log, "What is written to stderr.")                                                                        \
  OPTION(LogLevel, level, "info", "", "", kWord, kLive, 0,                                                             \
         "The least level that is written.")                                                                           \
  OPTION(LogFormat, format, "text", "", "", kWord, kLive, 0,                                                           \
         "text: a line with key=value pairs. json: an object a line.")                                                 \
  OPTION(bool, access, "true", "", "", kSwitch, kLive, 0,                                                              \
         "A line for each request, and one at the end of each WebSocket.")                                             \
  OPTION(LogQuery, query, "names", "", "", kWord, kLive, 0,                                                            \
         "Of a query, wherever the log has one (the Referer's too). full: all of it. names: token=- for the values, which " \
         "may be secrets. none: nothing.")                                                                             \
  OPTION(std::vector<std::string>, query_shown, "[]", "", "", kList, kLive, 0,                                         \
         "Parameters whose values are written all the same, besides EIO, transport and sheaf.")                        \
  OPTION(LogPath, path, "full", "", "", kWord, kLive, 0,                                                               \
         "Of a path. full: all of it. route: the path of the [[route]] alone, and of a Referer the origin.")           \
  END(log)

// The keys of a [[route]] besides path. ROW(name, section, option): what a route does not set, it inherits from that
// option, along with its type, bounds and unit.
#define SHEAF_ROUTE_OPTIONS(ROW)                                                                                       \
  ROW(response_timeout, timeouts, response)                                                                            \
  ROW(body_timeout, timeouts, body)                                                                                    \
  ROW(max_body, limits, max_body)                                                                                      \
  ROW(max_message, limits, max_message)                                                                                \
  ROW(max_upstream_message, limits, max_upstream_message)                                                              \
  ROW(ping_interval, websocket, ping_interval)                                                                         \
  ROW(ping_timeout, websocket, ping_timeout)                                                                           \
  ROW(allowed_origins, websocket, allowed_origins)                                                                     \
  ROW(upstream_lost, websocket, upstream_lost)                                                                         \
  ROW(delivery, batching, delivery)                                                                                    \
  ROW(envelope, batching, envelope)                                                                                    \
  ROW(size, batching, size)                                                                                            \
  ROW(timeout, batching, timeout)                                                                                      \
  ROW(cork_timeout, batching, cork_timeout)                                                                            \
  ROW(max_bytes, batching, max_bytes)                                                                                  \
  ROW(adaptive, batching, adaptive)                                                                                    \
  ROW(slow_client, batching, slow_client)                                                                              \
  ROW(max_rate, batching, max_rate)                                                                                    \
  ROW(max_bytes_rate, batching, max_bytes_rate)                                                                        \
  ROW(deflate, deflate, enabled)                                                                                       \
  ROW(shed, memory, shed)

// The keys of a [[backend]] besides name, url and urls. ROW(name, section, option): what a backend does not set, it
// inherits from that option.
#define SHEAF_BACKEND_OPTIONS(ROW)                                                                                     \
  ROW(balance, upstream, balance)                                                                                      \
  ROW(balance_key, upstream, balance_key)                                                                              \
  ROW(affinity, upstream, affinity)                                                                                    \
  ROW(slow_start, upstream, slow_start)                                                                                \
  ROW(max_fails, upstream, max_fails)                                                                                  \
  ROW(mode, upstream, mode)                                                                                            \
  ROW(token, upstream, token)                                                                                          \
  ROW(token_file, upstream, token_file)                                                                                \
  ROW(resolve_interval, upstream, resolve_interval)                                                                    \
  ROW(connect_timeout, upstream, connect_timeout)                                                                      \
  ROW(tls_ca, upstream, tls_ca)                                                                                        \
  ROW(tls_verify, upstream, tls_verify)                                                                                \
  ROW(tls_server_name, upstream, tls_server_name)                                                                      \
  ROW(health_check_path, pool, health_check_path)

// The keys of a [[listener]] besides address, named as in [listen]. ROW(name): what a listener does not set, it has from
// there; the certificate and its key go together.
#define SHEAF_LISTENER_OPTIONS(ROW)                                                                                    \
  ROW(ipv6_only)                                                                                                       \
  ROW(socket_mode)                                                                                                     \
  ROW(proxy_protocol)                                                                                                  \
  ROW(tls_certificate)                                                                                                 \
  ROW(tls_key)                                                                                                         \
  ROW(tls_groups)                                                                                                      \
  ROW(backlog)
// clang-format on
