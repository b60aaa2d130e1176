// The panels with tables of whole Sheaf: pools, ends of sessions, events.

import {setText} from './dom.js';
import {count, time} from './format.js';
import {Table} from './table.js';
import {LATELY_SECONDS} from './troubles.js';

const MOST_EVENTS = 50, OVERLAP = 10;

const POOL_STATES = ['connecting', 'idle', 'active', 'stale', 'broken'];
const STATE_LEVELS = {up: 'ok', down: 'act', draining: 'watch'};
const EVENT_LEVELS = {info: 'none', warning: 'watch', error: 'act'};

/**
 * What a panel says beside its table.
 * @param {Element} panel
 * @param {string} text
 */
export function note(panel, text) {
  setText(panel.querySelector('.note'), text);
}

/**
 * What a panel says where its figures could not be had; what it had stays, unless Sheaf does not have it at all.
 * @param {Element} panel
 * @param {import('./api.js').ApiError} error
 */
export function tellMissing(panel, error) {
  if (error.status === 404) note(panel, 'This Sheaf does not have these figures.');
  else if (error.status === 403) note(panel, `${error.message}.`);
  else if (error.status !== 401) note(panel, `No figures: ${error.message}.`);
}

export class PoolsPanel {
  #panel = document.getElementById('pools');
  #table = new Table(this.#panel.querySelector('.scroll'), 'Connections to each backend by state', [
    {key: 'endpoint', title: 'Endpoint', isText: true, text: ({backend, endpoint}) => `${backend} ${endpoint}`},
    {key: 'state', title: 'State', isText: true, text: ({state}) => state, level: ({state}) => STATE_LEVELS[state] ?? 'none'},
    ...POOL_STATES.map((state) => ({key: state, title: state, text: ({connections}) => count(connections[state])})),
    {key: 'waiting', title: 'waiting', text: ({waiting}) => count(waiting)},
    {key: 'sessions', title: 'sessions', text: ({sessions}) => count(sessions)},
  ]);

  /** @param {{pools: object[], late_workers: number[]}} answer of /pools */
  show({pools, late_workers: late}) {
    this.#table.fill(pools, 'No backend.');
    note(this.#panel, late.length > 0 ? `Without worker ${late.join(', ')}, which has not answered.` : '');
  }

  /** @param {import('./api.js').ApiError} error */
  fail(error) {
    tellMissing(this.#panel, error);
  }
}

export class ClosesPanel {
  #panel = document.getElementById('closes');
  #table = new Table(this.#panel.querySelector('.scroll'), 'Ended sessions by reason', [
    {key: 'reason', title: 'Reason', isText: true, text: ({reason}) => reason},
    {key: 'lately', title: 'last 5 min', text: ({lately}) => count(lately)},
    {key: 'total', title: 'since start', text: ({total}) => count(total)},
  ]);

  /**
   * @param {object} stats
   * @param {import('./counters.js').Counters} counters with `stats` in it
   */
  show(stats, counters) {
    const {closed, closed_by: by} = stats.sessions;
    const lately = counters.risen(({sessions}) => sessions.closed, LATELY_SECONDS);
    const rows = Object.entries(closed).map(([reason, total]) => ({reason, total, lately: lately[reason]}));
    rows.sort((one, other) => other.lately - one.lately || other.total - one.total || one.reason.localeCompare(other.reason));
    this.#table.fill(rows, 'No session has ended yet.');
    const who = Object.entries(by).map(([name, number]) => `${count(number)} by ${{client: 'the client', upstream: 'the backend'}[name] ?? 'Sheaf'}`);
    note(this.#panel, who.length > 0 ? `Ended ${who.join(', ')}.` : '');
  }
}

export class EventsPanel {
  #panel = document.getElementById('events');
  #events = [];
  #table = new Table(this.#panel.querySelector('.scroll'), 'Last events, the newest first', [
    {key: 'time', title: 'Time', isText: true, text: (event) => time(event.time)},
    {key: 'level', title: 'Level', isText: true, text: ({level}) => level, level: ({level}) => EVENT_LEVELS[level] ?? 'none'},
    {key: 'kind', title: 'Kind', isText: true, text: ({kind}) => kind},
    {key: 'message', title: 'What', isText: true, text: eventText},
  ]);

  /** @returns {string} what to ask for: those that are new, and some before, which may have happened once more */
  get query() {
    return `events?since=${Math.max(0, (this.#events[0]?.number ?? 0) - OVERLAP)}`;
  }

  /** @param {{last: number, events: object[]}} answer of `query` */
  show({last, events}) {
    const first = events[0]?.number ?? Infinity;
    // Of a new process the numbers begin anew.
    const kept = last < this.#events[0]?.number ? [] : this.#events.filter(({number}) => number < first);
    this.#events = [...events.reverse(), ...kept].slice(0, MOST_EVENTS);
    this.#table.fill(this.#events, 'Nothing has happened.');
    note(this.#panel, '');
  }

  /** @param {import('./api.js').ApiError} error */
  fail(error) {
    tellMissing(this.#panel, error);
  }
}

function eventText({message, times, fields}) {
  const values = Object.entries(fields).map(([name, value]) => `${name}=${value}`);
  return [message, ...(times > 1 ? [`(${count(times)} times)`] : []), ...values].join(' ');
}
