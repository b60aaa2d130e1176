/** The names of the envelopes, as the query parameter `sheaf` takes them. */
export type Envelope = 'json' | 'binary' | 'engineio' | 'socketio-event';

/** All envelopes. */
export const ENVELOPES: readonly Envelope[];

/** A frame that only a broken sender makes. The connection it came on cannot be trusted any more. */
export class EnvelopeError extends Error {}

/**
 * Takes one frame apart. Each frame stands for itself: there is no state between calls.
 * @param envelope the envelope that was asked for
 * @param data the frame: a string for a text frame, else bytes
 * @returns the messages in order, at least one. A frame that is no envelope is the only member, the very same object
 * @throws {EnvelopeError} a `binary` envelope is broken
 * @throws {TypeError} the envelope is unknown; or it is `binary`, and the data is neither a string nor bytes
 */
export function decodeFrame(envelope: Exclude<Envelope, 'binary'>, data: string): string[];
export function decodeFrame(envelope: 'binary', data: ArrayBuffer): (string | ArrayBuffer)[];
export function decodeFrame<Data>(envelope: Envelope, data: Data): (string | ArrayBuffer | Data)[];

/** What all three ways of use can be told. */
export interface FrameOptions {
  /** Called for each frame with the number of messages that it had. */
  onFrame?: (messages: number) => void;
}

/** A class with the interface of WebSocket: the browser's, Node's, or that of the package `ws`. */
export type WebSocketClass = new (url: any, protocols?: any) => {
  binaryType: any;
  addEventListener(type: any, listener: any): void;
  send(data: any): void;
  close(code?: number, reason?: string): void;
};

export interface BatchWebSocketOptions extends FrameOptions {
  /** The form of batch frames to ask for; default `json`, for an address that asks for one of Socket.IO's: none. */
  envelope?: Envelope;
  /** The class to use instead of the WebSocket that was global when this module was loaded. */
  WebSocket?: WebSocketClass;
}

/**
 * A drop-in for WebSocket. It asks Sheaf for batch frames and fires one `message` event for each message in them, in order
 * and each in a task of its own, as if it had come in a frame of its own. Plain frames pass unchanged.
 */
export class BatchWebSocket extends EventTarget {
  static readonly CONNECTING: 0;
  static readonly OPEN: 1;
  static readonly CLOSING: 2;
  static readonly CLOSED: 3;

  /**
   * @param url as for WebSocket; a query parameter `sheaf` is replaced, unless it asks for an envelope of Socket.IO and
   *   `options.envelope` for nothing: then the frames pass as they come
   * @param protocols as for WebSocket
   * @throws {TypeError} an unknown envelope, or no WebSocket class
   * @throws {DOMException} SyntaxError, as WebSocket throws it
   */
  constructor(url: string | URL, protocols?: string | string[], options?: BatchWebSocketOptions);

  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;

  /** OPEN as long as received messages wait to be delivered. */
  readonly readyState: 0 | 1 | 2 | 3;
  /** The address that the page gave, resolved, without what this class put into its query. */
  readonly url: string;
  readonly protocol: string;
  readonly extensions: string;
  /** Bytes that were sent and have not left yet. */
  readonly bufferedAmount: number;
  binaryType: BinaryType;

  onopen: ((this: WebSocket, event: Event) => any) | null;
  onmessage: ((this: WebSocket, event: MessageEvent) => any) | null;
  onerror: ((this: WebSocket, event: Event) => any) | null;
  onclose: ((this: WebSocket, event: CloseEvent) => any) | null;

  send(data: Parameters<WebSocket['send']>[0]): void;
  /**
   * From here on no `message` event fires, not even for messages of the batch under way: so the standard has it.
   * @param code 1000, or 3000 to 4999
   * @param reason at most 123 bytes
   * @throws {DOMException} InvalidAccessError or SyntaxError, as WebSocket throws them
   */
  close(code?: number, reason?: string): void;

  addEventListener<K extends keyof WebSocketEventMap>(
    type: K,
    listener: (this: WebSocket, event: WebSocketEventMap[K]) => any,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof WebSocketEventMap>(
    type: K,
    listener: (this: WebSocket, event: WebSocketEventMap[K]) => any,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | EventListenerOptions,
  ): void;
}

/**
 * Makes a transport that understands batch frames out of one of socket.io-client's own. It asks Sheaf for the envelope
 * `engineio` by itself, and goes where the stock transport goes: `io(url, {transports: [batchTransport(WebSocket)]})`.
 * @param WebSocketTransport `WebSocket` or `NodeWebSocket`, as socket.io-client exports them since 4.8
 * @returns a class that is used like the one given
 * @throws {TypeError} the class is no transport
 */
export function batchTransport<Transport extends new (options: any) => any>(
  WebSocketTransport: Transport,
  options?: FrameOptions,
): Transport;

/**
 * Takes the envelope `socketio-event` apart for one socket (a namespace each): every event reaches the socket's listeners,
 * catch-all ones included, as if it had come alone. An app's own event `batch` still does. A second call changes nothing.
 * It must be called before the first event can come: right after `io(...)`.
 * @param socket a socket of socket.io-client
 * @returns the same socket
 * @throws {TypeError} it is no socket of a version that this works with
 */
export function onBatch<Socket extends object>(socket: Socket, options?: FrameOptions): Socket;
