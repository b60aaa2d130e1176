// The package as npm packs it, installed into a fresh folder: what a project finds, be it of ES modules, of CommonJS, tested
// with Jest or written in TypeScript.

import assert from 'node:assert/strict';
import {execFile, execFileSync, spawnSync} from 'node:child_process';
import {readdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import * as sheafBatch from '../sheaf-batch.js';
import {copyOfPackage, jsonBatch, MODULES, require, serve, temporaryFolder} from './support.js';

const FOLDER = temporaryFolder('package');
const NAMES = Object.keys(sheafBatch).sort();

/** @returns {string} what the program prints; it runs in FOLDER */
const run = (program, ...given) => execFileSync(program, given, {cwd: FOLDER, encoding: 'utf8'});

/** Puts a file into FOLDER. */
const put = (name, text) => writeFileSync(path.join(FOLDER, name), text);

put('package.json', '{"private": true}');
run('npm', 'pack', '--silent', copyOfPackage());
run('npm', 'install', '--silent', '--offline', '--no-audit', '--no-fund', `./${readdirSync(FOLDER).find((name) => name.endsWith('.tgz'))}`);
const INSTALLED = path.join(FOLDER, 'node_modules/sheaf-batch');

test('every file that package.json names is in it, and no other', () => {
  const {files} = JSON.parse(readFileSync(path.join(INSTALLED, 'package.json'), 'utf8'));
  assert.deepEqual(readdirSync(INSTALLED).sort(), [...files, 'package.json'].sort());
  const modules = files.filter((name) => name.endsWith('.js')).map((name) => name.replace(/js$/, 'cjs'));
  assert.deepEqual(readdirSync(path.join(INSTALLED, 'cjs')).sort(), [...modules, 'sheaf-batch.d.cts'].sort());
});

test('import and require find the same names', () => {
  put('names.mjs', "console.log(JSON.stringify(Object.keys(await import('sheaf-batch'))))");
  put('names.cjs', "console.log(JSON.stringify(Object.keys(require('sheaf-batch'))))");
  for (const script of ['names.mjs', 'names.cjs']) {
    assert.deepEqual(JSON.parse(run(process.execPath, script)).sort(), NAMES, script);
  }
});

const JEST_TEST = `
const {BatchWebSocket, decodeFrame} = require('sheaf-batch');

test('what require() gives decodes', () => {
  expect(decodeFrame('json', '${jsonBatch(['1', '[2]'])}')).toEqual(['1', '[2]']);
});

test('a BatchWebSocket in the place of WebSocket gives one event a message', async () => {
  const own = globalThis.WebSocket;
  globalThis.WebSocket = class extends BatchWebSocket {
    constructor(url) { super(url, [], {WebSocket: own ?? require(process.env.WS)}); }
  };
  const got = [];
  const socket = new WebSocket(process.env.SERVER);
  socket.onmessage = ({data}) => got.push(data);
  const code = await new Promise((resolve) => { socket.onclose = (event) => resolve(event.code); });
  expect([got, code]).toEqual([['1', '2', 'plain', '3'], 4321]);
});`;

/**
 * Runs Jest in FOLDER, while this process goes on as the server.
 * @param {Record<string, string>} variables
 * @returns {Promise<string>} all that Jest prints
 */
function runJest(variables) {
  const given = [path.join(MODULES, 'jest/bin/jest.js'), '--ci', '--runInBand'];
  const options = {cwd: FOLDER, env: {...process.env, ...variables}, timeout: 60_000};
  return new Promise((resolve) => {
    execFile(process.execPath, given, options, (error, stdout, stderr) => resolve(`${stdout}${stderr}${error ?? ''}`));
  });
}

for (const environment of ['node', 'jsdom']) {
  test(`Jest runs tests that require it (${environment})`, async (context) => {
    const {url} = await serve(context, (socket) => {
      socket.send(jsonBatch(['1', '2']));
      socket.send('plain');
      socket.send(jsonBatch(['3']));
      socket.close(4321);
    });
    put('sheaf.test.js', JEST_TEST);
    const testEnvironment = require.resolve(`jest-environment-${environment}`);
    put('jest.config.json', JSON.stringify({testEnvironment, transform: {}, watchman: false}));
    const output = await runJest({SERVER: url, WS: require.resolve('ws')});
    assert.match(output, /^Tests: +2 passed, 2 total$/m, output);
  });
}

const USE = `import {BatchWebSocket, decodeFrame} from 'sheaf-batch';
const messages: string[] = decodeFrame('json', '');
const socket: WebSocket = new BatchWebSocket('ws://a');
socket.onmessage = ({data}) => messages.push(data);
`;

// A resolution names what of the package a file of each kind finds: `.mts` the ES modules, `.cts` the CommonJS build.
const RESOLUTIONS = {
  node16: {module: 'node16', files: ['use.mts', 'use.cts']},
  nodenext: {module: 'nodenext', files: ['use.mts', 'use.cts']},
  bundler: {module: 'esnext', moduleResolution: 'bundler', files: ['use.ts']},
};

for (const compiler of ['typescript-5.4', 'typescript-7.0']) {
  for (const [resolution, {files, ...options}] of Object.entries(RESOLUTIONS)) {
    test(`${compiler} finds the types by the resolution ${resolution}`, () => {
      for (const file of files) put(file, USE);
      const compilerOptions = {strict: true, skipLibCheck: false, noEmit: true, target: 'es2022', types: [], ...options};
      put('tsconfig.json', JSON.stringify({compilerOptions, files}));
      const tsc = spawnSync(process.execPath, [path.join(MODULES, compiler, 'bin/tsc'), '--listFiles'], {cwd: FOLDER, encoding: 'utf8'});
      assert.equal(tsc.status, 0, tsc.stdout);
      const found = tsc.stdout.split('\n').filter((name) => name.includes('sheaf-batch/')).map((name) => path.extname(name).trim());
      assert.deepEqual(found.sort(), files.length === 2 ? ['.cts', '.ts'] : ['.ts']);
    });
  }
}
