// How much a counter has risen lately. Sheaf's counters begin with its process; the page keeps what `stats` said.

const KEPT_SECONDS = 300;
// A pause as long as this (the page was hidden) would make "lately" a long time.
const LONGEST_PAUSE_SECONDS = 30;

export class Counters {
  #readings = [];

  /**
   * @param {object} stats as Sheaf answers, the newest; one of another process makes those before worthless
   */
  add(stats) {
    const passed = stats.uptime_seconds - (this.#readings.at(-1)?.uptime_seconds ?? 0);
    if (passed < 0 || passed > LONGEST_PAUSE_SECONDS) this.#readings = [];
    this.#readings.push(stats);
    // One that is older than all that is asked for stays, to compare with.
    while (this.#readings.length > 2 && this.#age(this.#readings[1]) >= KEPT_SECONDS) this.#readings.shift();
  }

  /**
   * How a group of counters has risen.
   * @param {(stats: object) => Record<string, number>} pick the group
   * @param {number} seconds at most KEPT_SECONDS
   * @returns {Record<string, number>} by name; where the first reading is younger than `seconds`, since that
   */
  risen(pick, seconds) {
    if (this.#readings.length === 0) return {};
    const now = pick(this.#readings.at(-1));
    const before = pick(this.#before(seconds));
    return Object.fromEntries(Object.entries(now).map(([name, value]) => [name, value - (before[name] ?? 0)]));
  }

  #age(stats) {
    return this.#readings.at(-1).uptime_seconds - stats.uptime_seconds;
  }

  // The youngest that is at least so old, or the oldest.
  #before(seconds) {
    return this.#readings.findLast((stats) => this.#age(stats) >= seconds) ?? this.#readings[0];
  }
}

/**
 * @param {Record<string, number>} counts of a histogram, by upper bound as text; the last may be "+Inf"
 * @param {number} fraction such as 0.99
 * @returns {number} a value that so many are not above: within its bucket by proportion; 0 without any. Of the bucket
 *     without an upper bound, its lower one.
 */
export function quantile(counts, fraction) {
  const buckets = Object.entries(counts)
    .map(([bound, number]) => ({bound: bound === '+Inf' ? Infinity : Number(bound), number}))
    .sort((one, other) => one.bound - other.bound);
  const wanted = fraction * sum(counts);
  let seen = 0, lower = 0;
  for (const {bound, number} of buckets) {
    if (number > 0 && seen + number >= wanted) {
      return bound === Infinity ? lower : lower + (bound - lower) * ((wanted - seen) / number);
    }
    seen += number;
    lower = bound;
  }
  return 0;
}

/**
 * @param {Record<string, number>} counts
 * @param {string[]} [names] of those that count; without, all do
 * @returns {number}
 */
export function sum(counts, names = Object.keys(counts)) {
  return names.reduce((total, name) => total + (counts[name] ?? 0), 0);
}
