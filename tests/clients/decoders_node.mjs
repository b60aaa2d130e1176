// Runs one scenario of decoders.mjs in Node: node decoders_node.mjs SCENARIO JSON-SETTING. Prints its result as JSON.
import {createRequire} from 'node:module';
import path from 'node:path';

import * as decoders from '../../batching/clients/js/sheaf-batch.js';
import * as scenarios from './decoders.mjs';

const require = createRequire(path.join(process.env.NODE_PATH, '../index.js'));
const {NodeWebSocket, NodeXHR} = require('engine.io-client');
const {io} = require('socket.io-client');
const [scenario, setting] = process.argv.slice(2);

setTimeout(() => {
  console.error(`${scenario} is not finished in time`);
  process.exit(1);
}, 20_000).unref();

const result = await scenarios[scenario]({
  ...decoders, io, WebSocket: require('ws').WebSocket, WebSocketTransport: NodeWebSocket, PollingTransport: NodeXHR,
  ...JSON.parse(setting),
});
console.log(JSON.stringify(result));
process.exit(0);
