// Compiled, never run: each line that is marked must be an error, and no other may be.
import {BatchWebSocket, batchTransport, decodeFrame, EnvelopeError, onBatch, type Envelope} from 'sheaf-batch';
import ReconnectingWebSocket from 'reconnecting-websocket';
import {io, type Socket, NodeWebSocket, WebSocket as IoWebSocket, XHR} from 'socket.io-client';

const standard: WebSocket = new BatchWebSocket('ws://host/');
const plain: WebSocket = Math.random() < 0.5 ? new WebSocket('ws://host/') : new BatchWebSocket('ws://host/', 'protocol');
const watch = (watched: WebSocket) => watched.addEventListener('message', ({data}) => watched.send(data));
watch(new BatchWebSocket('ws://host/'));
const state: WebSocket['readyState'] = standard.readyState;
const target: EventTarget = new BatchWebSocket('ws://host/');

// In the place of the class.
const standardClass: typeof WebSocket = BatchWebSocket;
globalThis.WebSocket = BatchWebSocket;
window.WebSocket = class extends BatchWebSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, protocols, {envelope: 'binary'});
  }
};
const takesAClass = (Class: {new (url: string | URL, protocols?: string | string[]): WebSocket; readonly OPEN: number}) => Class.OPEN;
takesAClass(BatchWebSocket);
new ReconnectingWebSocket('ws://host/', [], {WebSocket: BatchWebSocket});

const socket = new BatchWebSocket(new URL('ws://host/'), ['a', 'b'], {envelope: 'binary', onFrame: (count: number) => {}});
new BatchWebSocket('ws://host/', undefined, {WebSocket});
const open: boolean = socket.readyState === BatchWebSocket.OPEN && socket instanceof EventTarget && standard.OPEN === 1;
socket.binaryType = 'arraybuffer';
socket.onmessage = ({data, origin}) => origin.startsWith(data);
socket.onclose = ({code, reason}) => code.toFixed() + reason;
socket.addEventListener('close', ({wasClean}) => wasClean, {once: true, signal: new AbortController().signal});
socket.addEventListener('message', {handleEvent: (event: Event) => event.type});
socket.send(new Blob([]));
socket.send(new Uint8Array(1));
socket.send(new ArrayBuffer(1));
socket.send(new DataView(new ArrayBuffer(1)));
socket.close(4000, 'reason');

const transport = batchTransport(IoWebSocket, {onFrame: (packets) => packets.toFixed()});
io('http://host', {transports: [XHR, transport]});
io({transports: [batchTransport(NodeWebSocket)]});

interface Events { quote: (quote: {price: number}) => void }
const typed: Socket<Events> = onBatch(io() as Socket<Events>);
typed.on('quote', ({price}) => price.toFixed());

const texts: string[] = decodeFrame('json', '[]');
const mixed: (string | ArrayBuffer)[] = decodeFrame('binary', new ArrayBuffer(0));
const any: unknown[] = decodeFrame('engineio' as Envelope, Buffer);
const error: Error = new EnvelopeError('text');

// @ts-expect-error no such envelope
new BatchWebSocket('ws://host/', [], {envelope: 'jsn'});
// @ts-expect-error no such value
socket.binaryType = 'nodebuffer';
// @ts-expect-error read only
socket.readyState = 1;
// @ts-expect-error not something that WebSocket sends
socket.send({});
// @ts-expect-error no class
batchTransport('websocket');

declare const Buffer: Uint8Array;
export {any, error, mixed, open, plain, standardClass, state, target, texts, typed};
