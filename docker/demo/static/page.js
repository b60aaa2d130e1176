// The demo page. Addresses are relative to it, so that it works behind any proxy; straight from the backend it shows what is
// there without Sheaf.

import {BatchWebSocket} from '../decoder/sheaf-batch.js';
import {makeRoom} from './chart.js';
import {Clock, compareClocks} from './clock.js';
import {conflationSwitch, rateSlider} from './controls.js';
import {crowd} from './crowd.js';
import {change, milliseconds} from './format.js';
import {Side} from './side.js';
import {slowClients} from './slow.js';
import {startTicker} from './ticker.js';
import {Wire} from './wire.js';

const FIGURES_MS = 250, WIRE_MS = 1000;

const feed = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, '0')).join('');
const about = (what) => `api/feed${what}?feed=${feed}`;
const ask = () => fetch(about('/place')).then((response) => response.json());
const wire = new Wire(about('/wire'));
let directPort = null;
let clock = new Clock(0, Infinity);

const rate = rateSlider((value) => fetch(`${about('')}&rate=${value}`, {method: 'PUT'}));
const isConflated = conflationSwitch(() => sheaf.connect());

const direct = new Side({
  name: 'direct',
  title: 'Without Sheaf',
  address: () => directPort && feedUrl('ws/feed', `${location.hostname}:${directPort}`),
  open: (url, Socket) => new Socket(url),
  age: (at) => clock.age(at),
});
const sheaf = new Side({
  name: 'sheaf',
  title: 'Through Sheaf',
  address: () => isThroughSheaf() ? feedUrl(isConflated() ? 'ws/feed/conflated' : 'ws/feed') : null,
  open: (url, Socket) => new BatchWebSocket(url, [], {WebSocket: Socket}),
  age: (at) => clock.age(at),
});

function feedUrl(path, host) {
  const url = new URL(path, document.baseURI);
  url.protocol = url.protocol.replace('http', 'ws');
  if (host) url.host = host;
  url.search = `feed=${feed}&rate=${rate()}&measure=1`;
  return url;
}

// Whoever is on the way to the backend listens on a port of its own.
function isThroughSheaf() {
  return String(directPort) !== location.port;
}

function showTheWay(port) {
  sheaf.state('not on the way: this page came straight from the backend. ', 'closed');
  if (!port) return;
  const link = document.createElement('a');
  link.href = `${location.protocol}//${location.hostname}:${port}/`;
  link.textContent = 'Open it through Sheaf';
  document.querySelector('[data-side="sheaf"] .state').append(link);
}

// Which of the processes the two sides are served by (of a single one there is nothing to tell), whether over a link, and
// where Sheaf's dashboard is, which only this machine's browsers reach.
function showPlace({process, processes, shares_links: sharesLinks, dashboard}) {
  if (processes > 1) document.getElementById('backend').textContent = `One of ${processes} Python processes (${process})`;
  document.getElementById('links').hidden = !sharesLinks;
  const link = document.getElementById('dashboard');
  link.hidden = !dashboard || !['127.0.0.1', 'localhost'].includes(location.hostname);
  if (dashboard) link.href = dashboard;
}

function showFigures() {
  const now = performance.now();
  const [left, right] = [direct.meter.rates(now), sheaf.meter.rates(now)];
  direct.show(left, wire.rates.direct, false);
  sheaf.show(right, wire.rates.sheaf, isConflated());
  verdict('batch', right.batch?.toFixed(1) ?? '–');
  verdict('frames', right.frames ? change(right.frames, left.frames) : '–');
  verdict('bytes', wire.rates.sheaf && wire.rates.direct ? change(wire.rates.sheaf.bytes, wire.rates.direct.bytes) : '–');
  verdict('delay', right.p50 === null || left.p50 === null ? '–' : signed(right.p50 - left.p50));
}

function signed(difference) {
  return difference < 0 ? `−${milliseconds(-difference)}` : `+${milliseconds(difference)}`;
}

function verdict(name, text) {
  document.querySelector(`[data-verdict="${name}"]`).textContent = text;
}

function draw() {
  makeRoom([...direct.meter.frames, ...sheaf.meter.frames], performance.now());
  direct.draw();
  sheaf.draw();
  requestAnimationFrame(draw);
}

async function start() {
  const place = await ask();
  directPort = place.direct_port;
  showPlace(place);
  clock = await compareClocks(ask);
  document.getElementById('clock').textContent = clock.describe();
  if (!directPort) direct.state('the backend listens on no port', 'closed');
  if (!isThroughSheaf()) showTheWay(place.proxy_port);
  // One after another, and before anything else: so the backend can tell the connections apart.
  await direct.connect();
  await sheaf.connect();
  slowClients(about('/slow-clients'));
  crowd(about('/crowd'));
  startTicker(place.processes > 1);
  setInterval(showFigures, FIGURES_MS);
  setInterval(() => wire.update(), WIRE_MS);
  draw();
}

// For those who look from outside: tests, and the console.
globalThis.comparison = {feed, direct, sheaf, wire};
start();
