// A WebSocket that takes batch frames apart: one message event for each message, whether or not Sheaf is on the way.

import {CloseEvent, later, nativeWebSocket, UNDERLYING, webSocketClass} from './environment.js';
import {decodeFrame, EnvelopeError, ENVELOPES} from './frames.js';

const CONNECTING = 0, OPEN = 1, CLOSING = 2, CLOSED = 3;
const BROKEN_ENVELOPE = 4002;

// Asked for by a layer above, which takes the frames apart: socket.io-client over a BatchWebSocket in WebSocket's place.
const OF_LAYERS_ABOVE = ['engineio', 'socketio-event'];

/**
 * Sets the query parameter `sheaf`; the others and their order stay.
 * @param {URL} url is changed
 * @param {string} envelope
 */
function askFor(url, envelope) {
  const others = url.search.slice(1).split('&').filter((pair) => pair.split('=')[0] !== 'sheaf');
  const pair = `sheaf=${envelope}`;
  url.search = url.search ? [...others, pair].join('&') : pair;
}

/**
 * Resolves an address as WebSocket does: against the page, http taken for ws.
 * @param {string | URL} address
 * @returns {URL | null} null where it is no URL
 */
function resolve(address) {
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  try {
    const url = new URL(address, base);
    if (url.protocol === 'http:' || url.protocol === 'https:') url.protocol = url.protocol.replace('http', 'ws');
    return url;
  } catch {
    return null;
  }
}

/**
 * The `on...` attributes of one socket: a handler keeps its place among the listeners while it is replaced by another.
 */
class Handlers {
  #byType = new Map();
  #target;

  /** @param {EventTarget} target */
  constructor(target) {
    this.#target = target;
  }

  /**
   * @param {string} type
   * @returns {Function | object | null}
   */
  get(type) {
    return this.#byType.get(type)?.value ?? null;
  }

