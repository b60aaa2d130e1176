// A stock socket.io-client that is shed and comes back: node socketio_shed.cjs URL. Prints one JSON object a line: each
// "connect" and "disconnect" (with its reason), and every Engine.IO packet that came in between. Ends with its input.
'use strict';
const {io} = require('socket.io-client');

const tell = (what) => console.log(JSON.stringify(what));
const socket = io(process.argv[2], {transports: ['websocket'], reconnectionDelay: 300, reconnectionDelayMax: 600});
socket.io.on('open', () => {
  socket.io.engine.on('packet', ({type, data}) => tell({packet: type, data: String(data)}));
});
socket.on('connect', () => tell({event: 'connect', id: socket.id}));
socket.on('disconnect', (reason) => tell({event: 'disconnect', reason}));
process.stdin.on('data', async () => tell({event: 'answer', value: await socket.emitWithAck('repeat', 'hello')}));
process.stdin.on('end', () => process.exit(0));
