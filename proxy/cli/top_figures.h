// What has changed between two looks at the stats document. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "proxy/cli/json_reader.h"

namespace sheaf::cli {

struct TopFigures {
  double seconds = 0;  // between the looks; 0: there is one alone, and all that follows is since the start, or 0

  // Each a second.
  double opened = 0;  // sessions
  double requests = 0;
  double messages_to_clients = 0;
  double messages_to_upstream = 0;
  double frames_to_clients = 0;
  double payload_bytes = 0;  // of batches, before framing and compression
  double sent_bytes = 0;     // the same behind it
  double wire_bytes = 0;     // all that was written to clients

  double batch_size = 0;    // messages a batch, mean; 0: there was no batch
  double delay_p50_ms = 0;  // of the batches' oldest messages
  double delay_p99_ms = 0;

  struct Close {
    std::string reason;
    double since = 0;  // the look before
    double total = 0;
  };
  std::vector<Close> closes;  // most of them first: those since the look before, then all
};

// `before`: missing, or the stats of the same process.
TopFigures Compare(const Json& before, const Json& now, double seconds);

// Upper bounds of buckets, the last of which may be infinite, and how many are in each of them. The quantile is
// interpolated within its bucket; 0 where nothing is in any.
using Buckets = std::vector<std::pair<double, double>>;
double Quantile(const Buckets& buckets, double share);

}  // namespace sheaf::cli
