// The quiet ticker over WebSocket, Socket.IO and server-sent events.

import {BatchWebSocket, batchTransport} from '../decoder/sheaf-batch.js';

const BODY = `
  <p class="state" role="status"><span class="name">connecting</span> · <span class="count">0 updates</span><span class="process"></span></p>
  <p class="frames"></p>
  <table><thead><tr><th scope="col">Symbol<th scope="col">Price<th scope="col">Update</thead><tbody></tbody></table>`;

/**
 * Fills a section of the page.
 * @param {string} id
 * @param {boolean} isOneOfSeveral whether it shows which process the quotes come from
 * @returns {{frame(size: number): void, state(name: string, kind: string): void, show(quote: object): void}} what happened:
 *   a frame with so many messages, a change of the connection, a quote
 */
function panel(id, isOneOfSeveral) {
  const section = document.getElementById(id);
  section.insertAdjacentHTML('beforeend', BODY);
  const rows = new Map();
  let updates = 0;
  let messages = 0, frames = 0, most = 0;
  return {
    frame(size) {
      messages += size;
      ++frames;
      most = Math.max(most, size);
      section.querySelector('.frames').textContent = `${(messages / frames).toFixed(2)} messages a frame, at most ${most}`;
    },
    state(name, kind) {
      section.querySelector('.state').dataset.state = kind;
      section.querySelector('.name').textContent = name;
    },
    show(quote) {
      let row = rows.get(quote.symbol);
      if (!row) {
        const place = [...rows.keys()].filter((symbol) => symbol < quote.symbol).length;
        row = section.querySelector('tbody').insertRow(place);
        for (let i = 0; i < 3; ++i) row.insertCell();
        row.cells[0].textContent = quote.symbol;
        rows.set(quote.symbol, row);
      }
      const before = Number(row.cells[1].textContent);
      if (before) row.className = quote.price < before ? 'down' : 'up';
      row.cells[1].textContent = quote.price.toFixed(2);
      row.cells[2].textContent = quote.sequence;
      if (isOneOfSeveral) section.querySelector('.process').textContent = ` · process ${quote.process}`;
      section.querySelector('.count').textContent = `${++updates} ${updates === 1 ? 'update' : 'updates'}`;
    },
  };
}

function startWebSocket(isOneOfSeveral) {
  const view = panel('websocket', isOneOfSeveral);
  const address = new URL('ws/quotes', document.baseURI);
  address.protocol = address.protocol.replace('http', 'ws');
  const connect = () => {
    const socket = new BatchWebSocket(address, [], {onFrame: view.frame});
    socket.onopen = () => view.state('connected', 'open');
    socket.onmessage = (event) => view.show(JSON.parse(event.data));
    socket.onclose = (event) => {
      view.state(`closed (${event.code}), trying again`, 'closed');
      setTimeout(connect, 1000 + Math.random() * 1000);
    };
  };
  connect();
}

async function startSocketIo(isOneOfSeveral) {
  const view = panel('socketio', isOneOfSeveral);
  const client = await import('../client/socket.io.esm.min.js').catch(() => null);
  if (!client) {
    view.state('the Socket.IO client is not installed (run tests/install.sh)', 'closed');
    return;
  }
  const transports = [client.XHR, batchTransport(client.WebSocket, {onFrame: view.frame})];
  const socket = client.io({path: new URL('socket.io', document.baseURI).pathname, transports});
  const transport = () => view.state(`connected (${socket.io.engine.transport.name})`, 'open');
  socket.on('connect', () => {
    transport();
    socket.io.engine.on('upgrade', transport);
  });
  socket.on('disconnect', (reason) => view.state(`closed (${reason}), trying again`, 'closed'));
  socket.on('price_update', (quote) => view.show(quote));
}

function startServerSentEvents(isOneOfSeveral) {
  const view = panel('sse', isOneOfSeveral);
  const source = new EventSource('sse');
  source.onopen = () => view.state('connected', 'open');
  source.onerror = () => view.state('closed, trying again', 'closed');
  source.addEventListener('quotes', (event) => JSON.parse(event.data).forEach((quote) => view.show(quote)));
}

/**
 * Starts all three.
 * @param {boolean} isOneOfSeveral whether there are several processes, so that each shows whose quotes it gets
 */
export function startTicker(isOneOfSeveral) {
  startWebSocket(isOneOfSeveral);
  startSocketIo(isOneOfSeveral);
  startServerSentEvents(isOneOfSeveral);
}
