// The benchmark's backend: one thread, as cheap a server as can be, so that the proxy in front is what is measured.
//
//   bench_backend 127.0.0.1:8000
//
//   /echo            a WebSocket that sends back every message
//   /tick/RATE       a WebSocket: "start" begins RATE messages a second, "stop" ends them and is answered with "end
//   COUNT" /broadcast/RATE  the same, but all clients get the same message at the same time; one rate for all
//   /.sheaf/mux      a link, whose sessions may have any of these paths; all else 200 with a short body
#include "tests/bench/backend_server.h"

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) sheaf::bench::Die("usage: bench_backend ADDRESS:PORT [UNIX SOCKET]");
  sheaf::bench::Server(sheaf::bench::ParseAddress(argv[1]), argc == 3 ? argv[2] : "").Serve();
}
