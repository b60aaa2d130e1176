// Figures as the page writes them. What is not known is an en dash.

const UNKNOWN = '–';
const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

const isKnown = (value) => typeof value === 'number' && Number.isFinite(value);

/**
 * @param {number | null | undefined} value
 * @returns {string} whole from 10 on, with one decimal before
 */
export function count(value) {
  if (!isKnown(value)) return UNKNOWN;
  return Math.abs(value) >= 9.95 || Number.isInteger(value) ? Math.round(value).toLocaleString('en') : value.toFixed(1);
}

/**
 * @param {number | null | undefined} value
 * @returns {string} at most four characters wide but for the unit: 950, 9.5k, 12k, 3.1M
 */
export function short(value) {
  if (!isKnown(value)) return UNKNOWN;
  if (Math.abs(value) < 1000) return count(value);
  const unit = Math.abs(value) < 1e6 ? [1e3, 'k'] : Math.abs(value) < 1e9 ? [1e6, 'M'] : [1e9, 'G'];
  const scaled = value / unit[0];
  return (Math.abs(scaled) < 9.95 ? scaled.toFixed(1).replace('.0', '') : Math.round(scaled)) + unit[1];
}

/**
 * @param {number | null | undefined} value bytes
 * @returns {string} in B, KiB (1,024 bytes) and so on
 */
export function bytes(value) {
  if (!isKnown(value)) return UNKNOWN;
  let unit = 0;
  while (value >= 1023.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    ++unit;
  }
  return `${unit > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${BYTE_UNITS[unit]}`;
}

/**
 * @param {number | null | undefined} value a second
 * @returns {string} as short() has it
 */
export function rate(value) {
  return isKnown(value) ? `${short(value)}/s` : UNKNOWN;
}

/**
 * @param {number | null | undefined} value bytes a second
 * @returns {string} as bytes() has it
 */
export function byteRate(value) {
  return isKnown(value) ? `${bytes(value)}/s` : UNKNOWN;
}

/**
 * @param {number | null | undefined} value ms
 * @returns {string}
 */
export function milliseconds(value) {
  if (!isKnown(value)) return UNKNOWN;
  if (value >= 9950) return `${Math.round(value / 1000)} s`;
  if (value > 0 && value < 0.05) return '<0.1 ms';
  return value < 9.95 && !Number.isInteger(value) ? `${value.toFixed(1)} ms` : `${Math.round(value).toLocaleString('en')} ms`;
}

/**
 * @param {number | null | undefined} value percent
 * @returns {string}
 */
export function percent(value) {
  return isKnown(value) ? `${value < 9.95 && !Number.isInteger(value) ? value.toFixed(1) : Math.round(value)} %` : UNKNOWN;
}

/**
 * @param {number | null | undefined} seconds
 * @returns {string} in the two largest units: 5 s, 3 min 20 s, 2 h 5 min, 3 d 4 h
 */
export function duration(seconds) {
  if (!isKnown(seconds)) return UNKNOWN;
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [[Math.floor(whole / 86400), 'd'], [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'], [whole % 60, 's']];
  const first = parts.findIndex(([number]) => number > 0);
  if (first === -1) return '0 s';
  return parts.slice(first, first + 2).filter(([number]) => number > 0).map((part) => part.join(' ')).join(' ');
}

/**
 * @param {number} seconds since 1970
 * @param {number} now the same, of the time at which it is read
 * @returns {string} the time of this day as the reader's clock has it, with the date in front of it on another day
 */
export function time(seconds, now = Date.now() / 1000) {
  const at = new Date(seconds * 1000);
  const clock = at.toLocaleTimeString('en-GB');
  if (at.toDateString() === new Date(now * 1000).toDateString()) return clock;
  return `${at.toLocaleDateString('en-GB', {day: '2-digit', month: 'short'})} ${clock}`;
}
