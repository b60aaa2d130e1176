// BatchWebSocket against a real server: what a page sees is what it would see of a WebSocket that got plain frames.

import assert from 'node:assert/strict';
import {once} from 'node:events';
import {createServer} from 'node:http';
import test from 'node:test';
import {setTimeout as sleep} from 'node:timers/promises';

import {BatchWebSocket} from '../sheaf-batch.js';
import {binaryBatch, jsonBatch, require, serve, uncaughtErrors} from './support.js';

const {WebSocket: Ws} = require('ws');
const IMPLEMENTATIONS = {'the package ws': Ws, "Node's own WebSocket": globalThis.WebSocket};

/** Runs one test with each implementation of WebSocket that this Node has. */
function testWithEach(name, run) {
  for (const [label, WebSocket] of Object.entries(IMPLEMENTATIONS)) {
    const skip = WebSocket ? false : 'this Node has no WebSocket of its own';
    test(`${name} (${label})`, {timeout: 10_000, skip}, (context) => run(context, (url, options = {}, protocols = undefined) => {
      const socket = new BatchWebSocket(url, protocols, {WebSocket, ...options});
      context.after(() => socket.close());
      return socket;
    }, label));
  }
}

/** Collects what a socket delivers until its close event. */
async function untilClosed(socket) {
  const messages = [];
  socket.addEventListener('message', ({data}) => messages.push(data));
  const [closed] = await once(socket, 'close');
  return {messages, code: closed.code, reason: closed.reason};
}

testWithEach('one event a message, in order, then the close', async (context, connect) => {
  const {url} = await serve(context, (socket) => {
    socket.send(jsonBatch(['1', ' {"a":[2,","]}', '3']));
    socket.send('plain');
    socket.send(jsonBatch(['4', '5']));
    socket.close(4567, 'done');
  });
  const socket = connect(url);
  const states = [];
  socket.onmessage = () => states.push(socket.readyState);
  const {messages, code, reason} = await untilClosed(socket);
  assert.deepEqual(messages, ['1', ' {"a":[2,","]}', '3', 'plain', '4', '5']);
  assert.deepEqual([code, reason, socket.readyState], [4567, 'done', BatchWebSocket.CLOSED]);
  assert.deepEqual(states, Array(6).fill(BatchWebSocket.OPEN), 'OPEN until the last message is delivered');
});

testWithEach('texts and binary messages have the right types, blobs included, and keep their order', async (context, connect) => {
  const frame = binaryBatch(['first', Uint8Array.of(0, 255), '', new Uint8Array(0), 'last']);
  const {url} = await serve(context, (socket) => {
    socket.send(frame);
    socket.send(Uint8Array.of(7));
    socket.send(frame);
    socket.close(1000);
  });
  for (const [binaryType, Type] of [['blob', Blob], ['arraybuffer', ArrayBuffer]]) {
    const socket = connect(url, {envelope: 'binary'});
    assert.equal(socket.binaryType, 'blob', 'the default of WebSocket');
    socket.binaryType = binaryType;
    const {messages} = await untilClosed(socket);
    assert.deepEqual(messages.map((one) => (one instanceof Type ? Type : typeof one)),
      ['string', Type, 'string', Type, 'string', Type, 'string', Type, 'string', Type, 'string']);
    const bytes = [];
    for (const one of messages) bytes.push(typeof one === 'string' ? one : [...new Uint8Array(await new Response(one).arrayBuffer())]);
    const batch = ['first', [0, 255], '', [], 'last'];
    assert.deepEqual(bytes, [...batch, [7], ...batch]);
  }
});

testWithEach('binaryType may change between two messages of a frame', async (context, connect) => {
  const {url} = await serve(context, (socket) => {
    socket.send(binaryBatch([Uint8Array.of(1), Uint8Array.of(2)]));
    socket.close();
  });
  const socket = connect(url, {envelope: 'binary'});
  socket.onmessage = () => { socket.binaryType = 'arraybuffer'; };
  const {messages} = await untilClosed(socket);
  assert(messages[0] instanceof Blob && messages[1] instanceof ArrayBuffer);
  socket.binaryType = 'nodebuffer';
  assert.equal(socket.binaryType, 'arraybuffer', 'WebSocket ignores what it does not know');
});

testWithEach('the query asks for the envelope and is else as it was', async (context, connect) => {
  const {port, url, requests} = await serve(context, (socket) => socket.close());
  const addresses = {
    '': '/?sheaf=json',
    '/?': '/?sheaf=json',
    '/a/b?x=1&y=%20+&x=2&': '/a/b?x=1&y=%20+&x=2&&sheaf=json',
    '/?sheaf=binary&x=1&sheaf&sheaves=2': '/?x=1&sheaves=2&sheaf=json',
  };
  for (const path of Object.keys(addresses)) {
    const socket = connect(url + path);
    assert.equal(socket.url, new URL(url + path).href, 'the url attribute tells what the page has given');
    await once(socket, 'close');
  }
  assert.deepEqual(requests, Object.values(addresses));
  await once(connect(new URL(`http://127.0.0.1:${port}/h`), {envelope: 'binary'}), 'close');
  assert.equal(requests.at(-1), '/h?sheaf=binary');
});

