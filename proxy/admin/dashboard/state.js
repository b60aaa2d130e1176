// The top of the page: whether Sheaf answers, who it is, and the troubles.

import {setLevel, setText} from './dom.js';
import {duration, time} from './format.js';
import {worst} from './troubles.js';

const WORDS = {ok: 'well', watch: 'watch', act: 'act now'};

const element = (id) => document.getElementById(id);

function write(target, text, level) {
  setText(target, text);
  setLevel(target, level);
}

/**
 * @param {object} stats
 * @param {string} notReady why /readyz says no; empty where it says yes
 */
export function showLive(stats, notReady) {
  setText(element('where'), location.host);
  const {generation, last_reload_successful: reloaded} = stats.configuration;
  setText(element('about'), `${stats.version} · up ${duration(stats.uptime_seconds)} · configuration ${generation}`
    + (reloaded ? '' : ' · the last reload failed'));
  write(element('link'), notReady ? `not ready: ${notReady}` : 'live', notReady ? 'act' : 'ok');
  element('banner').hidden = true;
  element('figures').classList.remove('stale');
}

/**
 * Nothing is known of now: what is shown is old.
 * @param {import('./api.js').ApiError} error
 * @param {number} since seconds since 1970, when Sheaf answered last; 0: it never did
 */
export function showStale({status, message}, since) {
  const said = status === 0 ? 'Sheaf does not answer' : status === 401 ? 'Sheaf asks for the token' : 'Sheaf refuses to answer';
  write(element('link'), status === 0 ? 'no answer' : `answers ${status}`, 'act');
  const rest = since > 0 ? `What is shown is of ${time(since)}.` : 'There is nothing to show yet.';
  setText(element('banner'), `${said}: ${message}. ${rest}`);
  element('banner').hidden = false;
  element('figures').classList.add('stale');
  write(element('verdict'), `Not known: ${said}.`, 'act');
  document.title = `${said} · ${location.host}`;
}

/**
 * @param {import('./troubles.js').Trouble[]} troubles
 * @param {string} notReady as above
 */
export function showTroubles(troubles, notReady) {
  const list = element('troubles');
  if (list.children.length === 0) list.append(...troubles.map(makeTrouble));
  troubles.forEach(({level, why}, i) => {
    const item = list.children[i];
    setLevel(item, level);
    setText(item.querySelector('.badge'), WORDS[level]);
    setText(item.querySelector('.why'), why);
  });
  const there = troubles.filter(({level}) => level !== 'ok').map(({title}) => title.toLowerCase());
  const reasons = notReady ? ['not ready for clients', ...there] : there;
  const level = notReady ? 'act' : worst(troubles);
  write(element('verdict'), reasons.length === 0 ? 'All is well.' : `Trouble: ${reasons.join(', ')}.`, level);
  document.title = `${reasons.length === 0 ? 'All is well' : reasons[0]} · Sheaf ${location.host}`;
}

function makeTrouble({id, title, remedy, chapter}) {
  const item = document.createElement('li');
  item.dataset.trouble = id;
  const add = (parent, name, text = '', kind = '') => {
    const made = parent.appendChild(document.createElement(name));
    made.textContent = text;
    made.className = kind;
    return made;
  };
  const line = add(item, 'div', '', 'line');
  add(line, 'h3', title);
  add(line, 'span', '', 'badge');
  add(item, 'p', '', 'why');
  const details = add(item, 'details');
  add(details, 'summary', 'What to do').append(Object.assign(document.createElement('span'), {className: 'hidden', textContent: `: ${title}`}));
  add(details, 'p', remedy);
  add(details, 'p', `More in proxy/operating.md, “${chapter}”.`, 'note');
  return item;
}
