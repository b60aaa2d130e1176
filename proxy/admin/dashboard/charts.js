// One chart a card: what it shows now and how far that went are text, the line is beside it. uPlot draws.

import {setText} from './dom.js';
import {byteRate, bytes, count, milliseconds, percent, rate, short, time} from './format.js';

const UNTOLD = 'not told by this Sheaf';
const LEAST_SECONDS = 60;
const HEIGHT = 116, AXIS_WIDTH = 46, AXIS_HEIGHT = 20;
// Between two lines of the grid, where uPlot's own choice would be no round number.
const BYTE_STEPS = Array.from({length: 42}, (_, power) => 2 ** power);
const WHOLE_STEPS = Array.from({length: 21}, (_, i) => [1, 2, 5][i % 3] * 10 ** Math.floor(i / 3));
const STEPS = new Map([[bytes, BYTE_STEPS], [byteRate, BYTE_STEPS], [count, WHOLE_STEPS]]);

/**
 * @typedef {object} Series
 * @property {string} label
 * @property {string} field of a sample of the history
 *
 * @typedef {object} Chart
 * @property {string} id
 * @property {string} title
 * @property {Series[]} series one or two; the second is dashed
 * @property {(value: number | null) => string} format
 * @property {number} [most] of the scale; without, the largest value
 */

/** @type {Chart[]} */
export const CHARTS = [
  {id: 'sessions', title: 'Connections', format: count,
    series: [{label: 'clients', field: 'active_sessions'}, {label: 'to the backend', field: 'active_connections'}]},
  {id: 'messages', title: 'Messages in, frames out', format: rate,
    series: [{label: 'messages', field: 'messages_to_clients_per_second'}, {label: 'frames', field: 'frames_to_clients_per_second'}]},
  {id: 'batch', title: 'Batch size', format: short, series: [{label: 'messages, mean', field: 'avg_batch_size'}]},
  {id: 'delay', title: 'Added delay', format: milliseconds,
    series: [{label: 'p50', field: 'delay_p50_ms'}, {label: 'p99', field: 'delay_p99_ms'}]},
  {id: 'bytes', title: 'Bytes to clients', format: byteRate,
    series: [{label: 'before', field: 'payload_bytes_per_second'}, {label: 'after', field: 'sent_bytes_per_second'}]},
  {id: 'queued', title: 'Queued for clients', format: bytes, series: [{label: 'bytes', field: 'queued_bytes'}]},
  {id: 'memory', title: 'Memory', format: percent, most: 100, series: [{label: 'of the limit', field: 'percent'}]},
  {id: 'closes', title: 'Sessions that end', format: rate,
    series: [{label: 'all', field: 'closed_per_second'}, {label: 'by an error', field: 'closed_by_error_per_second'}]},
];

export const CHART_FIELDS = CHARTS.flatMap(({series}) => series.map(({field}) => field));

/** A card of the page. */
export class ChartCard {
  #chart;
  #history;
  #values;
  #range;
  #canvas;
  #plot = null;
  #seconds = 0;
  #marks = [];
  #rangeText = '';

