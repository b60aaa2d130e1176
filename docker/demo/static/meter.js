// What one side of the comparison has received: totals, and rates over the last seconds.

const WINDOW_MS = 3000;

/** A frame as it came: when (ms, performance.now()), its payload in characters, and the messages that were in it. */
export class Frame {
  /**
   * @param {number} at
   * @param {number} size
   */
  constructor(at, size) {
    this.at = at;
    this.size = size;
    this.messages = 0;
    /** @type {number[]} the delay of each message, in ms */
    this.delays = [];
  }
}

/**
 * @param {number[]} sorted
 * @param {number} share from 0 to 1
 * @returns {number | null} null where there is nothing
 */
function quantile(sorted, share) {
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] : null;
}

/** Counts the frames and messages of one connection. */
export class Meter {
  #first = Infinity;
  #last = 0;

  /** @param {number} now ms, as performance.now() gives it */
  constructor(now) {
    this.startedAt = now;
    this.totalFrames = 0;
    this.totalMessages = 0;
    /** @type {Frame[]} those of the last seconds, oldest first */
    this.frames = [];
  }

  /**
   * A frame has come; its messages are told afterwards.
   * @param {number} now
   * @param {number} size characters of its payload
   */
  addFrame(now, size) {
    ++this.totalFrames;
    this.frames.push(new Frame(now, size));
  }

  /**
   * A message of the newest frame.
   * @param {number} sequence its number in the feed
   * @param {number} delay ms
   */
  addMessage(sequence, delay) {
    ++this.totalMessages;
    this.#first = Math.min(this.#first, sequence);
    this.#last = Math.max(this.#last, sequence);
    const frame = this.frames.at(-1);
    if (!frame) return;
    ++frame.messages;
    frame.delays.push(delay);
  }

  /** @returns {number} numbers of the feed that were left out since the first that came */
  get gaps() {
    return this.totalMessages ? this.#last - this.#first + 1 - this.totalMessages : 0;
  }

  /** @returns {number} the newest number of the feed that came, 0 before the first */
  get last() {
    return this.#last;
  }

  /**
   * Rates a second over the last seconds, or since the start; forgets what is older.
   * @param {number} now
   * @returns {{frames: number, messages: number, payload: number, batch: number | null, p50: number | null,
   *   p99: number | null}} delays in ms; null where nothing came
   */
  rates(now) {
    while (this.frames.length && this.frames[0].at < now - WINDOW_MS) this.frames.shift();
    const seconds = Math.max(0.25, Math.min(WINDOW_MS, now - this.startedAt) / 1000);
    const delays = this.frames.flatMap((frame) => frame.delays).sort((one, other) => one - other);
    const payload = this.frames.reduce((sum, frame) => sum + frame.size, 0);
    return {
      frames: this.frames.length / seconds,
      messages: delays.length / seconds,
      payload: payload / seconds,
      batch: this.frames.length ? delays.length / this.frames.length : null,
      p50: quantile(delays, 0.5),
      p99: quantile(delays, 0.99),
    };
  }
}
