// What the decoders are put through against a real Sheaf and the demo backend, in Node and in a browser alike. A module
// without imports: whoever runs it hands in the classes, so that the browser can load the very same text.
//
// Each scenario resolves to {sent, got, frames, ...}: what the backend was asked to send and what arrived, as comparable
// text, and how many messages each frame had.

const HEAD = '{"type":"batch","batch_size":';
const LOOK_ALIKES = [`${HEAD}2,"messages":[1,2]}`, `${HEAD}1,"text":"a"}`, `${HEAD}`, '42["a",1]\u001e42["b",2]', '\u001e4x'];
const TEXTS = ['', 'plain', '{"a":[1,"],["]}', ' [2] ', '"\\""', 'é€😀', '\u0000', '{"a":'];

/**
 * @param {boolean} hasLookAlikes whether messages that look like envelopes are among them
 * @returns {(string | Uint8Array)[]} runs of JSON with everything else that may come in between
 */
function mixture(hasLookAlikes) {
  const texts = hasLookAlikes ? [...TEXTS, ...LOOK_ALIKES] : TEXTS;
  const messages = [];
  for (let number = 0; number < 300; ++number) {
    messages.push(JSON.stringify({number, text: 'x'.repeat(number % 50)}));
    if (number % 7 === 0) messages.push(texts[(number / 7) % texts.length]);
    if (number % 11 === 0) messages.push(Uint8Array.of(0x53, 0x48, 0x46, hasLookAlikes ? number % 3 : 0, 0, 0xff, number & 0xff));
    if (number % 50 === 0) messages.push(new Uint8Array(0));
  }
  return messages;
}

