// The groups that a TLS key exchange with clients may take, by OpenSSL's names ("X25519", "P-256", "X25519MLKEM768").
#pragma once

#include <span>
#include <string>

using SSL_CTX = struct ssl_ctx_st;

namespace sheaf::net {

// Whether the OpenSSL that is loaded has a group of this name.
bool KnowsGroup(const std::string& name);

// Gives `context` these groups, the most wanted first; a client gets the first one that it sent a key for. What OpenSSL
// does not know, or has had already, is passed over. Without any, X25519 is the first, so that few have
// X25519MLKEM768: OpenSSL 3.5 would take that with each client that can, and keeps the client's public key of 6 KiB as
// long as the connection lives. A client that sends a key for nothing else gets it all the same.
void SetServerGroups(SSL_CTX* context, std::span<const std::string> groups);

}  // namespace sheaf::net