  /**
   * @param {Chart} chart
   * @param {import('./history.js').History} history
   * @param {Element} parent takes the card as its last child
   */
  constructor(chart, history, parent) {
    this.#chart = chart;
    this.#history = history;
    const card = parent.appendChild(document.createElement('figure'));
    card.id = `chart-${chart.id}`;
    const caption = card.appendChild(document.createElement('figcaption'));
    caption.appendChild(document.createElement('h3')).textContent = chart.title;
    const list = caption.appendChild(document.createElement('dl'));
    this.#values = chart.series.map((series) => addValue(list, series));
    this.#canvas = card.appendChild(document.createElement('div'));
    this.#canvas.className = 'plot';
    this.#canvas.setAttribute('role', 'img');
    this.#range = card.appendChild(document.createElement('p'));
    this.#range.className = 'range';
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(this.#canvas);
  }

  /**
   * Lines across the chart, such as the levels of memory.
   * @param {{at: number, label: string, color: string}[]} marks color: the name of a CSS variable
   */
  mark(marks) {
    this.#marks = marks;
  }

  /**
   * Shows what the history has now.
   * @param {number} seconds how far back
   */
  update(seconds) {
    this.#seconds = seconds;
    this.#plot ??= new globalThis.uPlot(this.#options(), this.#data(), this.#canvas);
    const {newest, oldest} = this.#history;
    // A Sheaf that has just begun gets the whole width for what there is.
    const since = Math.max(newest - seconds, Math.min(oldest, newest - LEAST_SECONDS));
    this.#plot.batch(() => {
      this.#plot.setData(this.#data(), false);
      this.#plot.setScale('x', {min: since, max: newest});
    });
    const summaries = this.#chart.series.map(({field}) => this.#history.summary(field, since));
    const ranges = summaries.some(Boolean) ? this.#chart.series.map(({label}, i) => this.#tellRange(label, summaries[i])) : [UNTOLD];
    this.#rangeText = ranges.join(' · ');
    const now = this.#chart.series.map(({label}, i) => `${label} ${this.#chart.format(summaries[i]?.newest)}`);
    this.#canvas.setAttribute('aria-label', `${this.#chart.title}, now: ${now.join(', ')}. Range: ${ranges.join(', ')}.`);
    this.#tell(this.#plot.cursor.idx ?? null);
  }

  /** Draws it anew, since the colours have changed. */
  redraw() {
    this.#plot?.destroy();
    this.#plot = null;
    if (this.#seconds > 0) this.update(this.#seconds);
  }

  #data() {
    return [this.#history.times, ...this.#chart.series.map(({field}) => this.#history.column(field))];
  }

  #size() {
    return {width: Math.max(80, this.#canvas.clientWidth), height: HEIGHT};
  }

  #tellRange(label, summary) {
    const name = this.#chart.series.length > 1 ? `${label} ` : '';
    if (!summary) return name + UNTOLD;
    return `${name}${this.#chart.format(summary.least)} to ${this.#chart.format(summary.most)}`;
  }

  // The values of one moment, at which the pointer is: `index` of the history, or null for now.
  #tell(index) {
    this.#chart.series.forEach(({field}, i) => {
      const column = this.#history.column(field);
      setText(this.#values[i], this.#chart.format(column[index ?? column.length - 1]));
    });
    setText(this.#range, index === null ? this.#rangeText : `at ${time(this.#history.times[index])}`);
  }

  #options() {
    const style = getComputedStyle(this.#canvas);
    const color = (name) => style.getPropertyValue(name).trim();
    const axis = {stroke: color('--soft'), font: '11px system-ui, sans-serif', ticks: {show: false}, gap: 4};
    const grid = {stroke: color('--line'), width: 1};
    const line = (_, i) => ({stroke: color(`--series-${i + 1}`), width: 1.5, dash: i > 0 ? [5, 3] : [], points: {show: false}});
    return {
      ...this.#size(),
      legend: {show: false},
      cursor: {y: false, drag: {x: false, y: false}, sync: {key: 'sheaf'}, points: {size: 6}},
      padding: [8, 16, 0, 0],
      scales: {y: {range: (_, _least, most) => [0, this.#chart.most ?? Math.max(most ?? 0, 1) * 1.1]}},
      axes: [
        {...axis, grid: {show: false}, size: AXIS_HEIGHT, space: 70, values: (_, times, _axis, _space, step) => times.map((one) => clock(one, step))},
        {...axis, grid, size: AXIS_WIDTH, space: 32, ...(STEPS.has(this.#chart.format) && {incrs: STEPS.get(this.#chart.format)}), values: (_, values) => values.map((value) => this.#axisText(value))},
      ],
      series: [{}, ...this.#chart.series.map(line)],
      hooks: {draw: [(plot) => this.#drawMarks(plot, color)], setCursor: [({cursor}) => this.#tell(cursor.idx ?? null)]},
    };
  }

  #axisText(value) {
    return this.#chart.format === milliseconds || this.#chart.format === rate ? short(value)
      : this.#chart.format(value).replace('/s', '').replace(' ', '\u202f');
  }

  #drawMarks(plot, color) {
    const {ctx: context, bbox: {left, width}} = plot;
    context.save();
    context.textAlign = 'left';
    context.font = `${10 * devicePixelRatio}px system-ui, sans-serif`;
    context.lineWidth = devicePixelRatio;
    this.#marks.forEach(({at, label, color: name}, i) => {
      const y = Math.round(plot.valToPos(at, 'y', true)) + 0.5;
      context.strokeStyle = context.fillStyle = color(name);
      context.beginPath();
      context.moveTo(left, y);
      context.lineTo(left + width, y);
      context.stroke();
      context.font = `${10 * devicePixelRatio}px system-ui, sans-serif`;
      // Beside one another, since the levels may be close.
      context.fillText(label, left + (width * i) / this.#marks.length, y - 3 * devicePixelRatio);
    });
    context.restore();
  }
}

function addValue(list, {label, field}) {
  const pair = list.appendChild(document.createElement('div'));
  pair.appendChild(document.createElement('dt')).textContent = label;
  const value = pair.appendChild(document.createElement('dd'));
  value.dataset.figure = field;
  return value;
}

// `step`: seconds from one to the next, which says whether they have seconds.
function clock(seconds, step) {
  const whole = new Date(seconds * 1000).toLocaleTimeString('en-GB');
  return step < 60 ? whole : whole.slice(0, 5);
}