testWithEach('an address that asks for an envelope of Socket.IO is left to whoever asked, unless told otherwise', async (context, connect) => {
  const frames = ['42["a",1]\u001e42["b",2]', '42["batch",{"type":"batch","batch_size":1,"messages":[{"event":"a","data":1}]}]'];
  const {url, requests} = await serve(context, (socket) => {
    for (const frame of frames) socket.send(frame);
    socket.close();
  });
  for (const envelope of ['engineio', 'socketio-event']) {
    const counts = [];
    const {messages} = await untilClosed(connect(`${url}/?sheaf=${envelope}&b=%20+`, {onFrame: (count) => counts.push(count)}));
    assert.deepEqual(messages, frames);
    assert.deepEqual(counts, [1, 1]);
    assert.equal(requests.at(-1), `/?sheaf=${envelope}&b=%20+`);
  }
  const {messages} = await untilClosed(connect(`${url}/?sheaf=socketio-event`, {envelope: 'engineio'}));
  assert.deepEqual(messages, ['42["a",1]', '42["b",2]', frames[1]]);
  assert.equal(requests.at(-1), '/?sheaf=engineio');
});

testWithEach('what a handler awaits goes on before the next message of the frame', async (context, connect) => {
  const texts = Array.from({length: 20}, (_, number) => String(number));
  const {url} = await serve(context, (socket) => socket.send(jsonBatch(texts)));
  const socket = connect(url);
  const next = () => new Promise((resolve) => {
    socket.addEventListener('message', (event) => resolve(event.data), {once: true});
  });
  const seen = [];
  while (seen.length < texts.length) {
    seen.push(await next());
    for (let hop = 0; hop < 10; ++hop) await null;
  }
  assert.deepEqual(seen, texts);
});

testWithEach('an exception in a listener stops neither the other listeners nor the next messages', async (context, connect) => {
  const errors = uncaughtErrors(context);
  const {url} = await serve(context, (socket) => {
    socket.send(jsonBatch(['1', '2', '3']));
    socket.close();
  });
  const socket = connect(url);
  socket.onmessage = ({data}) => { throw new Error(`on ${data}`); };
  const {messages} = await untilClosed(socket);
  assert.deepEqual(messages, ['1', '2', '3']);
  await sleep(1);
  assert.deepEqual(errors, ['on 1', 'on 2', 'on 3'], 'they are reported, each once');
});

testWithEach('after close() in a handler no message comes any more', async (context, connect) => {
  const closes = [];
  const {url} = await serve(context, (socket) => {
    socket.send(jsonBatch(['1', '2', '3']));
    socket.send('4');
    closes.push(once(socket, 'close'));
  });
  const socket = connect(url);
  socket.onmessage = ({data}) => {
    if (data !== '2') return;
    socket.close(4001, 'enough');
    assert.equal(socket.readyState, BatchWebSocket.CLOSING);
  };
  const {messages, code} = await untilClosed(socket);
  assert.deepEqual(messages, ['1', '2']);
  assert.equal(code, 4001);
  const [[serverCode, reason]] = await Promise.all(closes);
  assert.deepEqual([serverCode, reason.toString()], [4001, 'enough']);
});

testWithEach('close() while the server has closed already: the waiting messages are dropped, its close comes', async (context, connect) => {
  const {url} = await serve(context, (socket) => {
    socket.send(jsonBatch(Array.from({length: 1000}, () => '1')));
    socket.close(4002, 'server');
  });
  const socket = connect(url);
  let count = 0;
  socket.onmessage = () => {
    if (++count === 900) socket.close(4003);
  };
  const {code} = await untilClosed(socket);
  assert.equal(count, 900);
  // Node's own WebSocket answers the server's Close in the order of arrival: either side may be first.
  assert([4002, 4003].includes(code), `code ${code}`);
});

testWithEach('a broken binary envelope ends the connection with 4002, after what came before', async (context, connect) => {
  const closes = [];
  const {url} = await serve(context, (socket) => {
    socket.send(binaryBatch(['1', '2']));
    socket.send(binaryBatch(['3']).subarray(0, -1));
    socket.send('4');
    closes.push(once(socket, 'close'));
  });
  const socket = connect(url, {envelope: 'binary'});
  const errors = [];
  socket.onerror = (event) => errors.push([event.type, socket.readyState]);
  const {messages, code} = await untilClosed(socket);
  assert.deepEqual(messages, ['1', '2']);
  assert.deepEqual(errors, [['error', BatchWebSocket.CLOSING]]);
  assert.equal(code, 4002);
  assert.equal((await closes[0])[0], 4002, 'the server is told');
});

