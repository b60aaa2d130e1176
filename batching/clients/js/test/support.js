// What the tests share: the pinned packages of tests/clients, the golden vectors, a seeded random source, servers.

import {execFileSync} from 'node:child_process';
import {once} from 'node:events';
import {cpSync, mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {after} from 'node:test';
import {fileURLToPath} from 'node:url';

export const ROOT = path.resolve(fileURLToPath(import.meta.url), '../../../../..');
export const MODULES = process.env.SHEAF_NODE_MODULES ?? path.join(ROOT, 'build/clients/node_modules');

/** The package under test, as it is in the tree. */
export const PACKAGE = path.join(ROOT, 'batching/clients/js');

/** require() for the packages that tests/install.sh puts into build/clients. */
export const require = createRequire(path.join(MODULES, '../index.js'));

/**
 * @param {string} name a part of the folder's name
 * @returns {string} a new folder, removed when the test file is through
 */
export function temporaryFolder(name) {
  const folder = mkdtempSync(path.join(tmpdir(), `sheaf-${name}-`));
  after(() => rmSync(folder, {recursive: true}));
  return folder;
}

/**
 * @returns {string} a copy of the package's folder without what is made from it, so that making it leaves the tree alone
 */
export function copyOfPackage() {
  const folder = temporaryFolder('copy');
  cpSync(PACKAGE, folder, {recursive: true, filter: (name) => !['test', 'cjs'].includes(path.relative(PACKAGE, name))});
  return folder;
}

/**
 * @param {string | (string | [string, number])[]} data as tests/vectors/README.md describes it
 * @returns {string}
 */
function joined(data) {
  if (typeof data === 'string') return data;
  return data.map((part) => (typeof part === 'string' ? part : part[0].repeat(part[1]))).join('');
}

/**
 * @param {{type: string, data: unknown}} one a message or a frame of a vector
 * @returns {string | ArrayBuffer}
 */
export function valueOf({type, data}) {
  return type === 'text' ? joined(data) : Uint8Array.from(Buffer.from(joined(data), 'hex')).buffer;
}

/**
 * @param {string} envelope
 * @returns {{encode: object[], decode: object[]}} the golden vectors
 */
export function vectorsOf(envelope) {
  return JSON.parse(readFileSync(path.join(ROOT, 'tests/vectors/envelopes.json'), 'utf8'))[envelope];
}

/**
 * What Sheaf's encoders make of random sequences (tests/unit/batching/envelope_corpus.cc).
 * @param {number} sequences of each envelope
 * @returns {{envelope: string, messages: string[], canonical: string[], frames: string[]}[]}
 */
export function corpus(sequences) {
  const program = process.env.SHEAF_CORPUS ?? path.join(ROOT, 'build/release/tests/envelope_corpus');
  const lines = execFileSync(program, [String(sequences)], {encoding: 'utf8', maxBuffer: 1 << 28});
  return lines.trim().split('\n').map((line) => JSON.parse(line));
}

/**
 * @param {string} piece a message or a frame of the corpus
 * @returns {string | ArrayBuffer}
 */
export function pieceOf(piece) {
  const bytes = Uint8Array.from(Buffer.from(piece.slice(1), 'hex'));
  return piece[0] === 't' ? Buffer.from(bytes).toString('utf8') : bytes.buffer;
}

/**
 * Texts as they are, bytes as hexadecimal digits, so that a difference is readable.
 * @param {(string | ArrayBuffer | ArrayBufferView)[]} messages
 * @returns {object[]}
 */
export function readable(messages) {
  return messages.map((one) => (typeof one === 'string' ? {text: one} : {bytes: Buffer.from(one).toString('hex')}));
}

/** Random numbers that a seed repeats (a linear congruential generator: good enough to choose cases). */
export class Random {
  /** @param {number} seed */
  constructor(seed) {
    this.state = seed >>> 0;
  }

  /**
   * @param {number} limit
   * @returns {number} 0 to limit - 1
   */
  below(limit) {
    this.state = (Math.imul(this.state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.state / 2 ** 32) * limit);
  }

  /**
   * @template T
   * @param {T[]} list
   * @returns {T}
   */
  pick(list) {
    return list[this.below(list.length)];
  }

  /**
   * @template T
   * @param {number} most
   * @param {() => T} make
   * @returns {T[]} up to `most` of what `make` gives
   */
  some(most, make) {
    return Array.from({length: this.below(most + 1)}, make);
  }
}

/**
 * A WebSocket server on a free port, closed when the test ends.
 * @param {import('node:test').TestContext} test
 * @param {(socket: object, request: object) => void} onConnection
 * @param {object} [options] of WebSocketServer
 * @returns {Promise<{port: number, url: string, requests: string[]}>} `requests`: the request targets, in order
 */
export async function serve(test, onConnection, options = {}) {
  const {WebSocketServer} = require('ws');
  const server = new WebSocketServer({port: 0, host: '127.0.0.1', ...options});
  const requests = [];
  server.on('connection', (socket, request) => {
    requests.push(request.url);
    onConnection(socket, request);
  });
  await once(server, 'listening');
  test.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  const {port} = server.address();
  return {port, url: `ws://127.0.0.1:${port}`, requests};
}

/**
 * @param {(string | Uint8Array)[]} messages
 * @returns {Buffer} a `binary` envelope
 */
export function binaryBatch(messages) {
  const records = messages.map((one) => {
    const payload = Buffer.from(one);
    const head = Buffer.alloc(4);
    head.writeUInt32BE((typeof one === 'string' ? 0 : 0x80000000) + payload.length);
    return Buffer.concat([head, payload]);
  });
  return Buffer.concat([Buffer.from('SHF\u0001', 'latin1'), ...records]);
}

/**
 * @param {string[]} messages JSON texts
 * @returns {string} a `json` envelope
 */
export function jsonBatch(messages) {
  return `{"type":"batch","batch_size":${messages.length},"messages":[${messages.join(',')}]}`;
}

/**
 * The errors that nobody catches from now on, as a page would find them in its console.
 * @param {import('node:test').TestContext} test
 * @returns {string[]} messages, filled as they come
 */
export function uncaughtErrors(test) {
  const before = process.listeners('uncaughtException');
  const messages = [];
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => messages.push(error.message));
  test.after(() => {
    process.removeAllListeners('uncaughtException');
    before.forEach((listener) => process.on('uncaughtException', listener));
  });
  return messages;
}
