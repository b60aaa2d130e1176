// batchTransport and onBatch with the real socket.io-client, against a server that speaks just enough Socket.IO.

import assert from 'node:assert/strict';
import test from 'node:test';

import {batchTransport, onBatch} from '../sheaf-batch.js';
import {require, serve, uncaughtErrors, valueOf, vectorsOf} from './support.js';

const {io, Manager} = require('socket.io-client');
// The CommonJS build of socket.io-client exports no transports: README.md.
const {NodeWebSocket} = require('engine.io-client');
const {Decoder} = require('socket.io-parser');

/** Opens a session for whoever connects, then sends `frames` once the client has joined the namespace. */
function speakSocketIo(frames) {
  return (socket) => {
    socket.send('0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}');
    socket.on('message', (data) => {
      const text = data.toString();
      if (!text.startsWith('40')) return;
      const namespace = text.slice(2).replace(/\{.*/, '');
      socket.send(`40${namespace}{"sid":"s"}`);
      for (const frame of frames) socket.send(frame);
    });
  };
}

/** A client through `transport`, closed when the test ends. */
function connect(test, url, options) {
  const socket = io(url.replace('ws:', 'http:'), {reconnection: false, forceNew: true, ...options});
  test.after(() => socket.disconnect());
  return socket;
}

/** Everything that comes, until an event `end`. */
async function untilEnd(socket) {
  const events = [];
  socket.onAny((...event) => events.push(event));
  await new Promise((resolve) => socket.on('end', resolve));
  return events;
}

test('the transport splits frames, asks for them by itself, and tells their sizes', {timeout: 10_000}, async (context) => {
  const {url, requests} = await serve(context, speakSocketIo([
    '42["a",1]\u001e42["b",{"x":[1]},2]\u001e42["c"]', '451-["bytes",{"_placeholder":true,"num":0}]', Buffer.of(1, 30, 2),
    '42["d"]\u001e42["end"]',
  ]));
  const sizes = [];
  const transport = batchTransport(NodeWebSocket, {onFrame: (packets) => sizes.push(packets)});
  const socket = connect(context, url, {transports: [transport], query: {token: 't'}});
  const events = await untilEnd(socket);
  assert.deepEqual(events, [['a', 1], ['b', {x: [1]}, 2], ['c'], ['bytes', Buffer.of(1, 30, 2)], ['d'], ['end']]);
  assert.deepEqual(sizes, [1, 1, 3, 1, 1, 2]);
  const query = new URLSearchParams(requests[0].split('?')[1]);
  assert.deepEqual([query.get('sheaf'), query.get('token'), query.get('transport'), query.get('EIO')],
    ['engineio', 't', 'websocket', '4']);
});

test('an exception in a listener does not keep back the packets after it', {timeout: 10_000}, async (context) => {
  const {url} = await serve(context, speakSocketIo(['42["a"]\u001e42["b"]\u001e42["end"]']));
  const errors = uncaughtErrors(context);
  const socket = connect(context, url, {transports: [batchTransport(NodeWebSocket)]});
  socket.on('a', () => { throw new Error('on a'); });
  assert.deepEqual(await untilEnd(socket), [['a'], ['b'], ['end']]);
  assert.deepEqual(errors, ['on a']);
  assert(socket.connected);
});

test('the transport gives each golden frame to the stock transport packet by packet', () => {
  let seen = [];
  class Stock {
    onData(data) { seen.push(data); }
  }
  const transport = new (batchTransport(Stock))({query: {}});
  for (const {name, messages, frames} of vectorsOf('engineio').encode) {
    seen = [];
    for (const frame of frames) transport.onData(valueOf(frame));
    assert.deepEqual(seen, messages.map(valueOf), name);
  }
});

test('a class that is no transport is refused', () => {
  assert.throws(() => batchTransport(class {}), TypeError);
  assert.throws(() => batchTransport('websocket'), TypeError);
});

/**
 * What the listeners of a stock client get when `frames` come, one socket for each namespace.
 * @param {(string | ArrayBuffer)[]} frames as they come from the wire
 * @param {(socket: object) => void} prepare is called with each socket
 * @returns {object[]} what each catch-all and each named listener got, in order
 */
function heard(frames, prepare) {
  const manager = new Manager('http://127.0.0.1', {autoConnect: false});
  const sockets = new Map();
  const events = [];
  const socketOf = (namespace) => {
    if (sockets.has(namespace)) return sockets.get(namespace);
    const socket = manager.socket(namespace);
    socket.connected = true;
    prepare(socket);
    socket.onAny((...event) => events.push(['any', namespace, ...event]));
    socket.on('batch', (...data) => events.push(['batch', namespace, ...data]));
    socket.once('a', (...data) => events.push(['once', namespace, ...data]));
    sockets.set(namespace, socket);
    return socket;
  };
  const decoder = new Decoder();
  decoder.on('decoded', (packet) => {
    // An event; older clients keep the type of a binary one.
    if (packet.type !== 2 && packet.type !== 5) events.push(packet);
    else socketOf(packet.nsp).onpacket(packet);
  });
  for (const frame of frames) {
    try {
      // An empty frame is an Engine.IO error, and so are the packets that are no messages: not what this is about.
      if (typeof frame !== 'string') decoder.add(Buffer.from(frame));
      else if (frame.startsWith('4')) decoder.add(frame.slice(1));
    } catch (error) {
      events.push(error.message);
    }
  }
  // An acknowledgement is a function, another one each time.
  return events.map((event) => (Array.isArray(event) ? event.map((one) => (typeof one === 'function' ? 'ack' : one)) : event));
}

for (const {name, messages, frames} of vectorsOf('socketio-event').encode) {
  test(`onBatch: ${name}`, () => {
    const alone = heard(messages.map(valueOf), () => {});
    assert.deepEqual(heard(frames.map(valueOf), (socket) => onBatch(socket)), alone);
  });
}

for (const {name, messages, frame} of vectorsOf('socketio-event').decode) {
  test(`onBatch, decoding: ${name}`, () => {
    assert.deepEqual(heard([valueOf(frame)], (socket) => onBatch(socket)), heard(messages.map(valueOf), () => {}));
  });
}

test('onBatch twice is onBatch once: an event of the app that looks like an envelope is not unwrapped again', () => {
  const look = vectorsOf('socketio-event').encode.find(({name}) => name === 'a look-alike alone');
  const twice = heard(look.frames.map(valueOf), (socket) => onBatch(onBatch(socket)));
  assert.deepEqual(twice, heard(look.messages.map(valueOf), () => {}));
});

test('a member that is no entry leaves the event to the app', () => {
  const frame = '42["batch",{"type":"batch","batch_size":2,"messages":[{"event":"a","data":1},{"event":"b"}]}]';
  assert.deepEqual(heard([frame], (socket) => onBatch(socket)), heard([frame], () => {}));
});

test('onBatch over the wire: order, buffered events, exceptions, sizes', {timeout: 10_000}, async (context) => {
  const batch = (...events) => `42/n,["batch",{"type":"batch","batch_size":${events.length},"messages":[${
    events.map((event) => `{"event":"${event}","data":"${event}!"}`)}]}]`;
  const {url} = await serve(context, speakSocketIo([batch('a', 'b', 'c'), '42/n,["d"]', batch('e', 'end')]));
  const errors = uncaughtErrors(context);
  const sizes = [];
  const socket = onBatch(connect(context, `${url}/n`, {transports: ['websocket'], query: {sheaf: 'socketio-event'}}),
    {onFrame: (events) => sizes.push(events)});
  socket.on('b', () => { throw new Error('on b'); });
  const events = await untilEnd(socket);
  assert.deepEqual(events, [['a', 'a!'], ['b', 'b!'], ['c', 'c!'], ['d'], ['e', 'e!'], ['end', 'end!']]);
  await new Promise(setImmediate);
  assert.deepEqual([sizes, errors], [[3, 1, 2], ['on b']]);
});

test('what is no socket is refused', () => {
  assert.throws(() => onBatch({}), TypeError);
});
