#include "proxy/config/suggestions.h"

#include <algorithm>

#include "proxy/base/ascii.h"

namespace sheaf {
namespace {

constexpr NameOrigin kPredecessor = NameOrigin::kPredecessor;
constexpr NameOrigin kOtherProxy = NameOrigin::kOtherProxy;

constexpr ForeignName kNames[] = {
    {"min_pool_size", "pool", "min_size", kPredecessor},
    {"pool_min_size", "pool", "min_size", kPredecessor},
    {"min_connections", "pool", "min_size", kPredecessor},
    {"max_pool_size", "pool", "max_size", kPredecessor},
    {"pool_max_size", "pool", "max_size", kPredecessor},
    {"pool_size", "pool", "max_size", kPredecessor},
    {"stale_timeout_seconds", "pool", "stale_timeout", kPredecessor},
    {"pool_stale_timeout", "pool", "stale_timeout", kPredecessor},
    {"idle_timeout_seconds", "pool", "idle_timeout", kPredecessor},
    {"pool_idle_timeout", "pool", "idle_timeout", kPredecessor},
    {"health_check_interval_seconds", "pool", "health_check_interval", kPredecessor},
    {"pool_health_check_interval", "pool", "health_check_interval", kPredecessor},
    {"connection_timeout", "upstream", "connect_timeout", kPredecessor},
    {"connection_timeout_seconds", "upstream", "connect_timeout", kPredecessor},
    {"acquire_timeout_seconds", "pool", "acquire_timeout", kPredecessor},
    {"batch_size", "batching", "size", kPredecessor},
    {"max_batch_size", "batching", "size", kPredecessor},
    {"batch_max_size", "batching", "size", kPredecessor},
    {"batch_timeout", "batching", "timeout", kPredecessor},
    {"batch_timeout_ms", "batching", "timeout", kPredecessor},
    {"batch_interval_ms", "batching", "timeout", kPredecessor},
    {"timeout_ms", "batching", "timeout", kPredecessor},
    {"max_batch_bytes", "batching", "max_bytes", kPredecessor},
    {"batch_max_bytes", "batching", "max_bytes", kPredecessor},
    {"adaptive_batching", "batching", "adaptive", kPredecessor},
    {"enable_adaptive", "batching", "adaptive", kPredecessor},
    {"enable_batching", "batching", "delivery", kPredecessor},
    {"batching_enabled", "batching", "delivery", kPredecessor},
    {"enable_compression", "deflate", "enabled", kPredecessor},
    {"compression_enabled", "deflate", "enabled", kPredecessor},
    {"compression_level", "deflate", "level", kPredecessor},
    {"compression_threshold", "deflate", "threshold", kPredecessor},
    {"compression_min_size", "deflate", "threshold", kPredecessor},
    {"max_memory_percent", "memory", "max_percent", kPredecessor},
    {"memory_max_percent", "memory", "max_percent", kPredecessor},
    {"memory_limit_mb", "memory", "limit", kPredecessor},
    {"memory_limit", "memory", "limit", kPredecessor},
    {"memory_check_interval", "memory", "check_interval", kPredecessor},
    {"memory_check_interval_seconds", "memory", "check_interval", kPredecessor},
    {"check_interval_seconds", "memory", "check_interval", kPredecessor},
    {"cleanup_interval_seconds", "memory", "cleanup_interval", kPredecessor},
    {"memory_cleanup_interval", "memory", "cleanup_interval", kPredecessor},
    {"gc_interval", "memory", "trim_interval", kPredecessor},
    {"gc_interval_seconds", "memory", "trim_interval", kPredecessor},
    {"upstream_url", "upstream", "url", kOtherProxy},
    {"backend_url", "upstream", "url", kOtherProxy},
    {"target_url", "upstream", "url", kOtherProxy},
    {"listen_port", "listen", "address", kPredecessor},
    {"listen_host", "listen", "address", kPredecessor},
    {"admin_port", "admin", "address", kPredecessor},
    {"log_level", "log", "level", kPredecessor},
    {"log_format", "log", "format", kPredecessor},
    {"num_workers", "", "workers", kOtherProxy},
    {"drain_timeout", "drain", "timeout", kPredecessor},
    {"shutdown_timeout", "drain", "timeout", kPredecessor},

    {"proxy_pass", "upstream", "url", kOtherProxy},
    {"backend", "upstream", "url", kOtherProxy},
    {"server", "upstream", "url", kOtherProxy},
    {"target", "upstream", "url", kOtherProxy},
    {"servers", "upstream", "urls", kOtherProxy},
    {"hosts", "upstream", "urls", kOtherProxy},
    {"endpoints", "upstream", "urls", kOtherProxy},
    {"targets", "upstream", "urls", kOtherProxy},
    {"backends", "upstream", "urls", kOtherProxy},
    {"upstreams", "upstream", "urls", kOtherProxy},
    {"lb_policy", "upstream", "balance", kOtherProxy},
    {"load_balancing", "upstream", "balance", kOtherProxy},
    {"least_conn", "upstream", "balance", kOtherProxy},
    {"ip_hash", "upstream", "balance", kOtherProxy},
    {"hash_policy", "upstream", "balance_key", kOtherProxy},
    {"sticky", "upstream", "affinity", kOtherProxy},
    {"sticky_sessions", "upstream", "affinity", kOtherProxy},
    {"session_affinity", "upstream", "affinity", kOtherProxy},
    {"slowstart", "upstream", "slow_start", kOtherProxy},
    {"fall", "upstream", "max_fails", kOtherProxy},
    {"unhealthy_threshold", "upstream", "max_fails", kOtherProxy},
    {"reverse_proxy", "upstream", "url", kOtherProxy},
    {"port", "listen", "address", kOtherProxy},
    {"bind", "listen", "address", kOtherProxy},
    {"host", "listen", "address", kOtherProxy},
    {"bind_address", "listen", "address", kOtherProxy},
    {"listen_address", "listen", "address", kOtherProxy},
    {"worker_processes", "", "workers", kOtherProxy},
    {"worker_threads", "", "workers", kOtherProxy},
    {"nbthread", "", "workers", kOtherProxy},
    {"threads", "", "workers", kOtherProxy},
    {"concurrency", "", "workers", kOtherProxy},
    {"worker_connections", "listen", "max_connections", kOtherProxy},
    {"maxconn", "listen", "max_connections", kOtherProxy},
    {"ssl_certificate", "listen", "tls_certificate", kOtherProxy},
    {"tls_cert", "listen", "tls_certificate", kOtherProxy},
    {"ssl_certificate_key", "listen", "tls_key", kOtherProxy},
    {"ssl_verify", "upstream", "tls_verify", kOtherProxy},
    {"proxy_ssl_verify", "upstream", "tls_verify", kOtherProxy},
    {"proxy_ssl_name", "upstream", "tls_server_name", kOtherProxy},
    {"proxy_ssl_trusted_certificate", "upstream", "tls_ca", kOtherProxy},
    {"keepalive_timeout", "timeouts", "idle", kOtherProxy},
    {"client_header_timeout", "timeouts", "head", kOtherProxy},
    {"client_body_timeout", "timeouts", "body", kOtherProxy},
    {"proxy_read_timeout", "timeouts", "response", kOtherProxy},
    {"send_timeout", "timeouts", "stall", kOtherProxy},
    {"proxy_connect_timeout", "upstream", "connect_timeout", kOtherProxy},
    {"client_max_body_size", "limits", "max_body", kOtherProxy},
    {"max_request_body_size", "limits", "max_body", kOtherProxy},
    {"large_client_header_buffers", "limits", "max_head", kOtherProxy},
    {"max_payload", "limits", "max_message", kOtherProxy},
    {"max_message_size", "limits", "max_message", kOtherProxy},
    {"max_frame_size", "limits", "max_message", kOtherProxy},
    {"underscores_in_headers", "limits", "underscores", kOtherProxy},
    {"compression", "deflate", "enabled", kOtherProxy},
    {"permessage_deflate", "deflate", "enabled", kOtherProxy},
    {"ws_ping_interval", "websocket", "ping_interval", kOtherProxy},
    {"ws_ping_timeout", "websocket", "ping_timeout", kOtherProxy},
    {"cors_allowed_origins", "websocket", "allowed_origins", kOtherProxy},
    {"origins", "websocket", "allowed_origins", kOtherProxy},
    {"set_real_ip_from", "forwarded", "trusted_proxies", kOtherProxy},
    {"forwarded_allow_ips", "forwarded", "trusted_proxies", kOtherProxy},
    {"accept_proxy", "listen", "proxy_protocol", kOtherProxy},
    {"loglevel", "log", "level", kOtherProxy},
    {"access_log", "log", "access", kOtherProxy},
    {"health_check", "pool", "health_check_path", kOtherProxy},
    {"health_check_uri", "pool", "health_check_path", kOtherProxy},
    {"graceful_timeout", "drain", "timeout", kOtherProxy},
    {"worker_shutdown_timeout", "drain", "timeout", kOtherProxy},
};

constexpr ForeignSection kSections[] = {
    {"server", "listen"},
    {"frontend", "listen"},
    {"http", "listen"},
    {"upstreams", "upstream"},
    {"cluster", "backend"},
    {"clusters", "backend"},
    {"connection_pool", "pool"},
    {"batch", "batching"},
    {"message_batcher", "batching"},
    {"memory_optimizer", "memory"},
    {"compression", "deflate"},
    {"ws", "websocket"},
    {"logging", "log"},
    {"metrics", "admin"},
    {"stats", "admin"},
    {"shutdown", "drain"},
    {"health_check", "pool"},
    {"location", "route"},
    {"real_ip", "forwarded"},
    {"tls", "listen"},
    {"ssl", "listen"},
};

bool IsSame(std::string_view a, std::string_view b) {
  const auto plain = [](char c) { return c == '-' ? '_' : ToLower(c); };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return plain(x) == plain(y); });
}

}  // namespace

std::span<const ForeignName> ForeignNames() {
  return kNames;
}

const ForeignName* FindForeignName(std::string_view name) {
  const std::string_view last = name.substr(name.rfind('.') + 1);
  for (const ForeignName& row : kNames) {
    if (IsSame(row.name, last)) return &row;
  }
  return nullptr;
}

std::span<const ForeignSection> ForeignSections() {
  return kSections;
}

}  // namespace sheaf
