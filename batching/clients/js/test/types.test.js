// The declarations say what the module does: a page written against them compiles, and wrong uses do not.

import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import test from 'node:test';

import * as sheafBatch from '../sheaf-batch.js';
import {MODULES, PACKAGE, require, temporaryFolder} from './support.js';

/** The oldest and the newest that are promised, the one before the newest, and those in between that changed lib.dom most. */
const COMPILERS = ['typescript-5.4', 'typescript-5.7', 'typescript', 'typescript-6.0', 'typescript-7.0'];

/** The files that are compiled: uses.ts, and the recipes of README.md that are whole modules. */
const FOLDER = temporaryFolder('types');
const FILES = [path.join(PACKAGE, 'test/types/uses.ts')];
for (const [, text] of readFileSync(path.join(PACKAGE, 'README.md'), 'utf8').matchAll(/^```[jt]s\n(.*?)^```$/gms)) {
  FILES.push(path.join(FOLDER, `recipe${FILES.length}.ts`));
  writeFileSync(FILES.at(-1), text);
}

for (const compiler of COMPILERS) {
  const {version} = require(`${compiler}/package.json`);
  test(`uses.ts and the recipes compile, strictly (TypeScript ${version})`, () => {
    const compilerOptions = {
      strict: true, exactOptionalPropertyTypes: true, noImplicitOverride: true, skipLibCheck: false, noEmit: true,
      target: 'es2022', module: 'esnext', moduleResolution: 'bundler', types: [], lib: ['es2022', 'dom', 'dom.iterable'],
      paths: {
        'sheaf-batch': [path.join(PACKAGE, 'sheaf-batch.d.ts')],
        react: [path.join(MODULES, '@types/react')],
        '*': [path.join(MODULES, '*')],
      },
    };
    const project = path.join(FOLDER, 'tsconfig.json');
    writeFileSync(project, JSON.stringify({compilerOptions, files: FILES}));
    const tsc = spawnSync(process.execPath, [path.join(MODULES, compiler, 'bin/tsc'), '-p', project], {encoding: 'utf8'});
    assert.equal(tsc.stdout + tsc.stderr, '');
    assert.equal(tsc.status, 0);
  });
}

test('README.md has recipes that are whole modules', () => {
  assert.equal(FILES.length, 4);
});

test('what is declared is there, and what is there is declared', () => {
  const ts = require('typescript');
  const program = ts.createProgram([path.join(PACKAGE, 'sheaf-batch.d.ts')], {});
  const checker = program.getTypeChecker();
  const declared = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFiles().at(-1)));
  const values = declared.filter(({flags}) => flags & ts.SymbolFlags.Value);
  assert.deepEqual(values.map(({name}) => name).sort(), Object.keys(sheafBatch).sort());
  const members = values.find(({name}) => name === 'BatchWebSocket').members;
  const ours = [...members.keys()].filter((name) => !name.startsWith('__') && !(name in EventTarget.prototype));
  const present = Object.getOwnPropertyNames(sheafBatch.BatchWebSocket.prototype).filter((name) => name !== 'constructor');
  assert.deepEqual(ours.sort(), present.sort());
});
