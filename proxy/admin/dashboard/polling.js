// Asks again and again, but not while nobody looks: a page that is hidden costs Sheaf nothing.

export class Poll {
  #milliseconds;
  #work;
  #isWanted;
  #timer = 0;
  #busy = false;

  /**
   * Begins when kick() is called first.
   * @param {number} seconds from the end of one turn to the begin of the next
   * @param {() => Promise<void>} work one turn; it handles its errors itself
   * @param {() => boolean} isWanted whether what it brings can be seen, in a page that is not hidden
   */
  constructor(seconds, work, isWanted) {
    this.#milliseconds = seconds * 1000;
    this.#work = work;
    this.#isWanted = isWanted;
    document.addEventListener('visibilitychange', () => this.kick());
  }

  /** A turn now, if it is wanted, and no other is under way. */
  async kick() {
    clearTimeout(this.#timer);
    if (this.#busy || document.hidden || !this.#isWanted()) return;
    this.#busy = true;
    try {
      await this.#work();
    } finally {
      this.#busy = false;
      this.#timer = setTimeout(() => this.kick(), this.#milliseconds);
    }
  }
}
