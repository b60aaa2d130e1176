// What the charts are made of: samples that are joined, forgotten, and summed up.

import assert from 'node:assert/strict';
import test from 'node:test';

import {History, HISTORY_SECONDS} from '../history.js';

const samples = (first, count, step = 1) => Array.from({length: count}, (_, i) => ({timestamp: first + i * step, a: i}));

test('answers that overlap give each sample once', () => {
  const history = new History(['a']);
  history.append(samples(100, 10));
  history.append(samples(105, 10).map(({timestamp}) => ({timestamp, a: 7})));
  assert.deepEqual(history.times, Array.from({length: 15}, (_, i) => 100 + i));
  assert.deepEqual(history.column('a'), [...Array(10).keys(), 7, 7, 7, 7, 7]);
  assert.equal(history.newest, 114);
});

test('what is older than an hour is forgotten, in all columns', () => {
  const history = new History(['a', 'b']);
  history.append(samples(0, HISTORY_SECONDS + 50));
  assert.equal(history.oldest, 49);
  assert.equal(history.times.length, HISTORY_SECONDS + 1);
  assert.equal(history.column('a').length, history.times.length);
  assert.equal(history.column('b').length, history.times.length);
});

test('no line joins what is on both sides of a gap', () => {
  const history = new History(['a']);
  history.append(samples(100, 3));
  history.append(samples(200, 2));
  assert.deepEqual(history.times, [100, 101, 102, 151, 200, 201]);
  assert.deepEqual(history.column('a'), [0, 1, 2, null, 0, 1]);
});

test('samples that are always far apart have no gap between them', () => {
  const history = new History(['a']);
  history.append(samples(100, 4, 60));
  assert.deepEqual(history.column('a'), [0, 1, 2, 3]);
});

test('a summary is of the time that is asked for', () => {
  const history = new History(['a']);
  history.append([9, 1, 5, 3].map((a, i) => ({timestamp: 10 + i, a})));
  assert.deepEqual(history.summary('a', 10), {newest: 3, least: 1, most: 9});
  assert.deepEqual(history.summary('a', 12), {newest: 3, least: 3, most: 5});
});

test('a field that Sheaf does not tell has no summary', () => {
  const history = new History(['a', 'b']);
  assert.equal(history.summary('a', 0), null);
  history.append(samples(100, 3));
  assert.equal(history.summary('b', 0), null);
  assert.deepEqual(history.column('b'), [null, null, null]);
});
