#include "proxy/net/libraries.h"

#include <event2/event.h>
#include <openssl/crypto.h>

namespace sheaf::net {

std::vector<Library> Libraries() {
  return {{"libevent", LIBEVENT_VERSION, event_get_version()},
          {"OpenSSL", OPENSSL_VERSION_STR, OpenSSL_version(OPENSSL_VERSION_STRING)}};
}

}  // namespace sheaf::net
