// A WebSocket echo on the stock ws server: node echo_server.cjs PORT. Without limits of its own: the proxy's are under test.
'use strict';
const {WebSocketServer} = require('ws');

const server = new WebSocketServer({
  host: '127.0.0.1', port: Number(process.argv[2]), perMessageDeflate: false, maxPayload: 0, maxFragments: 0, maxBufferedChunks: 0,
});
server.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, {binary: isBinary}));
  socket.on('error', () => {});
});
