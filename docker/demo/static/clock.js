// How the backend's clock and this page's compare, so that delays are right on another machine, too.

const TRIES = 8;

/** @returns {number} ms since 1970, finer than Date.now() */
function now() {
  return performance.timeOrigin + performance.now();
}

/** The backend's clock, seen from here. */
export class Clock {
  /**
   * @param {number} offset ms that the backend's clock is ahead
   * @param {number} uncertainty ms
   */
  constructor(offset, uncertainty) {
    // Clocks that may agree are taken to: on one machine there is but one.
    this.agrees = Math.abs(offset) <= uncertainty;
    this.offset = this.agrees ? 0 : offset;
    this.uncertainty = uncertainty;
  }

  /**
   * @param {number} at a time of the backend, seconds since 1970
   * @returns {number} ms since then
   */
  age(at) {
    return now() + this.offset - at * 1000;
  }

  /** @returns {string} a sentence for the page */
  describe() {
    if (this.agrees) return 'Both clocks agree: they are one machine’s, or as good.';
    const ahead = Math.round(Math.abs(this.offset)).toLocaleString('en');
    const sense = this.offset > 0 ? 'ahead of' : 'behind';
    return `The backend’s clock is ${ahead} ms ${sense} this one, which is allowed for; delays are good to ±${Math.ceil(this.uncertainty)} ms.`;
  }
}

/**
 * Compares the clocks over some requests; the fastest one tells most.
 * @param {() => Promise<{now: number}>} ask gives the backend's time, seconds since 1970
 * @returns {Promise<Clock>}
 */
export async function compareClocks(ask) {
  let best = {offset: 0, uncertainty: Infinity};
  for (let count = 0; count < TRIES; ++count) {
    const asked = now();
    const answer = await ask();
    const uncertainty = (now() - asked) / 2;
    if (uncertainty < best.uncertainty) best = {offset: answer.now * 1000 - (asked + uncertainty), uncertainty};
  }
  return new Clock(best.offset, best.uncertainty);
}
