// The React recipe in a page with StrictMode: mounted, given another address, unmounted.
import {numbers, seen, until} from './frames';
import {StrictMode, useEffect, useState, type RefObject} from 'react';
import {createRoot} from 'react-dom/client';
import {useBatchWebSocket} from 'recipe';

const app = {socket: {current: null} as RefObject<WebSocket | null>, mounts: 0, renders: 0};

function App({url}: {url: string}) {
  const [messages, setMessages] = useState<string[]>([]);
  app.socket = useBatchWebSocket(url, ({data}) => setMessages((before) => [...before, data]));
  useEffect(() => void ++app.mounts, []);
  useEffect(() => void ++app.renders);
  return <ol>{messages.map((message, place) => <li key={place}>{message}</li>)}</ol>;
}

/** What the page shows. */
const shown = () => Array.from(document.querySelectorAll('li'), ({textContent}) => String(textContent));

/** @returns what each step of a component's life has shown, in order */
export async function run({base, tag}: {base: string; tag: string}) {
  const root = createRoot(document.body.appendChild(document.createElement('main')));
  const render = (path: string) => root.render(<StrictMode><App url={base + path} /></StrictMode>);
  render('/ws/headers?first');
  await until(() => shown().length === 1, shown);
  const {query} = JSON.parse(shown()[0]);
  app.renders = 0;
  for (const number of numbers) app.socket.current!.send(number);
  await until(() => shown().length >= 1 + numbers.length, shown);
  const echoed = {got: shown().slice(1), sent: numbers, renders: app.renders, mounts: app.mounts, frames: seen.frames, query};

  for (const number of numbers) app.socket.current!.send(number);
  render(`/ws/closed?tag=${tag}`);
  await until(() => shown().includes('ready'), shown);
  const closes = async () => (await fetch(`${base}/api/closes?tag=${tag}`)).json();
  const before = await closes();
  root.unmount();
  await until(async () => (await closes()).length > 0, closes);

  const other = createRoot(document.body);
  other.render(<StrictMode><App url={`${base}/ws/headers?never`} /></StrictMode>);
  await new Promise((resolve) => queueMicrotask(() => resolve(other.unmount())));
  await new Promise((resolve) => setTimeout(resolve, 100));
  return {...echoed, before, after: await closes(), urls: seen.urls};
}
