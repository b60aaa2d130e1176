// What the charts show: Sheaf's own samples of the last hour, a column a field. It begins with what Sheaf has kept, so
// that the page shows the past of an incident from its first moment on.

export const HISTORY_SECONDS = 3600;

// Samples this far apart, compared with those before, have something missing in between: no line joins them.
const GAP_FACTOR = 3, LEAST_GAP_SECONDS = 10;

export class History {
  #times = [];
  #columns;

  /** @param {string[]} fields of a sample that are kept */
  constructor(fields) {
    this.#columns = new Map(fields.map((field) => [field, []]));
  }

  /** @returns {number[]} seconds since 1970, rising */
  get times() {
    return this.#times;
  }

  /**
   * @param {string} field
   * @returns {(number | null)[]} null where there is a gap, or Sheaf did not tell it
   */
  column(field) {
    return this.#columns.get(field);
  }

  /** @returns {number} of the oldest sample, seconds since 1970; 0 without one */
  get oldest() {
    return this.#times[0] ?? 0;
  }

  /** @returns {number} of the newest sample, seconds since 1970; 0 without one */
  get newest() {
    return this.#times.at(-1) ?? 0;
  }

  /**
   * Takes those samples that are newer than what is here, and lets go of what is older than an hour.
   * @param {{timestamp: number}[]} samples the oldest first; they may overlap with earlier ones
   */
  append(samples) {
    for (const sample of samples) {
      if (sample.timestamp <= this.newest) continue;
      if (this.#isBehindGap(sample.timestamp)) this.#push((this.newest + sample.timestamp) / 2, {});
      this.#push(sample.timestamp, sample);
    }
    this.#forget(this.newest - HISTORY_SECONDS);
  }

  /**
   * What is in a column from a time on.
   * @param {string} field
   * @param {number} since seconds since 1970
   * @returns {{newest: number, least: number, most: number} | null} null where Sheaf does not tell the field
   */
  summary(field, since) {
    const column = this.#columns.get(field);
    const newest = column.at(-1) ?? null;
    if (newest === null) return null;
    let least = newest, most = newest;
    for (let i = column.length - 1; i >= 0 && this.#times[i] >= since; --i) {
      if (column[i] === null) continue;
      least = Math.min(least, column[i]);
      most = Math.max(most, column[i]);
    }
    return {newest, least, most};
  }

  #isBehindGap(timestamp) {
    const usual = this.#times.length > 1 ? this.newest - this.#times.at(-2) : Infinity;
    return timestamp - this.newest > Math.max(LEAST_GAP_SECONDS, GAP_FACTOR * usual);
  }

  #push(timestamp, sample) {
    this.#times.push(timestamp);
    for (const [field, column] of this.#columns) column.push(sample[field] ?? null);
  }

  #forget(before) {
    const old = this.#times.findIndex((time) => time >= before);
    if (old <= 0) return;
    this.#times.splice(0, old);
    for (const column of this.#columns.values()) column.splice(0, old);
  }
}
