// Drives a stock socket.io-client through one scenario: node socketio.cjs URL TRANSPORTS. Prints one JSON object with what
// happened; exits 1 when something does not happen within ten seconds. TRANSPORTS: "polling", "websocket" or both.
'use strict';
const {io} = require('socket.io-client');

const [url, transports] = process.argv.slice(2);
const seen = {transports: [], prices: 0, said: [], broadcasts: []};
const deadline = setTimeout(() => {
  console.error(`not finished in time: ${JSON.stringify(seen)}`);
  process.exit(1);
}, 10000);

const options = {transports: transports.split(','), forceNew: true, reconnection: false};
const connect = () => io(url, options);
const socket = connect();

const connected = (one) => new Promise((resolve, reject) => {
  one.on('connect', resolve);
  one.on('connect_error', (error) => reject(new Error(`connect_error: ${error.message}`)));
});
const next = (one, event) => new Promise((resolve) => one.once(event, resolve));

async function run() {
  socket.on('price_update', () => ++seen.prices);
  let settled;
  const upgraded = new Promise((resolve) => { settled = resolve; });
  socket.io.once('open', () => {
    const engine = socket.io.engine;
    seen.transports.push(engine.transport.name);
    engine.on('upgrade', (transport) => settled(seen.transports.push(transport.name)));
  });
  const welcome = next(socket, 'welcome');
  await connected(socket);
  seen.forwardedFor = (await welcome).forwarded_for;
  if (transports === 'polling,websocket') await upgraded;

  seen.ack = await new Promise((resolve) => {
    socket.emit('echo', 'text', {nested: [1, null, 'é€𝄞']}, (...values) => resolve(values));
  });
  const bytes = Buffer.from([0, 1, 2, 253, 254, 255]);
  seen.binaryAck = Buffer.compare(Buffer.from(await socket.emitWithAck('echo', bytes)), bytes) === 0;
  const back = next(socket, 'binary');
  socket.emit('binary', Buffer.alloc(100000, 7));
  const answer = Buffer.from(await back);
  seen.binaryEvent = answer.length === 100000 && answer.every((byte) => byte === 7);

  // Ten at once: python-engineio refuses polling bodies with more than 16 packets.
  const acks = [];
  for (let first = 0; first < 100; first += 10) {
    const ten = [...Array(10).keys()].map((number) => socket.emitWithAck('echo', first + number));
    acks.push(...await Promise.all(ten));
  }
  seen.acksInOrder = acks.every((value, index) => value === index);

  const other = connect();
  await connected(other);
  for (const one of [socket, other]) one.on('said', (message) => seen.said.push(message.text));
  seen.room = await socket.emitWithAck('join', 'traders');
  await other.emitWithAck('say', 'traders', 'inside');
  await socket.emitWithAck('leave', 'traders');
  await other.emitWithAck('say', 'traders', 'nobody hears this');
  for (const one of [socket, other]) one.on('broadcast', (message) => seen.broadcasts.push(message));
  await other.emitWithAck('broadcast', 'all');
  while (seen.broadcasts.length < 2 || seen.prices < 3) await new Promise((resolve) => setTimeout(resolve, 20));
  other.disconnect();
  const gone = next(socket, 'disconnect');
  socket.disconnect();
  seen.disconnect = await gone;
}

run().then(() => {
  clearTimeout(deadline);
  console.log(JSON.stringify(seen));
  process.exit(0);
}, (error) => {
  console.error(error);
  process.exit(1);
});
