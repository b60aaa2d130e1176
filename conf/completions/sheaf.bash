# Completions of sheaf for bash. Written by sheaf --print-bash-completion.
_sheaf() {
  local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command="" i
  COMPREPLY=()
  # --option=value are three words here.
  if [[ $current == = ]]; then
    current=""
  elif [[ $before == = ]]; then
    before=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case ${COMP_WORDS[i]} in
      -c|--config|--set) ((++i)) ;;
      stats|top|connections|push|close|flush|rebalance|drain|undrain|reload|log-level|doctor) command=${COMP_WORDS[i]}; break ;;
    esac
  done
  case $command:$before in
    *:-c) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    *:--config) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    *:--set) compopt -o nospace 2>/dev/null; mapfile -t COMPREPLY < <(compgen -S = -W 'workers listen.address listen.ipv6_only listen.socket_mode listen.proxy_protocol listen.tls_certificate listen.tls_key listen.tls_groups listen.backlog listen.max_connections upstream.url upstream.urls upstream.balance upstream.balance_key upstream.affinity upstream.slow_start upstream.max_fails upstream.mode upstream.token upstream.token_file upstream.resolve_interval upstream.connect_timeout upstream.tls_ca upstream.tls_verify upstream.tls_server_name pool.min_size pool.max_size pool.sessions_per_link pool.acquire_timeout pool.max_waiting pool.max_dialing pool.stale_timeout pool.idle_timeout pool.max_lifetime pool.health_check_interval pool.health_check_path pool.health_check_timeout pool.backoff_min pool.backoff_max limits.max_request_line limits.max_head limits.max_fields limits.max_body limits.min_body_rate limits.max_message limits.max_upstream_message limits.max_fragments limits.max_tiny_fragment_rate limits.max_ping_rate limits.buffer_high limits.buffer_low limits.underscores timeouts.handshake timeouts.head timeouts.body timeouts.idle timeouts.response timeouts.stall websocket.ping_interval websocket.ping_timeout websocket.close_timeout websocket.allowed_origins websocket.upstream_lost batching.delivery batching.envelope batching.size batching.timeout batching.cork_timeout batching.max_bytes batching.adaptive batching.slow_client batching.max_rate batching.max_bytes_rate deflate.enabled deflate.context deflate.max_context_bytes deflate.threshold deflate.level deflate.window_bits deflate.memory_level memory.limit memory.max_percent memory.moderate_percent memory.high_percent memory.critical_percent memory.hysteresis memory.dwell memory.check_interval memory.cleanup_interval memory.trim_interval memory.idle_after memory.shed_rate memory.shed memory.webhook memory.webhook_timeout memory.history forwarded.trusted_proxies forwarded.header identity.user_header admin.address admin.token admin.token_file admin.allowed_hosts drain.delay drain.timeout reload.watch reload.max_age log.level log.format log.access log.query log.query_shown log.path' -- "$current"); return ;;
    stats:--admin) return ;;
    stats:--token-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    top:--interval) return ;;
    top:--sort) mapfile -t COMPREPLY < <(compgen -W 'bytes idle queued rate' -- "$current"); return ;;
    top:--admin) return ;;
    top:--token-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    connections:--user) return ;;
    connections:--path) return ;;
    connections:--state) mapfile -t COMPREPLY < <(compgen -W 'active closing idle slow' -- "$current"); return ;;
    connections:--backend) return ;;
    connections:--sort) mapfile -t COMPREPLY < <(compgen -W 'age bytes idle queued rate' -- "$current"); return ;;
    connections:--order) mapfile -t COMPREPLY < <(compgen -W 'asc desc' -- "$current"); return ;;
    connections:--limit) return ;;
    connections:--offset) return ;;
    connections:--admin) return ;;
    connections:--token-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    push:--session) return ;;
    push:--user) return ;;
    push:--path) return ;;
    push:--text) return ;;
    push:--binary-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    push:--event) return ;;
    push:--data) return ;;
    push:--namespace) return ;;
    push:--type) mapfile -t COMPREPLY < <(compgen -W 'batch critical individual' -- "$current"); return ;;
    push:--admin) return ;;
    push:--token-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    close:--session) return ;;
    close:--user) return ;;
    close:--path) return ;;
    close:--backend) return ;;
    close:--code) return ;;
    close:--reason) return ;;
    close:--over) return ;;
    close:--admin) return ;;
    close:--token-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    flush:--session) return ;;
    flush:--user) return ;;
    flush:--path) return ;;
    flush:--backend) return ;;
    flush:--admin) return ;;
    flush:--token-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    rebalance:--share) return ;;
    rebalance:--over) return ;;
    rebalance:--admin) return ;;
    rebalance:--token-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    drain:--admin) return ;;
    drain:--token-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    undrain:--admin) return ;;
    undrain:--token-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    reload:--admin) return ;;
    reload:--token-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    log-level:--admin) return ;;
    log-level:--token-file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    doctor:--http-path) return ;;
    doctor:--path) return ;;
    doctor:--socketio-path) return ;;
    doctor:--host) return ;;
    doctor:--origin) return ;;
    doctor:--subprotocol) return ;;
    doctor:--header) return ;;
  esac
  local words
  case $command in
    '') words='stats top connections push close flush rebalance drain undrain reload log-level doctor -c --config --set -t --check --dump-config --print-default-config --print-options-manual --print-admin-manual --print-manual-page --print-bash-completion --print-zsh-completion --healthcheck --version -h --help' ;;
    'stats') words='-c --config --set --help --json --admin --token-file' ;;
    'top') words='-c --config --set --help --interval --once --sort --json --admin --token-file' ;;
    'connections') words='-c --config --set --help --user --path --state --backend --sort --order --limit --offset --json --admin --token-file' ;;
    'push') words='-c --config --set --help --session --user --path --all --text --binary-file --event --data --namespace --type --json --admin --token-file' ;;
    'close') words='-c --config --set --help --session --user --path --backend --all --code --reason --over --json --admin --token-file' ;;
    'flush') words='-c --config --set --help --session --user --path --backend --all --json --admin --token-file' ;;
    'rebalance') words='-c --config --set --help --share --over --json --admin --token-file' ;;
    'drain') words='-c --config --set --help --no-wait --json --admin --token-file' ;;
    'undrain') words='-c --config --set --help --json --admin --token-file' ;;
    'reload') words='-c --config --set --help --json --admin --token-file' ;;
    'log-level') words='-c --config --set --help debug error info warning --json --admin --token-file' ;;
    'doctor') words='-c --config --set --help --http-path --path --socketio-path --host --origin --subprotocol --header' ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _sheaf sheaf