testWithEach('an attribute handler keeps its place while it is replaced, and loses it when it is taken away', async (context, connect) => {
  const {url} = await serve(context, (socket) => socket.send('x'));
  const socket = connect(url);
  const seen = [];
  assert.deepEqual([socket.onopen, socket.onmessage, socket.onerror, socket.onclose], [null, null, null, null]);
  socket.onmessage = () => seen.push('never');
  socket.addEventListener('message', () => seen.push('listener'));
  const replaced = function replaced(event) {
    seen.push(['attribute', this === socket, event.currentTarget === socket, event.target === socket]);
  };
  socket.onmessage = replaced;
  assert.equal(socket.onmessage, replaced);
  const onOpen = () => seen.push('first taken away');
  socket.onopen = onOpen;
  socket.addEventListener('open', () => seen.push('open listener'));
  socket.onopen = null;
  socket.onopen = () => seen.push('open attribute');
  socket.onclose = 'no function';
  assert.equal(socket.onclose, null);
  await once(socket, 'message');
  assert.deepEqual(seen, ['open listener', 'open attribute', ['attribute', true, true, true], 'listener']);
});

testWithEach('listeners: once, objects with handleEvent, AbortSignal, removal', async (context, connect) => {
  const {url} = await serve(context, (socket) => {
    socket.send(jsonBatch(['1', '2', '3']));
    socket.close();
  });
  const socket = connect(url);
  const seen = [];
  const controller = new AbortController();
  const removed = () => seen.push('removed');
  const object = {handleEvent({data}) { seen.push(['object', this === object, data]); }};
  socket.addEventListener('message', ({data}) => seen.push(['once', data]), {once: true});
  socket.addEventListener('message', object);
  socket.addEventListener('message', object);
  socket.addEventListener('message', removed);
  socket.removeEventListener('message', removed);
  socket.addEventListener('message', ({data}) => {
    seen.push(['signal', data]);
    if (data === '2') controller.abort();
  }, {signal: controller.signal});
  await once(socket, 'close');
  assert.deepEqual(seen, [['once', '1'], ['object', true, '1'], ['signal', '1'], ['object', true, '2'], ['signal', '2'],
    ['object', true, '3']]);
});

testWithEach('a message event has the data, the origin of the server and its type', async (context, connect) => {
  const {url} = await serve(context, (socket) => socket.send(jsonBatch(['1', '2'])));
  const socket = connect(`${url}/path?query`);
  const events = [];
  await new Promise((resolve) => {
    socket.onmessage = (event) => {
      events.push(event);
      if (events.length === 2) resolve();
    };
  });
  for (const event of events) {
    assert(event instanceof MessageEvent);
    assert.deepEqual([event.type, event.origin, event.bubbles, event.cancelable], ['message', url, false, false]);
  }
});

testWithEach('protocol, send and the constants are those of a WebSocket', async (context, connect) => {
  const {url} = await serve(context, (socket) => socket.on('message', (data, isBinary) => socket.send(data, {binary: isBinary})),
    {handleProtocols: () => 'chat.v2'});
  const socket = connect(url, {}, ['chat.v1', 'chat.v2']);
  assert(socket instanceof EventTarget);
  assert.equal(socket.readyState, BatchWebSocket.CONNECTING);
  assert.throws(() => socket.send('too early'));
  await once(socket, 'open');
  assert.deepEqual([socket.readyState, socket.protocol, socket.extensions], [BatchWebSocket.OPEN, 'chat.v2', '']);
  assert.deepEqual(['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'].map((name) => [BatchWebSocket[name], socket[name]]),
    [[0, 0], [1, 1], [2, 2], [3, 3]]);
  const answer = once(socket, 'message');
  socket.send('héllo');
  assert.equal((await answer)[0].data, 'héllo');
  assert.equal(typeof socket.bufferedAmount, 'number');
  assert.throws(() => socket.close(99));
  assert.equal(socket.readyState, BatchWebSocket.OPEN, 'a refused close() has closed nothing');
});

testWithEach('a handshake that is refused gives error, then close with 1006', async (context, connect, label) => {
  const server = createServer((_, response) => response.writeHead(404).end()).listen(0, '127.0.0.1');
  context.after(() => server.close());
  await once(server, 'listening');
  const socket = connect(`ws://127.0.0.1:${server.address().port}`);
  const closed = once(socket, 'close');
  await new Promise((resolve) => { socket.onerror = resolve; });
  // Node's own, up to version 22 at least, fires no close event here.
  if (label !== 'the package ws') return;
  assert.equal((await closed)[0].code, 1006);
  assert.equal(socket.readyState, BatchWebSocket.CLOSED);
});

testWithEach('onFrame is told how many messages each frame had', async (context, connect) => {
  const {url} = await serve(context, (socket) => {
    socket.send(jsonBatch(['1', '2', '3']));
    socket.send('plain');
    socket.close();
  });
  const counts = [];
  await once(connect(url, {onFrame: (count) => counts.push(count)}), 'close');
  assert.deepEqual(counts, [3, 1]);
});

testWithEach('addresses that WebSocket refuses are refused alike', (_, connect) => {
  for (const address of ['not a url', 'ftp://127.0.0.1/', 'ws://127.0.0.1/#fragment']) {
    assert.throws(() => connect(address), {name: 'SyntaxError'}, address);
  }
  assert.throws(() => connect('ws://127.0.0.1:9', {envelope: 'jsn'}), /no envelope is named jsn/);
});
