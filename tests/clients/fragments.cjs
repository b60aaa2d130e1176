// The stock ws package with messages in pieces of text, one fragment each.
//
//   node fragments.cjs serve PORT             sends, for {"count", "size"}, such a message, and for any other its length
//   node fragments.cjs send URL COUNT SIZE    sends one, and prints {answer, code}: the first message that comes back
'use strict';
const WebSocket = require('ws');

function sendInPieces(socket, count, size) {
  for (let number = 0; number < count; ++number) {
    socket.send(String(number).padStart(size, '0').slice(-size), {fin: number === count - 1, compress: true});
  }
}

function serve(port) {
  const server = new WebSocket.WebSocketServer({host: '127.0.0.1', port, maxPayload: 0, maxFragments: 0});
  server.on('connection', (socket) => {
    socket.on('message', (data) => {
      const text = data.toString();
      if (!text.startsWith('{')) return socket.send(String(data.length));
      const {count, size} = JSON.parse(text);
      sendInPieces(socket, count, size);
    });
    socket.on('error', () => {});
  });
}

function send(url, count, size) {
  const socket = new WebSocket(url);
  const seen = {answer: null};
  setTimeout(() => process.exit(1), 20000).unref();
  socket.on('open', () => sendInPieces(socket, count, size));
  socket.on('message', (data) => {
    seen.answer = data.toString();
    socket.close(1000);
  });
  socket.on('error', (error) => { seen.error = error.message; });
  socket.on('close', (code) => console.log(JSON.stringify({...seen, code})));
}

const [role, ...rest] = process.argv.slice(2);
if (role === 'serve') serve(Number(rest[0]));
else send(rest[0], Number(rest[1]), Number(rest[2]));
