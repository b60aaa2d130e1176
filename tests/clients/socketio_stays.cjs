// A stock socket.io-client that stays: node socketio_stays.cjs URL. Says "connected" when it has connected and upgraded to
// WebSocket for the first time. When standard input ends it asks who serves it, and prints one JSON object with what has happened.
'use strict';
const {io} = require('socket.io-client');

const seen = {connects: 0, errors: []};
const socket = io(process.argv[2], {reconnectionDelay: 100, reconnectionDelayMax: 500});
socket.io.once('open', () => socket.io.engine.once('upgrade', () => console.log('connected')));
socket.on('connect', () => ++seen.connects);
socket.on('connect_error', (error) => seen.errors.push(error.message));

const connected = () => socket.connected ? Promise.resolve() : new Promise((go) => socket.once('connect', go));

process.stdin.resume().on('end', async () => {
  await connected();
  seen.answer = await socket.timeout(5000).emitWithAck('who', 0).catch((error) => [String(error)]);
  console.log(JSON.stringify(seen));
  process.exit(0);
});
