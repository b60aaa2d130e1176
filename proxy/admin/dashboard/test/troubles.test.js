// The thresholds at which a trouble is told: just below, and at them.

import assert from 'node:assert/strict';
import test from 'node:test';

import {Counters} from '../counters.js';
import {judge, LIMITS, worst} from '../troubles.js';

const WELL = {
  uptime_seconds: 1000,
  connection_pool: {
    pool_size: {active: 10, max: 100, utilization: 0.1}, waiting_requests: 0,
    statistics: {total_acquired: 100, avg_acquire_time_ms: 1, total_failed: 0},
  },
  message_batcher: {delay_ms_histogram: {1: 0, 100: 0, 200: 0, 500: 0, '+Inf': 0}},
  memory_optimizer: {used_mb: 10, limit_mb: 100, percent: 10, pressure_level: 'normal', requests_refused: 0, sessions_shed: 0},
  sessions: {active_sessions: 100, closed: {}},
  http: {refused: {}},
  upstream: {up: true},
};

// A copy of `stats` with some values put in, by their paths, 10 s later.
function changed(values, stats = WELL) {
  const copy = structuredClone(stats);
  copy.uptime_seconds += 10;
  for (const [path, value] of Object.entries(values)) {
    const names = path.split(' ');
    const last = names.pop();
    names.reduce((inner, name) => inner[name], copy)[last] = value;
  }
  return copy;
}

function judged(values) {
  const counters = new Counters();
  const now = changed(values);
  counters.add(WELL);
  counters.add(now);
  return Object.fromEntries(judge(now, counters).map((trouble) => [trouble.id, trouble]));
}

const levels = (values) => Object.values(judged(values)).map(({level}) => level).join(' ');

test('without trouble all is well', () => {
  assert.equal(levels({}), 'ok ok ok ok');
  assert.equal(worst(Object.values(judged({}))), 'ok');
});

const ROWS = [
  ['pool', {'connection_pool pool_size utilization': LIMITS.utilization - 0.01}, 'ok'],
  ['pool', {'connection_pool pool_size utilization': LIMITS.utilization}, 'watch'],
  ['pool', {'connection_pool waiting_requests': 12}, 'ok'],
  ['pool', {'connection_pool waiting_requests': 12, 'connection_pool pool_size utilization': 1}, 'watch'],
  ['pool', {'http refused': {pool_exhausted: 1}}, 'act'],
  ['pool', {'http refused': {draining: 9}}, 'ok'],
  ['pool', {'sessions closed': {pool_exhausted: 1}}, 'act'],
  ['memory', {'memory_optimizer pressure_level': 'moderate'}, 'watch'],
  ['memory', {'memory_optimizer pressure_level': 'high'}, 'act'],
  ['memory', {'memory_optimizer pressure_level': 'critical'}, 'act'],
  ['memory', {'memory_optimizer sessions_shed': 1}, 'watch'],
  ['memory', {'memory_optimizer requests_refused': 1}, 'act'],
  ['latency', {'message_batcher delay_ms_histogram 100': 100}, 'ok'],
  ['latency', {'message_batcher delay_ms_histogram 200': 100}, 'watch'],
  ['latency', {'message_batcher delay_ms_histogram 500': 100}, 'act'],
  ['latency', {'connection_pool statistics total_acquired': 200, 'connection_pool statistics avg_acquire_time_ms': 25}, 'ok'],
  ['latency', {'connection_pool statistics total_acquired': 200, 'connection_pool statistics avg_acquire_time_ms': 26}, 'watch'],
  ['latency', {'connection_pool statistics total_acquired': 200, 'connection_pool statistics avg_acquire_time_ms': 126}, 'act'],
  ['connections', {'sessions closed': {client_gone: 9}, 'sessions active_sessions': 0}, 'ok'],
  ['connections', {'sessions closed': {client_gone: 10}, 'sessions active_sessions': 91}, 'ok'],
  ['connections', {'sessions closed': {client_gone: 5, upstream_gone: 5}, 'sessions active_sessions': 90}, 'watch'],
  ['connections', {'sessions closed': {client_stalled: 10}, 'sessions active_sessions': 30}, 'act'],
  ['connections', {'sessions closed': {client_closed: 100}}, 'ok'],
  ['connections', {'connection_pool statistics total_failed': 1000, 'sessions active_sessions': 0}, 'ok'],
  ['connections', {'connection_pool statistics total_failed': 1000, 'sessions closed': {client_gone: 10}, 'sessions active_sessions': 30}, 'act'],
  ['connections', {'upstream up': false}, 'act'],
];

for (const [id, values, level] of ROWS) {
  test(`${id} is ${level} with ${JSON.stringify(values)}`, () => {
    const all = judged(values);
    assert.equal(all[id].level, level);
    assert(!all[id].why.includes('undefined') && !all[id].why.includes('NaN'), all[id].why);
    assert.deepEqual(Object.keys(all).filter((other) => other !== id && all[other].level !== 'ok'), []);
    assert.equal(worst(Object.values(all)), level);
  });
}

test('what happened before the page was opened is no trouble of now', () => {
  const counters = new Counters();
  const old = changed({'http refused': {pool_exhausted: 50}, 'memory_optimizer requests_refused': 9, 'sessions closed': {client_gone: 500}});
  counters.add(old);
  counters.add(changed({}, old));
  assert.deepEqual(judge(changed({}, old), counters).map(({level}) => level), ['ok', 'ok', 'ok', 'ok']);
});

test('what all endpoints have and what each may have are told apart', () => {
  const {why} = judged({'connection_pool pool_size': {active: 60, max: 40, utilization: 0.95}, 'connection_pool waiting_requests': 3}).pool;
  assert.equal(why, '60 connections in use; each endpoint takes at most 40, and the fullest is at 95 %; waiting now: 3; '
    + 'refused in the last minute: 0.');
});

test('remedies name what is meant to be so, too', () => {
  const {latency, memory, pool} = judged({});
  assert.match(latency.remedy, /state=slow.*max_rate.*batching.timeout/);
  assert.match(memory.remedy, /limits.buffer_high.*deflate.max_context_bytes/);
  assert.match(pool.remedy, /upstream.mode = "mux"/);
});

test('each trouble says what to do, and where more is written', () => {
  for (const {remedy, chapter, why} of Object.values(judged({}))) {
    assert(remedy.length > 20 && chapter.length > 5 && why.endsWith('.'), why);
  }
});
