#include "proxy/doctor/remedies.h"

#include <algorithm>
#include <array>

#include "proxy/base/status.h"
#include "proxy/wire/http1.h"

namespace sheaf::doctor {
namespace {

constexpr std::array kRefusals = {
    Remedy{"line_too_long", "limits.max_request_line", "raise it over the longest path and query that clients send"},
    Remedy{"head_too_large", "limits.max_head",
           "raise it over the largest head: cookies of single sign-on take 20 to 60 KiB"},
    Remedy{"too_many_fields", "limits.max_fields", "raise it over the number of fields that clients send"},
    Remedy{"underscore", "limits.underscores",
           "pass and drop take such requests; WSGI apps cannot tell these names from those with a hyphen"},
    Remedy{"body_too_large", "limits.max_body", "raise it, for a route as max_body, or set it to 0"},
    Remedy{"reserved_path", "memory.webhook",
           "Sheaf keeps this path, as it does /.sheaf/mux, for its own requests to the backend: choose another one"},
    Remedy{"origin_not_allowed", "websocket.allowed_origins",
           "add the page's Origin (a route may have its own); --origin asks as another page"},
    Remedy{"overloaded", "listen.max_connections", "raise it, and the limit of open files with it"},
    Remedy{"draining", "", "this Sheaf is about to end: ask again when it has started anew"},
    Remedy{"memory_critical", "memory.limit",
           "memory is short: raise the container's limit, or lower limits.buffer_high; /metrics tells what takes it"},
    Remedy{"pool_exhausted", "pool.max_size",
           "raise it, or set upstream.mode = \"mux\": else each WebSocket holds one connection. If few are open, the "
           "backend is too slow (pool.acquire_timeout is how long a request waits)"},
    Remedy{"out_of_descriptors", "listen.max_connections", "raise the limit of open files (ulimit -n), or lower this"},
    Remedy{"upstream_refused", "upstream.url",
           "Sheaf found no backend there. Is it the address as seen from where Sheaf runs (a container's 127.0.0.1 is "
           "its own), and has this Sheaf been started with the same configuration?"},
    Remedy{"upstream_bad_response", "", "the backend's answer is not valid; Sheaf's log says why (cause=)"},
    Remedy{"upstream_tls_failed", "upstream.tls_ca",
           "name the backend's root certificate, its name in upstream.tls_server_name, or set upstream.tls_verify to "
           "false"},
    Remedy{"upstream_closed", "pool.idle_timeout",
           "the backend closed the connection before it answered. Lower it below the backend's own keep-alive time; or "
           "the app crashed: see its log"},
    Remedy{"upstream_timeout", "timeouts.response",
           "raise it, for a route as response_timeout, or make the app answer sooner"},
    Remedy{"bad_host", "", "the Host that the doctor sent is malformed: see --host"},
    Remedy{"bad_field_value", "", "a field has a character that it may not have: see --header"},
    Remedy{"bad_field_name", "", "a field name is malformed: see --header"},
};

constexpr Remedy kWrongScheme = {
    "", "forwarded.trusted_proxies",
    "the backend took https for http, since X-Forwarded-Proto came from a peer that is not in it: add the address of "
    "the proxy in front that ends TLS. (uvicorn believes Sheaf from 127.0.0.1; elsewhere it needs "
    "--forwarded-allow-ips.)"};

// nullptr: there is none of that sign.
const Remedy* FindRefusal(std::string_view sign) {
  const auto row =
      std::find_if(kRefusals.begin(), kRefusals.end(), [sign](const Remedy& one) { return one.sign == sign; });
  return row == kRefusals.end() ? nullptr : &*row;
}

bool IsSecure(std::string_view cookies_or_url) {
  return cookies_or_url.find("https://") != std::string_view::npos ||
         cookies_or_url.find("Secure") != std::string_view::npos ||
         cookies_or_url.find("secure") != std::string_view::npos;
}

}  // namespace

std::span<const Remedy> RefusalRemedies() {
  return kRefusals;
}

std::string ToText(const Remedy& remedy) {
  std::string text(remedy.option);
  if (!text.empty()) text.append(": ");
  return text.append(remedy.advice);
}

std::string RemedyForRefusal(std::string_view reason, const Answer& direct) {
  if (reason == "upstream_bad_response" && !direct.fault.empty()) {
    return "the backend's answer is not valid (cause " + direct.fault + "): mend it there";
  }
  if (const Remedy* row = FindRefusal(reason)) return ToText(*row);
  for (const RefuseReasonRow& one : kRefuseReasonRows) {
    if (one.label == reason) return "Sheaf refuses it: " + std::string(one.text);
  }
  return "Sheaf refuses it";
}

std::string RemedyForStatus(const Question& question, const Answer& direct, const Answer& through) {
  if (through.body.find("accepted origin") != std::string::npos || IsSecure(direct.Joined("Location"))) {
    return ToText(kWrongScheme);
  }
  if (question.websocket && (through.status == 400 || through.status == 403)) {
    return "the backend refused the handshake that Sheaf forwarded. Where the page came over https: " +
           ToText(kWrongScheme);
  }
  if (through.status == 404) {
    return "Sheaf forwards " + question.target +
           " in its normal form (. and .. resolved, %-escapes of plain letters "
           "decoded): the backend has no such path";
  }
  return "the backend answered so to what Sheaf forwarded: X-Forwarded-* are Sheaf's own, hop-by-hop fields are gone, "
         "and of a WebSocket the extensions";
}

std::string RemedyForField(std::string_view name, std::string_view direct, std::string_view through) {
  const bool tells_scheme = wire::EqualsIgnoreCase(name, "Location") || wire::EqualsIgnoreCase(name, "Set-Cookie");
  if (tells_scheme && IsSecure(direct) != IsSecure(through)) return ToText(kWrongScheme);
  if (wire::EqualsIgnoreCase(name, "Sec-WebSocket-Protocol")) return "the backend chose another subprotocol";
  return through.empty() ? "Sheaf removes hop-by-hop fields, and those that Connection names; no other"
                         : "Sheaf sets no such field: does the app answer by X-Forwarded-* or by chance?";
}

std::string RemedyForMessage() {
  return "batching.delivery: cork and off leave messages as they are; always wraps those of clients that did not ask";
}

std::string RemedyForClose(const Answer& direct, const Answer& through) {
  if (direct.close_code == 1006) {
    return "websocket.upstream_lost: \"none\" ends the client's connection without a Close where the backend's does";
  }
  if (through.close_code == 0) return "websocket.close_timeout: how long Sheaf waits for the backend's Close";
  return "the code comes from Sheaf: its log has the session's end= with the reason";
}

std::string RemedyForDelay() {
  return "pool.min_size: keeps connections ready where making one costs much; sheaf_pool_acquire_seconds in /metrics "
         "tells how long requests wait for one";
}

std::string RemedyForNoBackend(std::string_view error, std::string_view option, bool tls, bool unix_socket) {
  if (tls && error.find("TLS failed") != std::string_view::npos) return ToText(*FindRefusal("upstream_tls_failed"));
  const std::string where(option);
  if (unix_socket) {
    return where + ": is the backend running, is that its socket's path, and may this user connect to it?";
  }
  return where + ": is the backend running, and is that its address as seen from here?";
}

}  // namespace sheaf::doctor
