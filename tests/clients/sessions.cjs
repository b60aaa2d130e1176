// Stock socket.io-clients in front of several processes: node sessions.cjs URL COUNT TRANSPORTS ROUNDS. They connect all
// at once, and ask ROUNDS times which process they are in. Prints one JSON object: how many sessions each process has
// (byPid), how many got answers of two (moved), the transports at the end, and what went wrong (failed).
'use strict';
const {io} = require('socket.io-client');

const [url, count, transports, rounds] = process.argv.slice(2);
const seen = {byPid: {}, moved: 0, transports: {}, failed: []};

async function live() {
  const socket = io(url, {transports: transports.split(','), forceNew: true, reconnection: false, timeout: 60000});
  socket.on('disconnect', (reason) => { if (reason !== 'io client disconnect') seen.failed.push(reason); });
  await new Promise((resolve, reject) => {
    socket.on('connect', resolve);
    socket.on('connect_error', reject);
  });
  const pids = new Set();
  for (let round = 0; round < Number(rounds); ++round) pids.add(await socket.timeout(60000).emitWithAck('who', 0));
  if (pids.size > 1) ++seen.moved;
  const [pid] = pids;
  seen.byPid[pid] = (seen.byPid[pid] ?? 0) + 1;
  return socket;
}

async function run() {
  const made = await Promise.allSettled(Array.from({length: Number(count)}, live));
  for (const {reason, value} of made) {
    if (reason) {
      seen.failed.push(String(reason));
      continue;
    }
    const {name} = value.io.engine.transport;
    seen.transports[name] = (seen.transports[name] ?? 0) + 1;
    value.disconnect();
  }
  console.log(JSON.stringify(seen));
}

run().then(() => process.exit(0));
