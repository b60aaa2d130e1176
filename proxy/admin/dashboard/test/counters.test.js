// How much counters have risen lately, and quantiles of what has.

import assert from 'node:assert/strict';
import test from 'node:test';

import {Counters, quantile, sum} from '../counters.js';

const closed = ({closed}) => closed;

function read(every, counts) {
  const counters = new Counters();
  counts.forEach((count, i) => counters.add({uptime_seconds: 1000 + i * every, closed: {gone: count}}));
  return counters;
}

test('what has risen is told over the time that is asked for', () => {
  const counters = read(10, [0, 1, 2, 4, 8, 16]);
  assert.deepEqual(counters.risen(closed, 10), {gone: 8});
  assert.deepEqual(counters.risen(closed, 30), {gone: 14});
});

test('as long as the page is younger, it is told since its first reading', () => {
  assert.deepEqual(read(10, [5, 6, 7]).risen(closed, 300), {gone: 2});
  assert.deepEqual(read(10, [5]).risen(closed, 300), {gone: 0});
  assert.deepEqual(new Counters().risen(closed, 300), {});
});

test('a reading that is older than the longest time is kept, to compare with', () => {
  const counters = read(10, Array.from({length: 100}, (_, i) => i));
  assert.deepEqual(counters.risen(closed, 300), {gone: 30});
  assert.deepEqual(counters.risen(closed, 3000), {gone: 30});
});

test('a new name has risen from nothing', () => {
  const counters = read(10, [5]);
  counters.add({uptime_seconds: 1010, closed: {gone: 5, stalled: 3}});
  assert.deepEqual(counters.risen(closed, 60), {gone: 0, stalled: 3});
});

test('counters of another process, and those behind a pause, are not compared', () => {
  for (const uptime of [3, 2000]) {
    const counters = read(10, [100, 200]);
    counters.add({uptime_seconds: uptime, closed: {gone: 7}});
    assert.deepEqual(counters.risen(closed, 300), {gone: 0}, `uptime ${uptime}`);
  }
});

test('a quantile lies in its bucket by proportion', () => {
  const counts = {0.1: 0, 1: 50, 5: 40, 10: 10, '+Inf': 0};
  assert.equal(quantile(counts, 0.5), 1);
  assert.equal(quantile(counts, 0.7), 3);
  assert.equal(quantile(counts, 0.99), 9.5);
  assert.equal(quantile(counts, 1), 10);
});

test('what is over all bounds is told as the last of them, and of nothing there is no quantile', () => {
  assert.equal(quantile({1: 0, 10: 1, '+Inf': 99}, 0.99), 10);
  assert.equal(quantile({1: 0, '+Inf': 0}, 0.99), 0);
  assert.equal(quantile({}, 0.99), 0);
});

test('a sum is of all, or of those that are named', () => {
  assert.equal(sum({a: 1, b: 2}), 3);
  assert.equal(sum({a: 1, b: 2}, ['b', 'c']), 2);
  assert.equal(sum({}), 0);
});
