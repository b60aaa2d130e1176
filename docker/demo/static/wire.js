// What goes over the wire on each side: rates of the counters that the backend reads from the kernel.

/** Rates between the last two answers. */
export class Wire {
  #url;
  #before = null;
  #rates = {direct: null, sheaf: null};

  /** @param {string} url of the counters */
  constructor(url) {
    this.#url = url;
  }

  /** @returns {{direct: {bytes: number, segments: number} | null, sheaf: {bytes: number, segments: number} | null}} a second */
  get rates() {
    return this.#rates;
  }

  /**
   * Asks anew; a failure leaves the rates unknown.
   * @returns {Promise<void>}
   */
  async update() {
    const answer = await fetch(this.#url).then((response) => response.json(), () => null);
    const before = this.#before;
    this.#before = answer;
    for (const side of ['direct', 'sheaf']) this.#rates[side] = rate(before, answer, side);
  }
}

function rate(before, after, side) {
  const [first, last] = [before?.[side], after?.[side]];
  // Counters that go back are another connection's.
  if (!first || !last || last.bytes < first.bytes || last.segments < first.segments) return null;
  const seconds = after.at - before.at;
  return {bytes: (last.bytes - first.bytes) / seconds, segments: (last.segments - first.segments) / seconds};
}
