// Drives the stock ws client: node ws.cjs URL. Sends numbered texts and binaries to an echo, with compression offered, and
// prints what came of it as one JSON object.
'use strict';
const WebSocket = require('ws');

const total = 200;
const socket = new WebSocket(process.argv[2], {perMessageDeflate: true});
const seen = {received: 0, inOrder: true, pongs: 0, extensions: null};
setTimeout(() => process.exit(1), 10000).unref();

socket.on('open', () => {
  seen.extensions = socket.extensions;
  for (let number = 0; number < total; ++number) {
    const text = String(number).padEnd(number * 50, '.');
    socket.send(number % 2 ? text : Buffer.from(text), {binary: number % 2 === 0});
  }
  socket.ping('hello');
});
socket.on('pong', (data) => { seen.pongs += data.toString() === 'hello' ? 1 : 0; });
socket.on('message', (data, isBinary) => {
  const number = seen.received++;
  const text = data.toString();
  seen.inOrder &&= text === String(number).padEnd(number * 50, '.') && isBinary === (number % 2 === 0);
  if (seen.received === total) socket.close(4001, 'done');
});
socket.on('error', (error) => { seen.error = error.message; });
socket.on('close', (code, reason) => {
  console.log(JSON.stringify({...seen, code, reason: reason.toString()}));
});
