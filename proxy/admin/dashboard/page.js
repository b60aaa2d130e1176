// The dashboard: asks Sheaf, and gives what it says to the parts of the page.

import {Api} from './api.js';
import {CHART_FIELDS, ChartCard, CHARTS} from './charts.js';
import {ConnectionsPanel} from './connections.js';
import {Counters} from './counters.js';
import {History, HISTORY_SECONDS} from './history.js';
import {ClosesPanel, EventsPanel, PoolsPanel} from './panels.js';
import {Poll} from './polling.js';
import {showLive, showStale, showTroubles} from './state.js';
import {Token} from './token.js';
import {judge} from './troubles.js';

const FIGURES_SECONDS = 2, PANELS_SECONDS = 5;
// More than one sample and one poll are apart, so that none is missed between two.
const OVERLAP_SECONDS = 5;
const FIGURES = 'api/performance/websocket';

const token = new Token(() => polls.forEach((poll) => poll.kick()));
const api = new Api(() => token.get());
const history = new History(CHART_FIELDS);
const counters = new Counters();
const cards = CHARTS.map((chart) => new ChartCard(chart, history, document.getElementById('charts')));
const pools = new PoolsPanel(), closes = new ClosesPanel(), events = new EventsPanel();
const connections = new ConnectionsPanel(() => connectionsPoll.kick());
const range = document.getElementById('range');
let answered = 0;

const seconds = () => Number(range.querySelector(':checked').value);

async function figures() {
  try {
    const last = answered === 0 ? HISTORY_SECONDS : Math.min(HISTORY_SECONDS, Math.ceil(Date.now() / 1000 - answered) + OVERLAP_SECONDS);
    const [stats, {metrics}] = await Promise.all([api.get(`${FIGURES}/stats`), api.get(`${FIGURES}/metrics?last=${last}s`)]);
    answered = Date.now() / 1000;
    history.append(metrics);
    counters.add(stats);
    show(stats, stats.ready ? '' : await api.get('readyz').then(() => '', ({message}) => message));
  } catch (error) {
    if (error.status === 401) token.ask(error.message, error.token);
    showStale(error, answered);
  }
}

function show(stats, notReady) {
  showLive(stats, notReady);
  showTroubles(judge(stats, counters), notReady);
  closes.show(stats, counters);
  cards[CHARTS.findIndex(({id}) => id === 'memory')].mark(levels(stats.memory_optimizer));
  for (const card of cards) card.update(seconds());
}

const levels = (memory) => ['moderate', 'high', 'critical'].map((label) => ({at: memory[`${label}_percent`], label, color: `--${label}`}));

// One panel's figures: where they cannot be had, the panel says why, and the rest of the page goes on.
async function fill(panel, path) {
  try {
    panel.show(await api.get(path));
  } catch (error) {
    panel.fail(error);
  }
}

const mayAsk = () => !token.isAwaited;
const figuresPoll = new Poll(FIGURES_SECONDS, figures, mayAsk);
const panelsPoll = new Poll(PANELS_SECONDS, () => Promise.all([fill(pools, 'pools'), fill(events, events.query)]), mayAsk);
const connectionsPoll = new Poll(PANELS_SECONDS, () => fill(connections, connections.query), () => mayAsk() && connections.isVisible);
const polls = [figuresPoll, panelsPoll, connectionsPoll];

range.addEventListener('change', () => cards.forEach((card) => card.update(seconds())));
for (const query of ['(prefers-color-scheme: dark)', '(forced-colors: active)']) {
  matchMedia(query).addEventListener('change', () => cards.forEach((card) => card.redraw()));
}
polls.forEach((poll) => poll.kick());
