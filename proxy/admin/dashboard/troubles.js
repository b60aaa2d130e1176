// The four troubles that a person on call meets, told from what `stats` says now and how its counters have risen.
// Thresholds and words are documented in proxy/operating.md, "Dashboard": change both.

import {quantile, sum} from './counters.js';
import {bytes, count, milliseconds, percent} from './format.js';

/**
 * @typedef {object} Trouble
 * @property {string} id
 * @property {string} title
 * @property {'ok' | 'watch' | 'act'} level
 * @property {string} why one sentence with the figures
 * @property {string} remedy what to do
 * @property {string} chapter of proxy/operating.md that has more
 */

export const RECENT_SECONDS = 60, LATELY_SECONDS = 300;
export const LIMITS = {
  utilization: 0.9,
  delay_ms: {watch: 100, act: 250},
  acquire_ms: {watch: 50, act: 250},
  broken: {fewest: 10, watch: 0.1, act: 0.25},
};

const CLIENTS_BROKEN = ['client_gone', 'client_ping_timeout', 'client_stalled', 'client_too_slow'];
const BACKEND_BROKEN = ['upstream_gone', 'upstream_protocol_error', 'upstream_connect_failed', 'upstream_timeout',
  'upstream_tls_error'];

const MIB = 1024 * 1024;

const levelOf = (value, {watch, act}) => (value >= act ? 'act' : value >= watch ? 'watch' : 'ok');
const worse = (...levels) => (['act', 'watch'].find((level) => levels.includes(level)) ?? 'ok');

/**
 * @param {object} stats the newest
 * @param {import('./counters.js').Counters} counters with `stats` in it
 * @returns {Trouble[]} all four, always in the same order
 */
export function judge(stats, counters) {
  return [pool(stats, counters), memory(stats, counters), latency(counters), connections(stats, counters)];
}

/**
 * @param {Trouble[]} troubles
 * @returns {'ok' | 'watch' | 'act'} of the worst
 */
export function worst(troubles) {
  return worse(...troubles.map((trouble) => trouble.level));
}

function pool(stats, counters) {
  const {pool_size: size, waiting_requests: waiting} = stats.connection_pool;
  const refused = counters.risen(({http}) => http.refused, RECENT_SECONDS).pool_exhausted ?? 0;
  const closed = counters.risen(({sessions}) => sessions.closed, RECENT_SECONDS).pool_exhausted ?? 0;
  return {
    id: 'pool',
    title: 'Pool exhausted',
    // That requests wait says nothing by itself: they do while connections are dialled for them.
    level: refused + closed > 0 ? 'act' : size.utilization >= LIMITS.utilization ? 'watch' : 'ok',
    why: `${count(size.active)} connections in use; each endpoint takes at most ${count(size.max)}, and the fullest is at `
      + `${percent(100 * size.utilization)}; waiting now: ${count(waiting)}; refused in the last minute: ${count(refused + closed)}.`,
    remedy: 'Raise pool.max_size and the limit of open files, use upstream.mode = "mux", or add replicas. If there are few '
      + 'WebSockets, the backend is too slow: look at its CPU.',
    chapter: 'Pool exhausted',
  };
}

function memory(stats, counters) {
  const now = stats.memory_optimizer;
  const refused = counters.risen(({memory_optimizer: one}) => ({all: one.requests_refused}), RECENT_SECONDS).all ?? 0;
  const shed = counters.risen(({memory_optimizer: one}) => ({all: one.sessions_shed}), LATELY_SECONDS).all ?? 0;
  const byLevel = {normal: 'ok', moderate: 'watch'}[now.pressure_level] ?? 'act';
  const done = [refused > 0 && `requests refused in the last minute: ${count(refused)}`,
    shed > 0 && `sessions closed for it in the last 5 minutes: ${count(shed)}`].filter(Boolean);
  return {
    id: 'memory',
    title: 'Memory high',
    level: worse(byLevel, refused > 0 ? 'act' : 'ok', shed > 0 ? 'watch' : 'ok'),
    why: [`${bytes(now.used_mb * MIB)} of ${bytes(now.limit_mb * MIB)} (${percent(now.percent)}), level ${now.pressure_level}`, ...done].join('; ') + '.',
    remedy: 'Raise the limit or add replicas. If much is queued, lower limits.buffer_high, or timeouts.stall to part with '
      + 'clients that do not read. If contexts of compression are large, lower deflate.max_context_bytes.',
    chapter: 'Memory high',
  };
}

function latency(counters) {
  const delays = counters.risen(({message_batcher: one}) => one.delay_ms_histogram, RECENT_SECONDS);
  const delay = quantile(delays, 0.99);
  const {waited, acquired} = counters.risen(acquiring, RECENT_SECONDS);
  const acquire = acquired > 0 ? Math.max(0, waited) / acquired : 0;
  return {
    id: 'latency',
    title: 'Latency high',
    level: worse(levelOf(delay, LIMITS.delay_ms), levelOf(acquire, LIMITS.acquire_ms)),
    why: sum(delays) + acquired > 0 ? `In the last minute: p99 of what a batch waited ${milliseconds(delay)}; mean wait for a `
      + `connection to the backend ${milliseconds(acquire)}.` : 'No traffic in the last minute.',
    remedy: 'Batches that wait: do clients not keep up (GET /connections?state=slow), or do batching.max_rate or max_bytes_rate '
      + 'hold them back on purpose? Else lower batching.timeout. Connections that are waited for: see the pool. Else compare the '
      + 'access log with the backend’s own figures, and look at Sheaf’s CPU quota.',
    chapter: 'Latency high',
  };
}

// The mean since the start times what it is the mean of: a difference of two of these is the time waited in between.
function acquiring({connection_pool: {statistics: {total_acquired: acquired, avg_acquire_time_ms: mean}}}) {
  return {acquired, waited: acquired * mean};
}

function connections(stats, counters) {
  const closed = counters.risen(({sessions}) => sessions.closed, LATELY_SECONDS);
  // Not connections that could not be made: an endpoint that is down is dialled again and again, and others stand in for it.
  const clients = sum(closed, CLIENTS_BROKEN), backend = sum(closed, BACKEND_BROKEN);
  const share = (clients + backend) / Math.max(1, stats.sessions.active_sessions + sum(closed));
  const isMany = clients + backend >= LIMITS.broken.fewest;
  const counts = `sessions that broke or stalled in the last 5 minutes: at their clients ${count(clients)}, at the backend `
    + count(backend);
  return {
    id: 'connections',
    title: 'Many stale or broken connections',
    level: stats.upstream.up ? (isMany ? levelOf(share, LIMITS.broken) : 'ok') : 'act',
    why: stats.upstream.up ? `${counts[0].toUpperCase()}${counts.slice(1)}.` : `The backend cannot be reached; ${counts}.`,
    remedy: 'Clients: lower websocket.ping_interval to find dead ones sooner; look at the network before Sheaf. Backend: see '
      + 'its log, and GET /backends for who is down.',
    chapter: 'Many stale or broken connections',
  };
}
