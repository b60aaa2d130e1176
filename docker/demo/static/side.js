// One side of the comparison: a WebSocket that is kept open, its meter, and the card that shows both.

import {drawFrames} from './chart.js';
import {Meter} from './meter.js';
import {bytes, milliseconds, plain} from './format.js';

const RETRY_MS = 1000;

/**
 * @typedef {object} SideOptions
 * @property {string} name `direct` or `sheaf`, also in the markup
 * @property {string} title
 * @property {() => URL | null} address where to connect now; null: nowhere
 * @property {(url: URL, Socket: typeof WebSocket) => EventTarget & {close(): void, onmessage: unknown}} open makes the
 *   client, of the given class of WebSocket
 * @property {(at: number) => number} age milliseconds since a time of the backend's clock (seconds since 1970)
 */

/** A card with its connection. */
export class Side {
  #options;
  #section;
  #socket = null;
  #meter = new Meter(performance.now());
  #retry = 0;

  /** @param {SideOptions} options */
  constructor(options) {
    this.#options = options;
    const card = document.getElementById('side').content.cloneNode(true);
    this.#section = card.querySelector('section');
    this.#section.dataset.side = options.name;
    this.#section.setAttribute('aria-label', options.title);
    card.querySelector('h2').textContent = options.title;
    document.getElementById('sides').append(card);
  }

  /** @returns {Meter} what came on the connection of now */
  get meter() {
    return this.#meter;
  }

  /**
   * Connects, anew where it is connected already; counting begins again.
   * @returns {Promise<void>} settled when the connection is open, or has failed
   */
  connect() {
    clearTimeout(this.#retry);
    this.#socket?.close();
    const url = this.#options.address();
    this.#meter = new Meter(performance.now());
    if (!url) return Promise.resolve();
    return new Promise((resolve) => this.#open(url, resolve));
  }

  #open(url, settled) {
    const meter = this.#meter;
    // Counts frames before anybody takes them apart: this listener is the first.
    const Counted = class extends WebSocket {
      constructor(...settings) {
        super(...settings);
        this.addEventListener('message', ({data}) => meter.addFrame(performance.now(), data.length));
      }
    };
    const socket = this.#options.open(url, Counted);
    this.#socket = socket;
    socket.addEventListener('open', () => {
      meter.startedAt = performance.now();
      this.state('connected', 'open');
      settled();
    });
    socket.addEventListener('message', ({data}) => {
      const quote = JSON.parse(data);
      meter.addMessage(quote.sequence, this.#options.age(quote.at));
    });
    socket.addEventListener('close', ({code}) => {
      settled();
      if (socket !== this.#socket) return;
      this.state(`closed (${code}), trying again`, 'closed');
      this.#retry = setTimeout(() => this.connect(), RETRY_MS);
    });
  }

  /**
   * @param {string} text what the card says of its connection
   * @param {'open' | 'closed' | ''} kind
   */
  state(text, kind) {
    const place = this.#section.querySelector('.state');
    place.textContent = text;
    place.dataset.state = kind;
  }

  /** Draws the frames of the last moments. */
  draw() {
    drawFrames(this.#section.querySelector('canvas'), this.#meter.frames, performance.now());
  }

  /**
   * Shows the figures.
   * @param {ReturnType<Meter['rates']>} rates
   * @param {{bytes: number, segments: number} | null} wire a second; null where it is not known
   * @param {boolean} isConflated whether quotes are left out on purpose
   */
  show(rates, wire, isConflated) {
    this.#figure('frames', plain(rates.frames));
    this.#figure('batch', rates.batch === null ? '–' : rates.batch.toFixed(1));
    this.#figure('messages', plain(rates.messages));
    this.#figure('payload', bytes(rates.payload));
    this.#figure('wire', wire ? bytes(wire.bytes) : 'not known');
    this.#figure('segments', wire ? plain(wire.segments) : 'not known');
    this.#figure('p50', milliseconds(rates.p50));
    this.#figure('p99', milliseconds(rates.p99));
    this.#figure('gaps', plain(this.#meter.gaps));
    this.#figure('gaps-name', isConflated ? 'Left out for newer ones' : 'Missing');
    const told = `${plain(rates.frames)} frames a second, ${rates.batch?.toFixed(1) ?? 'no'} messages in each`;
    this.#section.querySelector('canvas').setAttribute('aria-label', told);
  }

  #figure(name, text) {
    const place = this.#section.querySelector(`[data-figure="${name}"]`);
    if (place.textContent !== text) place.textContent = text;
  }
}
