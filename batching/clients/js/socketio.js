// For socket.io-client: a transport for the envelope `engineio`, and a hook for the envelope `socketio-event`.

import {decodeFrame} from './frames.js';

/**
 * Makes a transport that understands batch frames out of one of socket.io-client's own. It asks Sheaf for the envelope
 * `engineio` by itself, and goes where the stock transport goes: `io(url, {transports: [batchTransport(WebSocket)]})`.
 * @template {new (...options: any[]) => any} Transport
 * @param {Transport} WebSocketTransport `WebSocket` or `NodeWebSocket`, as socket.io-client exports them since 4.8
 * @param {{onFrame?: (messages: number) => void}} [options] `onFrame` is told of each frame and its number of packets
 * @returns {Transport} a class that is used like the one given
 * @throws {TypeError} the class is no transport
 */
export function batchTransport(WebSocketTransport, {onFrame} = {}) {
  if (typeof WebSocketTransport?.prototype?.onData !== 'function') {
    throw new TypeError('batchTransport wants the WebSocket transport that socket.io-client exports');
  }
  return class extends WebSocketTransport {
    constructor(options) {
      super({...options, query: {...options.query, sheaf: 'engineio'}});
    }

    onData(data) {
      const packets = typeof data === 'string' ? decodeFrame('engineio', data) : [data];
      for (const packet of packets) super.onData(packet);
      onFrame?.(packets.length);
    }
  };
}

const hooked = new WeakSet();

/**
 * @param {unknown} entry a member of `messages`
 * @returns {unknown[] | null} name and arguments of the event that it stands for, or null where it stands for none
 */
function eventOf(entry) {
  if (Array.isArray(entry)) return typeof entry[0] === 'string' ? entry : null;
  return typeof entry?.event === 'string' && 'data' in entry ? [entry.event, entry.data] : null;
}

/**
 * @param {{id?: number, data?: unknown[]}} packet an event as socket.io-client has decoded it
 * @returns {unknown[][] | null} name and arguments of each event that it carries, or null where it is the app's own
 */
function unwrap({id, data}) {
  if (id !== undefined && id !== null) return null;
  if (data?.length !== 2 || data[0] !== 'batch') return null;
  const batch = data[1];
  if (batch?.type !== 'batch' || !Array.isArray(batch.messages) || batch.messages.length === 0) return null;
  const events = batch.messages.map(eventOf);
  return events.length === batch.batch_size && !events.includes(null) ? events : null;
}

/**
 * As when the event had come alone, an error of a listener is nobody's to catch, and the events after it come all the same.
 * @param {(packet: object) => void} deliver
 * @param {object} socket
 * @param {object} packet
 */
function deliverSafely(deliver, socket, packet) {
  try {
    deliver.call(socket, packet);
  } catch (error) {
    queueMicrotask(() => { throw error; });
  }
}

/**
 * Takes the envelope `socketio-event` apart for one socket (a namespace each): every event reaches the socket's listeners,
 * catch-all ones included, as if it had come alone. An app's own event `batch` still does. A second call changes nothing.
 * It must be called before the first event can come: right after `io(...)`.
 * @template Socket
 * @param {Socket} socket a socket of socket.io-client
 * @param {{onFrame?: (messages: number) => void}} [options] `onFrame` is told of each event frame and its number of events
 * @returns {Socket} the same socket
 * @throws {TypeError} it is no socket of a version that this works with
 */
export function onBatch(socket, {onFrame} = {}) {
  // Not socket.on('batch'): catch-all listeners and an app's own listeners of `batch` would see the envelope.
  const deliver = socket?.onevent;
  if (typeof deliver !== 'function') throw new TypeError('onBatch wants a socket of socket.io-client');
  if (hooked.has(socket)) return socket;
  hooked.add(socket);
  socket.onevent = (packet) => {
    const events = unwrap(packet);
    if (!events) {
      deliver.call(socket, packet);
    } else {
      for (const data of events) deliverSafely(deliver, socket, {...packet, data});
    }
    onFrame?.(events?.length ?? 1);
  };
  return socket;
}
