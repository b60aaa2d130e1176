// BatchWebSocket in the place of the global WebSocket, and where there is no WebSocket at all: a process of its own each, since
// what counts is the global at the moment when the module is loaded.

import assert from 'node:assert/strict';
import {execFile, execFileSync} from 'node:child_process';
import path from 'node:path';
import test from 'node:test';
import {promisify} from 'node:util';

import {copyOfPackage, jsonBatch, PACKAGE, require, serve} from './support.js';

const MODULE = JSON.stringify(path.join(PACKAGE, 'sheaf-batch.js'));
const WS = JSON.stringify(require.resolve('ws'));

/** The package once more, as a dependency may bring it along, with its CommonJS build. */
const COPY = copyOfPackage();
execFileSync(process.execPath, [path.join(COPY, 'make_cjs.js')]);

/** The switch of Node for a WebSocket of its own; before version 20.10 it had none, from 22 on it needs no switch. */
const CAN_HAVE_ONE = process.allowedNodeEnvironmentFlags.has('--experimental-websocket');

/** What brings a global WebSocket about before the module is loaded. */
const ORIGINS = {
  "Node's own WebSocket": {flags: ['--experimental-websocket'], before: '', skip: !CAN_HAVE_ONE && 'this Node has none'},
  'the package ws': {flags: [], before: `globalThis.WebSocket = require(${WS}).WebSocket;`},
};

/** Ways to put it there. */
const PLACES = {
  'the class': 'globalThis.WebSocket = BatchWebSocket;',
  'a class made from it': 'globalThis.WebSocket = class extends BatchWebSocket {};',
  'a function that makes one': 'globalThis.WebSocket = function (url, protocols) { return new BatchWebSocket(url, protocols); };',
  'the class of a CommonJS copy over it': `globalThis.WebSocket = BatchWebSocket;
    globalThis.WebSocket = require(${JSON.stringify(path.join(COPY, 'cjs/sheaf-batch.cjs'))}).BatchWebSocket;
    if (globalThis.WebSocket === BatchWebSocket) throw new Error('the same copy');`,
  'itself, handed in as the class to use': `globalThis.WebSocket = function (url) {
      return new BatchWebSocket(url, [], {WebSocket: BatchWebSocket});
    };`,
};

const COLLECT = `
  const got = [];
  const socket = new WebSocket(process.argv[1]);
  socket.onmessage = ({data}) => got.push(data);
  socket.onclose = ({code}) => console.log(JSON.stringify({got, code, isOurs: socket instanceof BatchWebSocket}));`;

/**
 * @param {string} text a module
 * @param {{flags?: string[], url?: string}} [setting]
 * @returns {Promise<string>} what it prints
 */
async function run(text, {flags = [], url = ''} = {}) {
  const before = `import {createRequire} from 'node:module'; const require = createRequire(${MODULE});\n`;
  const given = [...flags, '--input-type=module', '--no-warnings', '--eval', before + text, url];
  return (await promisify(execFile)(process.execPath, given, {timeout: 10_000})).stdout;
}

// One that looks like a batch comes in a batch of one: taken apart twice it would be lost.
const LOOK_ALIKE = jsonBatch(['2', '3']);
const WRAPPED = `{"type":"batch","batch_size":1,"text":${JSON.stringify(LOOK_ALIKE)}}`;

for (const [origin, {flags, before, skip}] of Object.entries(ORIGINS)) {
  for (const [place, put] of Object.entries(PLACES)) {
    test(`${place} in the place of ${origin} connects, and takes each frame apart once`, {skip}, async (context) => {
      const {url, requests} = await serve(context, (socket) => {
        socket.send(jsonBatch(['0', '1']));
        socket.send(WRAPPED);
        socket.close(4321);
      });
      const load = `const {BatchWebSocket} = await import(${MODULE});`;
      const seen = JSON.parse(await run([before, load, put, COLLECT].join('\n'), {flags, url}));
      assert.deepEqual(seen.got, ['0', '1', LOOK_ALIKE]);
      assert.equal(seen.code, 4321);
      assert.equal(seen.isOurs, place !== 'the class of a CommonJS copy over it');
      assert.deepEqual(requests, ['/?sheaf=json']);
    });
  }
}

test('it is an instance of WebSocket, and inherits nothing but that', {skip: ORIGINS["Node's own WebSocket"].skip}, async () => {
  const text = `
    const {inspect} = require('node:util');
    const Native = WebSocket;
    const {BatchWebSocket} = await import(${MODULE});
    const socket = new BatchWebSocket('ws://127.0.0.1:9');
    socket.onerror = () => {};
    const own = Object.getOwnPropertyNames(BatchWebSocket.prototype);
    const proxied = new Proxy(Native, {});
    console.log(JSON.stringify({
      isOne: [socket instanceof Native, socket instanceof proxied, socket instanceof EventTarget],
      inherited: Object.getOwnPropertyNames(Native.prototype).filter((name) => !own.includes(name)),
      shown: inspect(socket).includes('BatchWebSocket'),
    }));`;
  assert.deepEqual(JSON.parse(await run(text, {flags: ORIGINS["Node's own WebSocket"].flags})),
    {isOne: [true, true, true], inherited: [], shown: true});
});

/** A Node without WebSocket, whatever its version. */
const WITHOUT = CAN_HAVE_ONE ? {flags: ['--no-experimental-websocket']} : {};

test('where there is no WebSocket the module loads, and making one says what to do', async () => {
  const text = `
    const {BatchWebSocket, decodeFrame} = await import(${MODULE});
    const errors = [];
    const attempt = () => { try { new BatchWebSocket('ws://127.0.0.1:9'); } catch (error) { errors.push(error.name + ' ' + error.message); } };
    attempt();
    globalThis.WebSocket = BatchWebSocket;
    attempt();
    console.log(JSON.stringify({errors, messages: decodeFrame('json', 'a')}));`;
  const {errors, messages} = JSON.parse(await run(text, WITHOUT));
  assert.deepEqual(messages, ['a']);
  assert.equal(errors.length, 2);
  for (const error of errors) {
    assert.match(error, /^TypeError there is no global WebSocket .* new BatchWebSocket\(url, \[\], \{WebSocket: ws\}\)$/);
  }
});

test('a WebSocket that comes after the module has been loaded is used', async (context) => {
  const {url} = await serve(context, (socket) => {
    socket.send(jsonBatch(['0', '1']));
    socket.close();
  });
  const text = `
    const {BatchWebSocket} = await import(${MODULE});
    globalThis.WebSocket = require(${WS}).WebSocket;
    ${COLLECT.replace('new WebSocket', 'new BatchWebSocket')}`;
  assert.deepEqual(JSON.parse(await run(text, {...WITHOUT, url})).got, ['0', '1']);
});
