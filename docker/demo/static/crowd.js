// The crowd: many clients that the backend runs once for this page, and what a message to them costs.

import {plain} from './format.js';

const SIDES = ['direct', 'sheaf'];
const STEPS = {
  rest: 'measuring what both use without a crowd',
  direct: 'the crowd reads directly',
  sheaf: 'the crowd reads through Sheaf',
};

/**
 * Wires the button.
 * @param {string} url of the server-sent events
 */
export function crowd(url) {
  const button = document.getElementById('crowd-measure');
  button.addEventListener('click', () => {
    button.disabled = true;
    SIDES.forEach((side) => show(side, null));
    const costs = {};
    const source = new EventSource(url);
    source.onmessage = ({data}) => {
      const {step, cost} = JSON.parse(data);
      if (!cost) return state(STEPS[step]);
      costs[step] = cost;
      show(step, cost);
      if (SIDES.every((side) => costs[side])) finish(`${costs.sheaf.readers} readers, ${plain(costs.sheaf.messages)} messages a second`);
    };
    source.onerror = () => finish('ended: another page has its crowd here, or the backend went, or has none to offer');
    const finish = (text) => {
      source.close();
      button.disabled = false;
      state(text);
    };
  });
}

function state(text) {
  document.getElementById('crowd-state').textContent = text;
}

function show(side, cost) {
  const row = document.querySelector(`#crowd tr[data-crowd="${side}"]`);
  const tell = (name, value, unit) => {
    row.querySelector(`[data-cost="${name}"]`).textContent = value === null || value === undefined ? '–' : `${value.toFixed(1)}${unit}`;
  };
  tell('backend', cost?.backend, ' µs');
  tell('sheaf', side === 'direct' ? null : cost?.sheaf, ' µs');
  tell('bytes', cost?.bytes, '');
}
