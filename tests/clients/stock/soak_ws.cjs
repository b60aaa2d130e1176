// The clients of Node's ws in the soak of deflate: `node soak_ws.cjs URL COUNT` prints their ledger when it is over.
"use strict";
const WebSocket = require("ws");
require("./soak_check.js");

const [url, count] = process.argv.slice(2);
soakMembers(() => new WebSocket(url), Number(count)).then((ledger) => {
  console.log(JSON.stringify(ledger));
  process.exit(0);
});
