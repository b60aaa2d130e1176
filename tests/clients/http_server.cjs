// Node's own HTTP server: node http_server.cjs PORT. When standard input ends it calls server.close(), and the process ends
// when that has completed: every connection must be over by then.
'use strict';
const http = require('node:http');

const server = http.createServer((request, response) => {
  request.resume();
  request.on('end', () => response.end(request.url));
});
server.listen(Number(process.argv[2]), '127.0.0.1');
process.stdin.on('end', () => server.close(() => process.exit(0)));
process.stdin.resume();
