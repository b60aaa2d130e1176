// Makes cjs/, the CommonJS build, out of the ES modules here; npm runs this when it packs the folder. It needs nothing but
// Node, so that the folder is packed as it stands, without an installation first. In return the modules may import and export
// only in the forms below; another one is an error.

import {copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const TO = path.join(HERE, 'cjs');

/**
 * @param {string} module text of an ES module
 * @returns {string} the same as CommonJS
 * @throws {Error} it imports or exports in a form that is not known here
 */
function toCommonJs(module) {
  const names = [];
  const text = module
    .replace(/^import (\{[\w, ]+\}) from '\.\/([\w-]+)\.js';$/gm, "const $1 = require('./$2.cjs');")
    .replace(/^export (\{[\w, ]+\}) from '\.\/([\w-]+)\.js';$/gm, "{ const $1 = require('./$2.cjs'); Object.assign(exports, $1); }")
    .replace(/^export ((?:async )?(?:function\*?|class|const) (\w+))/gm, (_, declaration, name) => {
      names.push(name);
      return declaration;
    });
  const unknown = /^(?:import|export)\b.*/m.exec(text);
  if (unknown) throw new Error(`make_cjs.js knows no such form: ${unknown[0]}`);
  const exported = names.length > 0 ? `\nObject.assign(exports, {${names.join(', ')}});\n` : '';
  return `'use strict';\n${text}${exported}`;
}

const {files} = JSON.parse(readFileSync(path.join(HERE, 'package.json'), 'utf8'));
rmSync(TO, {recursive: true, force: true});
mkdirSync(TO);
for (const name of readdirSync(HERE).filter((one) => one.endsWith('.js') && files.includes(one))) {
  const module = readFileSync(path.join(HERE, name), 'utf8');
  writeFileSync(path.join(TO, name.replace(/\.js$/, '.cjs')), toCommonJs(module));
}
copyFileSync(path.join(HERE, 'sheaf-batch.d.ts'), path.join(TO, 'sheaf-batch.d.cts'));
