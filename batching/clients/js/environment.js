// What differs between browsers, Node and the test environments of pages: looked for once, with a remedy where it lacks.

// One key for all copies of this package on a page (an ES module and a CommonJS build, a module that was loaded anew), so
// that a BatchWebSocket in the place of WebSocket never becomes the class beneath another BatchWebSocket.
export const UNDERLYING = Symbol.for('sheaf-batch.underlying');

/**
 * @param {unknown} found
 * @returns {unknown} the same; where it is a BatchWebSocket or made from one, the class beneath it
 */
function underlying(found) {
  return typeof found === 'function' && UNDERLYING in found ? found[UNDERLYING] : found;
}

// Kept from the beginning: what a page puts in its place may well make a BatchWebSocket, which would then make itself.
export const nativeWebSocket = underlying(globalThis.WebSocket);

/**
 * @param {Function} [given] a class that the page wants instead
 * @returns {Function} the class to connect with: without `given`, the global WebSocket as it was when this module was loaded,
 *   else one that has come since
 * @throws {TypeError} there is none
 */
export function webSocketClass(given) {
  const found = underlying(given) ?? nativeWebSocket ?? underlying(globalThis.WebSocket);
  if (typeof found === 'function') return found;
  throw new TypeError('there is no global WebSocket (Node has one since version 22): pass a class, that of the package ws ' +
    'for example, as in new BatchWebSocket(url, [], {WebSocket: ws})');
}

// Node has had CloseEvent since version 23 only.
export const CloseEvent = globalThis.CloseEvent ?? class extends Event {
  constructor(type, {code = 0, reason = '', wasClean = false} = {}) {
    super(type);
    Object.assign(this, {code, reason, wasClean});
  }
};

/**
 * Makes the function that runs a callback in a task of its own, in the order of the calls. Timers are too slow, and only
 * for jsdom, which has nothing else.
 * @returns {(callback: () => void) => void}
 */
function makeLater() {
  if (typeof setImmediate === 'function') return (callback) => void setImmediate(callback);
  if (typeof MessageChannel !== 'function') return (callback) => void setTimeout(callback);
  const {port1, port2} = new MessageChannel();
  const due = new Map();
  let number = 0;
  port1.onmessage = ({data}) => {
    const callback = due.get(data);
    due.delete(data);
    callback();
  };
  return (callback) => {
    due.set(++number, callback);
    port2.postMessage(number);
  };
}

let run;

/**
 * @param {() => void} callback runs in a task of its own, after those of earlier calls
 */
export function later(callback) {
  run ??= makeLater();
  run(callback);
}
