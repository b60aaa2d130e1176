// Numbers as the page writes them.

/**
 * @param {number} value
 * @returns {string} without decimals from 10 on, one before
 */
export function plain(value) {
  return value >= 9.95 || Number.isInteger(value) ? Math.round(value).toLocaleString('en') : value.toFixed(1);
}

/**
 * @param {number} value
 * @returns {string} in B, kB (1,000 bytes) or MB
 */
export function bytes(value) {
  if (value < 1000) return `${Math.round(value)} B`;
  return value < 1e6 ? `${(value / 1000).toFixed(1)} kB` : `${(value / 1e6).toFixed(1)} MB`;
}

/**
 * @param {number | null} value ms
 * @returns {string}
 */
export function milliseconds(value) {
  if (value === null) return '–';
  return value < 10 ? `${Math.max(0, value).toFixed(1)} ms` : `${Math.round(value).toLocaleString('en')} ms`;
}

/**
 * How far one value is from another, in percent.
 * @param {number} value
 * @param {number} from
 * @returns {string} as in "−92 %"; "–" where there is nothing to compare with
 */
export function change(value, from) {
  if (!from) return '–';
  const percent = Math.round((value / from - 1) * 100);
  return percent < 0 ? `−${-percent} %` : `+${percent} %`;
}