/** Bytes of any kind as text, whatever type they came in. */
async function readable(data) {
  if (typeof data === 'string') return data;
  const bytes = new Uint8Array(await new Response(data).arrayBuffer());
  return `bytes:${Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

const next = (target, type) => new Promise((resolve) => target.addEventListener(type, resolve, {once: true}));

/**
 * BatchWebSocket: an echo of messages of every kind.
 * @param {{BatchWebSocket: Function, WebSocket?: Function, base: string, envelope: string, binaryType: string,
 *   hasLookAlikes?: boolean}} setting
 */
export async function echo({BatchWebSocket, WebSocket, base, envelope, binaryType, hasLookAlikes = true}) {
  const frames = [], received = [], sent = mixture(hasLookAlikes);
  const socket = new BatchWebSocket(`${base}/ws/echo?x=1`, undefined, {envelope, WebSocket, onFrame: (size) => frames.push(size)});
  socket.binaryType = binaryType;
  await next(socket, 'open');
  const all = new Promise((resolve) => {
    socket.onmessage = ({data}) => received.push(data) === sent.length && resolve();
  });
  for (const message of sent) socket.send(message);
  await all;
  const closed = next(socket, 'close');
  socket.close(4321, 'done');
  const {code, reason, wasClean} = await closed;
  const types = [...new Set(received.map((one) => one.constructor.name))].sort();
  return {sent: await Promise.all(sent.map(readable)), got: await Promise.all(received.map(readable)), frames, types,
    close: [code, reason, wasClean]};
}

/**
 * BatchWebSocket: what the backend sees of its query, and a consumer that awaits each message before it asks for the next.
 * @param {{BatchWebSocket: Function, WebSocket?: Function, base: string}} setting
 */
export async function awaited({BatchWebSocket, WebSocket, base}) {
  const frames = [], got = [];
  const socket = new BatchWebSocket(`${base}/ws/headers?a=1&b=%20+`, undefined, {WebSocket, onFrame: (size) => frames.push(size)});
  const {query} = JSON.parse((await next(socket, 'message')).data);
  const sent = Array.from({length: 100}, (_, number) => String(number));
  for (const message of sent) socket.send(message);
  while (got.length < sent.length) {
    got.push((await next(socket, 'message')).data);
    for (let hop = 0; hop < 5; ++hop) await null;
  }
  const closed = next(socket, 'close');
  socket.close();
  await closed;
  return {sent, got, frames, query, url: socket.url};
}

/** @returns {[string, unknown[]][]} events of every kind, an app's own `batch` among them */
function eventMixture() {
  const events = [];
  for (let number = 0; number < 100; ++number) {
    events.push(['quote', [{number, text: '],["\\'}]], ['note', [`text ${number}`]]);
    if (number % 9 === 0) events.push(['none', []], ['several', [number, 'x', null]]);
    if (number % 10 === 0) events.push(['bytes', [Uint8Array.of(1, 2, number).buffer]]);
    if (number % 20 === 0) events.push(['batch', [{type: 'batch', batch_size: 1, messages: [{event: 'a', data: 1}]}]]);
    if (number % 25 === 0) events.push(['batch', [number]], ['separator', ['\u001e']]);
  }
  return events;
}

async function comparableEvent([name, ...data]) {
  const isBytes = (one) => one instanceof ArrayBuffer || ArrayBuffer.isView(one);
  return JSON.stringify([name, ...await Promise.all(data.map((one) => (isBytes(one) ? readable(one) : one)))]);
}

/** Lets the backend emit the mixture, acknowledgements in between, and collects what catch-all listeners hear. */
async function repeat(socket, {sendsAcks}) {
  const sent = eventMixture(), heard = [], acks = [];
  let named = 0;
  socket.on('quote', () => ++named);
  socket.on('batch', () => ++named);
  const all = new Promise((resolve) => {
    socket.onAny((...event) => {
      if (['price_update', 'welcome'].includes(event[0])) return;
      if (event[0] === 'end') resolve();
      else heard.push(event);
    });
  });
  socket.emit('repeat', [...sent, ['end', []]]);
  if (sendsAcks) {
    for (let number = 0; number < 10; ++number) acks.push(socket.emitWithAck('echo', number));
  }
  await all;
  const seen = await Promise.all(heard.map(comparableEvent));
  return {sent: await Promise.all(sent.map(([name, data]) => comparableEvent([name, ...data]))), got: seen,
    acks: await Promise.all(acks), named};
}

function connected(socket) {
  return new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
}

/**
 * batchTransport, alone or after polling. `query`: of the page's own, which goes on every request.
 * @param {{io: Function, batchTransport: Function, WebSocketTransport: Function, PollingTransport: Function, base: string,
 *   pollingFirst: boolean, query?: object}} setting
 */
export async function transport({io, batchTransport, WebSocketTransport, PollingTransport, base, pollingFirst, query = {}}) {
  const frames = [];
  const ours = batchTransport(WebSocketTransport, {onFrame: (size) => frames.push(size)});
  const transports = pollingFirst ? [PollingTransport, ours] : [ours];
  const socket = io(base, {transports, query, forceNew: true, reconnection: false});
  const first = new Promise((resolve) => socket.io.once('open', () => resolve(socket.io.engine.transport.name)));
  const upgraded = new Promise((resolve) => {
    socket.io.once('open', () => (pollingFirst ? socket.io.engine.once('upgrade', resolve) : resolve()));
  });
  await connected(socket);
  await upgraded;
  const result = await repeat(socket, {sendsAcks: true});
  const names = [await first, socket.io.engine.transport.name];
  socket.disconnect();
  return {...result, frames, names};
}

/**
 * onBatch with the stock transports, in the main namespace or another.
 * @param {{io: Function, onBatch: Function, base: string, namespace: string, transports: string[]}} setting
 */
export async function events({io, onBatch, base, namespace, transports}) {
  const frames = [];
  const options = {transports, query: {sheaf: 'socketio-event'}, forceNew: true, reconnection: false};
  const socket = onBatch(io(base + namespace, options), {onFrame: (size) => frames.push(size)});
  const upgraded = new Promise((resolve) => {
    socket.io.once('open', () => (transports.length > 1 ? socket.io.engine.once('upgrade', resolve) : resolve()));
  });
  await connected(socket);
  await upgraded;
  const result = await repeat(socket, {sendsAcks: namespace === '/'});
  socket.disconnect();
  return {...result, frames};
}
