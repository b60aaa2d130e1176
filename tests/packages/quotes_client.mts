// A session of the installed sheaf-batch with /quotes?count=N: prints {"frames": N, "messages": N}. The environment has URL,
// COUNT, and as WS where Node's package `ws` is. What comes back wrong ends it with an error.

import {BatchWebSocket} from 'sheaf-batch';

declare const process: {env: Record<string, string>};
declare const console: {log(text: string): void};

const {URL, COUNT, WS} = process.env as {URL: string; COUNT: string; WS: string};
const {default: ws} = (await import(WS)) as {default: typeof WebSocket};
const ECHO = '"to be sent back"';

let frames = 0;
const onFrame = () => { frames += 1; };
const socket: WebSocket = new BatchWebSocket(URL, [], {WebSocket: ws, onFrame});
const messages: string[] = [];
await new Promise<void>((resolve, reject) => {
  socket.onerror = () => reject(new Error('the connection failed'));
  socket.onmessage = ({data}: MessageEvent<string>) => {
    messages.push(data);
    if (messages.length === Number(COUNT)) socket.send(ECHO);
    if (data === ECHO) resolve();
  };
});
socket.close();
const wanted = Array.from({length: Number(COUNT)}, (_, number) => `{"symbol":"SHF","number":${number}}`);
if (JSON.stringify(messages) !== JSON.stringify([...wanted, ECHO])) throw new Error(`came: ${messages.join(' ')}`);
console.log(JSON.stringify({frames: frames - 1, messages: wanted.length}));
