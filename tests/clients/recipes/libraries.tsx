// Libraries that open the WebSocket by themselves: one that takes a class, and one that takes none and uses the global one,
// which the recipe has replaced.
import {members, numbers, seen, until} from './frames';
import 'recipe';
import {StrictMode} from 'react';
import {createRoot} from 'react-dom/client';
import ReconnectingWebSocket from 'reconnecting-websocket';
import {BatchWebSocket} from 'sheaf-batch';
import useWebSocket from 'react-use-websocket';

const got: string[] = [];
let send: (text: string) => void;

function App({url}: {url: string}) {
  const {sendMessage} = useWebSocket(url, {onMessage: ({data}) => got.push(data)});
  send = sendMessage;
  return null;
}

/** react-use-websocket, with the global class. */
async function withGlobal(base: string) {
  const root = createRoot(document.body);
  root.render(<StrictMode><App url={`${base}/ws/headers`} /></StrictMode>);
  await until(() => got.length > 0, () => got);
  const {query} = JSON.parse(got.splice(0)[0]);
  seen.frames = 0;
  for (const number of numbers) send(number);
  await until(() => got.length >= numbers.length, () => got);
  root.unmount();
  return {got: got.splice(0), sent: numbers, frames: seen.frames, query};
}

/** reconnecting-websocket, which takes a class. */
async function withClass(base: string) {
  const socket = new ReconnectingWebSocket(`${base}/ws/echo`, [], {WebSocket: BatchWebSocket});
  socket.onmessage = ({data}) => got.push(data);
  await new Promise((resolve) => { socket.onopen = resolve; });
  seen.frames = 0;
  for (const number of numbers) socket.send(number);
  await until(() => got.length >= numbers.length, () => got);
  socket.close();
  return {got: got.splice(0), sent: numbers, frames: seen.frames};
}

/**
 * @returns the results of both; `elsewhere`: the query that another server than the page's has got; `inherited`: the members
 *   that BatchWebSocket would leave to the browser's class
 */
export async function run({base, other}: {base: string; other: string}) {
  const results = {global: await withGlobal(base.replace('http', 'ws')), class: await withClass(base.replace('http', 'ws'))};
  const socket = new WebSocket(`${other.replace('http', 'ws')}/ws/headers?a=1`);
  const elsewhere = await new Promise((resolve) => {
    socket.onmessage = ({data}) => resolve(JSON.parse(data).query);
  });
  const inherited = members.filter((name) => !Object.hasOwn(BatchWebSocket.prototype, name));
  return {...results, elsewhere, inherited};
}
