// The panel of single connections: asked for only while it can be seen, since it makes the workers look for them.

import {byteRate, bytes, count, duration, short} from './format.js';
import {note, tellMissing} from './panels.js';
import {Table} from './table.js';

const ROWS = 20;
const STATE_LEVELS = {slow: 'act', closing: 'watch', active: 'ok'};

const COLUMNS = [
  {key: 'id', title: 'Session', isText: true, text: ({id}) => id},
  {key: 'user', title: 'User', isText: true, text: ({user}) => user || '–'},
  {key: 'path', title: 'Path', isText: true, text: ({path}) => path},
  {key: 'client', title: 'Client', isText: true, text: ({client}) => client},
  {key: 'endpoint', title: 'Backend', isText: true, text: ({backend, endpoint}) => `${backend} ${endpoint}`},
  {key: 'state', title: 'State', isText: true, text: ({state}) => state, level: ({state}) => STATE_LEVELS[state] ?? 'none'},
  {key: 'age', title: 'age', sort: 'age', text: (row) => duration(row.age_seconds)},
  {key: 'idle', title: 'idle', sort: 'idle', text: (row) => duration(row.idle_seconds)},
  {key: 'queued', title: 'queued', sort: 'queued', text: (row) => bytes(row.queued_bytes)},
  {key: 'bytes', title: 'bytes', sort: 'bytes', text: (row) => bytes(row.bytes_out)},
  {key: 'rate', title: 'rate', sort: 'rate', text: (row) => byteRate(row.bytes_per_second)},
  {key: 'messages', title: 'messages', text: (row) => short(row.messages_out)},
  {key: 'batch', title: 'a frame', text: (row) => short(row.batch_ratio)},
  {key: 'delivery', title: 'Delivery', isText: true, text: ({delivery, compression}) => `${delivery}, ${compression}`},
];

export class ConnectionsPanel {
  #panel = document.getElementById('connections');
  #sort = 'queued';
  #order = 'desc';
  #isVisible = false;
  #table;

  /** @param {() => void} onAsked what it shows should be had anew: it has come into sight, or is sorted otherwise */
  constructor(onAsked) {
    this.#table = new Table(this.#panel.querySelector('.scroll'), 'Top connections', COLUMNS, (sort) => {
      this.#order = this.#sort === sort && this.#order === 'desc' ? 'asc' : 'desc';
      this.#sort = sort;
      this.#showSort();
      onAsked();
    });
    this.#showSort();
    new IntersectionObserver(([entry]) => {
      this.#isVisible = entry.isIntersecting;
      if (this.#isVisible) onAsked();
    }).observe(this.#panel);
  }

  /** @returns {boolean} */
  get isVisible() {
    return this.#isVisible;
  }

  /** @returns {string} what to ask for */
  get query() {
    return `connections?sort=${this.#sort}&order=${this.#order}&limit=${ROWS}`;
  }

  /** @param {{total: number, connections: object[], late_workers: number[]}} answer of `query` */
  show({total, connections, late_workers: late}) {
    this.#table.fill(connections, 'Nobody is connected.');
    const without = late.length > 0 ? `, without worker ${late.join(', ')}, which has not answered` : '';
    note(this.#panel, `${count(connections.length)} of ${count(total)}${without}. Choose a heading to sort by it.`);
  }

  /** @param {import('./api.js').ApiError} error */
  fail(error) {
    if (error.status === 403 || error.status === 404) this.#table.fill([], '–');
    tellMissing(this.#panel, error);
  }

  #showSort() {
    this.#table.showSort(this.#sort, this.#order === 'desc' ? 'descending' : 'ascending');
  }
}
