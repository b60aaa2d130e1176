// The package as npm packs it: a project that has installed it can import it, and finds the types.

import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test from 'node:test';

import * as sheafBatch from '../sheaf-batch.js';
import {require, ROOT} from './support.js';

const USE = `import {BatchWebSocket, decodeFrame} from 'sheaf-batch';
const messages: string[] = decodeFrame('json', '');
const socket = new BatchWebSocket('ws://a');
socket.onmessage = ({data}) => messages.push(data);
`;

test('what npm packs can be imported from another project', (context) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'sheaf-package-'));
  context.after(() => rmSync(folder, {recursive: true}));
  const run = (program, ...given) => execFileSync(program, given, {cwd: folder, encoding: 'utf8'});
  run('npm', 'pack', '--silent', path.join(ROOT, 'batching/clients/js'));
  const installed = path.join(folder, 'node_modules/sheaf-batch');
  mkdirSync(installed, {recursive: true});
  run('tar', 'xzf', readdirSync(folder).find((name) => name.endsWith('.tgz')), '-C', installed, '--strip-components=1');

  writeFileSync(path.join(folder, 'names.mjs'), "console.log(JSON.stringify(Object.keys(await import('sheaf-batch'))))");
  assert.deepEqual(JSON.parse(run(process.execPath, 'names.mjs')).sort(), Object.keys(sheafBatch).sort());

  writeFileSync(path.join(folder, 'use.mts'), USE);
  const tsc = [require.resolve('typescript/bin/tsc'), '--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext'];
  assert.equal(run(process.execPath, ...tsc, '--lib', 'es2022,dom', 'use.mts'), '');
});
