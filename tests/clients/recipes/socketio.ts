// A Socket.IO recipe as it stands, with `url` of the page; the global class as it is, or replaced before.
import {numbers, seen, until} from './frames';
import 'before';
import {socket, WebSocketOfTheRecipe} from 'recipe';

/** @returns events and acknowledgements, and whether `WebSocket` still is the browser's where the recipe stands */
export async function run() {
  const got: string[] = [];
  socket.on('number', (number: string) => got.push(number));
  await until(() => socket.connected, () => socket.id);
  await until(() => socket.io.engine.transport.name === 'websocket', () => socket.io.engine.transport.name);
  seen.frames = 0;
  socket.emit('repeat', numbers.map((number) => ['number', [number]]));
  const acknowledged = await socket.emitWithAck('echo', 'x', 1);
  await until(() => got.length >= numbers.length, () => got);
  socket.disconnect();
  return {got, sent: numbers, frames: seen.frames, acknowledged, isGlobal: WebSocketOfTheRecipe === globalThis.WebSocket, urls: seen.urls};
}
