// How figures are written.

import assert from 'node:assert/strict';
import test from 'node:test';

import * as format from '../format.js';

const ROWS = {
  count: [[0, '0'], [3, '3'], [1.25, '1.3'], [9.96, '10'], [12.5, '13'], [1234567, '1,234,567']],
  short: [[0, '0'], [7.25, '7.3'], [999, '999'], [1000, '1k'], [1550, '1.6k'], [12345, '12k'], [3.1e6, '3.1M'], [2e9, '2G']],
  rate: [[0, '0/s'], [1550, '1.6k/s']],
  bytes: [[0, '0 B'], [1023, '1023 B'], [1024, '1.0 KiB'], [10240, '10 KiB'], [1.5 * 1024 ** 2, '1.5 MiB'], [5 * 1024 ** 5, '5120 TiB']],
  byteRate: [[2048, '2.0 KiB/s']],
  milliseconds: [[0, '0 ms'], [0.01, '<0.1 ms'], [0.25, '0.3 ms'], [12.4, '12 ms'], [1234, '1,234 ms'], [12000, '12 s']],
  percent: [[0, '0 %'], [0.05, '0.1 %'], [72, '72 %'], [72.6, '73 %']],
  duration: [[0, '0 s'], [59.9, '59 s'], [60, '1 min'], [200, '3 min 20 s'], [7500, '2 h 5 min'], [273600, '3 d 4 h'], [86400, '1 d']],
};

for (const [name, rows] of Object.entries(ROWS)) {
  test(`${name} writes figures, and what is not known`, () => {
    for (const [value, text] of rows) assert.equal(format[name](value), text);
    for (const unknown of [null, undefined, NaN, '5']) assert.equal(format[name](unknown), '–');
  });
}

test('a time of another day has its date', () => {
  const noon = new Date(2026, 2, 5, 12, 0, 1).getTime() / 1000;
  assert.equal(format.time(noon, noon + 60), '12:00:01');
  assert.equal(format.time(noon, noon + 86400), '05 Mar 12:00:01');
});
