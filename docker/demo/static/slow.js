// The clients on a slow link: the backend runs them while this page wants them, and tells how far behind they are.

const CLIENTS = [['direct', 'Without Sheaf'], ['plain', 'Through Sheaf'], ['conflated', 'Through Sheaf, conflated']];
const LEAST_SCALE_SECONDS = 10;

/**
 * Wires the button.
 * @param {string} url of the server-sent events
 */
export function slowClients(url) {
  const button = document.getElementById('slow-toggle');
  const rows = new Map(CLIENTS.map(([name, title]) => [name, makeRow(name, title)]));
  let source = null;
  const stop = () => {
    source?.close();
    source = null;
    button.textContent = 'Start them';
    button.setAttribute('aria-pressed', 'false');
  };
  button.addEventListener('click', () => {
    if (source) {
      stop();
      state('stopped');
      return;
    }
    button.textContent = 'Stop them';
    button.setAttribute('aria-pressed', 'true');
    state('starting');
    source = new EventSource(url);
    source.onmessage = ({data}) => show(rows, JSON.parse(data));
    // A browser would start others by itself: the ages would begin anew without a word.
    source.onerror = () => {
      stop();
      state('ended: the backend went, or has no slow clients to offer');
    };
  });
}

function state(text) {
  document.getElementById('slow-state').textContent = text;
}

function makeRow(name, title) {
  const row = document.querySelector('#slow tbody').insertRow();
  row.dataset.client = name;
  const head = document.createElement('th');
  head.scope = 'row';
  head.textContent = title;
  const bar = document.createElement('div');
  bar.className = 'age';
  row.append(head);
  row.insertCell().append(bar);
  const told = row.insertCell();
  told.textContent = '–';
  return {bar, told};
}

function show(rows, clients) {
  const most = Math.max(LEAST_SCALE_SECONDS, ...Object.values(clients).map(({age}) => age ?? 0));
  for (const [name, {bar, told}] of rows) {
    const {age} = clients[name];
    bar.style.width = `${((age ?? 0) / most) * 100}%`;
    told.textContent = age === null ? '–' : `${age.toFixed(1)} s old`;
  }
  const cut = CLIENTS.filter(([name]) => clients[name].cuts).map(([name, title]) => `${title}: ${clients[name].cuts}`);
  state(cut.length ? `Connections that were cut because the client did not answer in time: ${cut.join(', ')}` : 'running');
}