  /**
   * @param {string} type
   * @param {unknown} value what is neither a function nor an object takes the handler away
   */
  set(type, value) {
    const known = this.#byType.get(type);
    const isHandler = typeof value === 'function' || (typeof value === 'object' && value !== null);
    if (known && isHandler) {
      known.value = value;
    } else if (known) {
      this.#byType.delete(type);
      this.#target.removeEventListener(type, known.listener);
    } else if (isHandler) {
      const entry = {value, listener: (event) => typeof entry.value === 'function' && entry.value.call(this.#target, event)};
      this.#byType.set(type, entry);
      this.#target.addEventListener(type, entry.listener);
    }
  }
}

/**
 * A drop-in for WebSocket. It asks Sheaf for batch frames and fires one `message` event for each message in them, in order
 * and each in a task of its own, as if it had come in a frame of its own. Plain frames pass unchanged.
 */
export class BatchWebSocket extends EventTarget {
  static [UNDERLYING] = nativeWebSocket;

  #socket;
  #url;
  #origin;
  // Undefined where a layer above takes the frames apart.
  #envelope;
  #onFrame;
  #handlers = new Handlers(this);
  #binaryType = 'blob';
  // What the page may know: behind #socket's own state while messages that came before its close still wait.
  #state = CONNECTING;
  // What has come and was not delivered yet, in order: {data}, {broken} or {event}.
  #waiting = [];
  #next = 0;
  #isDelivering = false;

  /**
   * @param {string | URL} url as for WebSocket; a query parameter `sheaf` is replaced, unless it asks for an envelope of
   *   Socket.IO and `envelope` for nothing: then the frames pass as they come
   * @param {string | string[]} [protocols] as for WebSocket
   * @param {{envelope?: string, WebSocket?: Function, onFrame?: (messages: number) => void}} [options] `envelope`: `json`
   *   (default) or another one; `WebSocket`: the class to use instead of the one that was global when this module was
   *   loaded; `onFrame`: is told of each frame how many messages it had, after the first of them
   * @throws {TypeError} an unknown envelope, or no WebSocket class
   * @throws {DOMException} SyntaxError, as WebSocket throws it
   */
  constructor(url, protocols, {envelope, WebSocket, onFrame} = {}) {
    super();
    if (envelope !== undefined && !ENVELOPES.includes(envelope)) {
      throw new TypeError(`no envelope is named ${envelope}: ${ENVELOPES.join(', ')}`);
    }
    const Underlying = webSocketClass(WebSocket);
    const address = resolve(url);
    this.#url = address?.href;
    if (envelope || !OF_LAYERS_ABOVE.includes(address?.searchParams.get('sheaf'))) this.#envelope = envelope ?? 'json';
    this.#onFrame = onFrame;
    if (address && this.#envelope) askFor(address, this.#envelope);
    // What is no URL is left to WebSocket to complain about.
    const target = address?.href ?? url;
    this.#socket = protocols === undefined ? new Underlying(target) : new Underlying(target, protocols);
    this.#origin = address?.origin ?? '';
    // Bytes, never blobs: blobs are read asynchronously, and texts would overtake them.
    this.#socket.binaryType = 'arraybuffer';
    this.#listen();
  }

  #listen() {
    const socket = this.#socket;
    socket.addEventListener('open', () => {
      if (this.#state === CONNECTING) this.#state = OPEN;
      this.dispatchEvent(new Event('open'));
    });
    socket.addEventListener('message', (event) => this.#onMessage(event));
    socket.addEventListener('error', ({error, message}) => {
      const copy = new Event('error');
      if (message !== undefined) Object.assign(copy, {error, message});
      this.#accept([{event: copy}]);
    });
    socket.addEventListener('close', ({code, reason, wasClean}) => {
      this.#accept([{event: new CloseEvent('close', {code, reason, wasClean})}]);
    });
  }

  #onMessage({data, origin}) {
    if (origin) this.#origin = origin;
    let messages;
    try {
      messages = this.#envelope ? decodeFrame(this.#envelope, data) : [data];
    } catch (error) {
      if (!(error instanceof EnvelopeError)) throw error;
      this.#accept([{broken: true}]);
      return;
    }
    this.#accept(messages.map((one) => ({data: one})));
    this.#onFrame?.(messages.length);
  }

  // The first is delivered at once if nothing waits; the others have a task each, so that what a handler awaits goes on
  // before the next message, as with frames that come one by one.
  #accept(items) {
    const isIdle = this.#next === this.#waiting.length;
    for (const item of items) this.#waiting.push(item);
    for (let left = isIdle ? items.length - 1 : items.length; left > 0; --left) later(() => this.#deliverNext());
    if (isIdle) this.#deliverNext();
  }

  #deliverNext() {
    if (this.#next === this.#waiting.length) return;
    const item = this.#waiting[this.#next];
    this.#waiting[this.#next++] = undefined;
    if (this.#next === this.#waiting.length) {
      this.#waiting = [];
      this.#next = 0;
    }
    if (item.event) this.#deliverEvent(item.event);
    else if (item.broken) this.#fail();
    else if (this.#state === OPEN) this.#deliverMessage(item.data);
  }

  #deliverMessage(data) {
    const isBlob = typeof data !== 'string' && this.#binaryType === 'blob';
    this.#isDelivering = true;
    this.dispatchEvent(new MessageEvent('message', {data: isBlob ? new Blob([data]) : data, origin: this.#origin}));
    this.#isDelivering = false;
  }

  #deliverEvent(event) {
    if (event.type === 'close') this.#state = CLOSED;
    this.dispatchEvent(event);
  }

  #fail() {
    if (this.#state !== OPEN) return;
    this.#state = CLOSING;
    this.#socket.close(BROKEN_ENVELOPE, 'broken batch frame');
    this.dispatchEvent(new Event('error'));
  }

  /**
   * As WebSocket's. From here on no `message` event fires, not even for messages of the batch under way: so the standard
   * has it.
   * @param {number} [code] 1000, or 3000 to 4999
   * @param {string} [reason] at most 123 bytes
   * @throws {DOMException} InvalidAccessError or SyntaxError, as WebSocket throws them
   */
  close(code, reason) {
    if (reason !== undefined) this.#socket.close(code, reason);
    else if (code !== undefined) this.#socket.close(code);
    else this.#socket.close();
    if (this.#state < CLOSING) this.#state = CLOSING;
  }

  /**
   * As WebSocket's.
   * @param {string | ArrayBufferLike | Blob | ArrayBufferView} data
   * @throws {DOMException} InvalidStateError while connecting
   */
  send(data) {
    this.#socket.send(data);
  }

  /** @returns {number} CONNECTING, OPEN, CLOSING or CLOSED; OPEN as long as received messages wait to be delivered */
  get readyState() {
    const isBehind = this.#isDelivering || this.#next < this.#waiting.length;
    return isBehind ? this.#state : Math.max(this.#state, this.#socket.readyState);
  }

  /** @returns {string} the address that the page gave, resolved, without what this class put into its query */
  get url() {
    return this.#url ?? this.#socket.url;
  }

  /** @returns {'blob' | 'arraybuffer'} */
  get binaryType() {
    return this.#binaryType;
  }

  set binaryType(value) {
    if (value === 'blob' || value === 'arraybuffer') this.#binaryType = value;
  }

  /** @returns {number} bytes that were sent and have not left yet */
  get bufferedAmount() {
    return this.#socket.bufferedAmount;
  }

  /** @returns {string} the subprotocol that the server chose */
  get protocol() {
    return this.#socket.protocol;
  }

  /** @returns {string} the extensions in force */
  get extensions() {
    return this.#socket.extensions;
  }

  get onopen() { return this.#handlers.get('open'); }
  set onopen(value) { this.#handlers.set('open', value); }
  get onmessage() { return this.#handlers.get('message'); }
  set onmessage(value) { this.#handlers.set('message', value); }
  get onerror() { return this.#handlers.get('error'); }
  set onerror(value) { this.#handlers.set('error', value); }
  get onclose() { return this.#handlers.get('close'); }
  set onclose(value) { this.#handlers.set('close', value); }
}

for (const [name, value] of Object.entries({CONNECTING, OPEN, CLOSING, CLOSED})) {
  Object.defineProperty(BatchWebSocket, name, {value, enumerable: true});
  Object.defineProperty(BatchWebSocket.prototype, name, {value, enumerable: true});
}

// Pages and libraries ask `instanceof WebSocket`. All members are defined above, so that no native one is reached; the class
// of the package ws, in WebSocket's place, is no EventTarget.
if (nativeWebSocket?.prototype instanceof EventTarget) {
  Object.setPrototypeOf(BatchWebSocket.prototype, nativeWebSocket.prototype);
}
