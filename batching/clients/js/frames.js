// One frame in, the messages that it carries out. Pure; the specification is ../../envelopes.md.

/** The names of the envelopes, as the query parameter `sheaf` takes them. */
export const ENVELOPES = Object.freeze(['json', 'binary', 'engineio', 'socketio-event']);

/** A frame that only a broken sender makes. The connection it came on cannot be trusted any more. */
export class EnvelopeError extends Error {
  name = 'EnvelopeError';
}

const HEAD = '{"type":"batch","batch_size":';
const RECORD_SEPARATOR = '\u001e';
const MAGIC = 0x53484601;
const REST = 0xffffffff;  // in place of a length: a binary message that is the rest of the frame
const QUOTE = 0x22, COMMA = 0x2c, BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b, CLOSE_BRACKET = 0x5d, OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d;

// Both begin where the count stands.
const JSON_FORM = /([1-9][0-9]*),"(messages":\[|text":)/y;
const SOCKET_IO_FORM = /^((?:42|45[0-9]+-)(?:\/[^,]*,)?)\["batch",\{"type":"batch","batch_size":([1-9][0-9]*),"messages":\[/;

const WHOLE_EVENT = /^\[[ \t\n\r]*"/;

let utf8;

/**
 * Finds the quote that ends a JSON string.
 * @param {string} text
 * @param {number} open index of the quote that begins it
 * @returns {number} index of the quote that ends it, or -1
 */
function endOfString(text, open) {
  for (let at = text.indexOf('"', open + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let first = at;
    while (text.charCodeAt(first - 1) === BACKSLASH) --first;
    if ((at - first) % 2 === 0) return at;
  }
  return -1;
}

/**
 * Splits the inside of a JSON array at its own commas; the parts stand as they stood, white space included.
 * @param {string} text
 * @param {number} begin index after the opening bracket
 * @param {number} end index of the closing bracket
 * @returns {string[] | null} the parts, or null where the brackets or quotes do not match up
 */
function splitArray(text, begin, end) {
  const parts = [];
  let depth = 0;
  let start = begin;
  for (let at = begin; at < end; ++at) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at);
        if (at < 0 || at >= end) return null;
        break;
      case OPEN_BRACKET:
      case OPEN_BRACE:
        ++depth;
        break;
      case CLOSE_BRACKET:
      case CLOSE_BRACE:
        if (--depth < 0) return null;
        break;
      case COMMA:
        if (depth > 0) break;
        parts.push(text.slice(start, at));
        start = at + 1;
    }
  }
  if (depth > 0) return null;
  parts.push(text.slice(start, end));
  return parts;
}

/**
 * @param {string} text what should be a JSON string
 * @returns {string | null} its value, or null where it is something else
 */
function parseString(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === 'string' ? value : null;
  } catch {
    return null;
  }
}

/**
 * @param {string} text a text frame
 * @returns {string[] | null} the messages, or null where it is no envelope
 */
function decodeJson(text) {
  if (!text.startsWith(HEAD)) return null;
  JSON_FORM.lastIndex = HEAD.length;
  const form = JSON_FORM.exec(text);
  if (!form) return null;
  const [, count, member] = form;
  if (member.startsWith('text')) {
    const message = count === '1' && text.endsWith('}') ? parseString(text.slice(JSON_FORM.lastIndex, -1)) : null;
    return message === null ? null : [message];
  }
  const messages = text.endsWith(']}') ? splitArray(text, JSON_FORM.lastIndex, text.length - 2) : null;
  return messages?.length === Number(count) ? messages : null;
}

/**
 * @param {ArrayBuffer | ArrayBufferView} data a binary frame
 * @returns {(string | ArrayBuffer)[] | null} the messages, or null where it is no envelope
 * @throws {EnvelopeError} the records do not fill the frame exactly, or a text is not UTF-8
 */
function decodeBinary(data) {
  // DataView refuses a Blob by itself, and takes an ArrayBuffer of another realm, which instanceof does not know.
  const view = ArrayBuffer.isView(data) ? new DataView(data.buffer, data.byteOffset, data.byteLength) : new DataView(data);
  if (view.byteLength < 4 || view.getUint32(0) !== MAGIC) return null;
  const messages = [];
  let at = 4;
  do {
    if (view.byteLength - at < 4) throw new EnvelopeError('a batch frame ends before or within a length');
    const length = view.getUint32(at);
    const begin = at + 4;
    at = length === REST ? view.byteLength : begin + (length & 0x7fffffff);
    if (at > view.byteLength) throw new EnvelopeError('a batch frame ends within a message');
    messages.push(length > 0x7fffffff ? copyBytes(view, begin, at) : decodeText(view, begin, at));
  } while (at < view.byteLength);
  return messages;
}

/**
 * @param {DataView} view
 * @param {number} begin first byte
 * @param {number} end byte after the last
 * @returns {ArrayBuffer} a copy, so that a small message does not keep the whole frame alive
 */
function copyBytes(view, begin, end) {
  return view.buffer.slice(view.byteOffset + begin, view.byteOffset + end);
}

/**
 * @param {DataView} view
 * @param {number} begin first byte
 * @param {number} end byte after the last
 * @returns {string}
 * @throws {EnvelopeError} the bytes are not UTF-8
 */
function decodeText(view, begin, end) {
  // Made at need: jsdom has no TextDecoder. ignoreBOM: a byte order mark is a part of the message.
  utf8 ??= new TextDecoder('utf-8', {fatal: true, ignoreBOM: true});
  try {
    return utf8.decode(new Uint8Array(view.buffer, view.byteOffset + begin, end - begin));
  } catch {
    throw new EnvelopeError('a text message in a batch frame is not UTF-8');
  }
}

/**
 * @param {string} text a text frame
 * @returns {string[]} the Engine.IO packets
 */
function decodeEngineIo(text) {
  const first = text.indexOf(RECORD_SEPARATOR);
  if (first < 0) return [text];
  return first === 0 ? [text.slice(1)] : text.split(RECORD_SEPARATOR);
}

/**
 * @param {string} text a text frame
 * @returns {string[] | null} Socket.IO packets, one an event, or null where it is no envelope
 */
function decodeSocketIo(text) {
  const form = SOCKET_IO_FORM.exec(text);
  if (!form || !text.endsWith(']}]')) return null;
  const entries = splitArray(text, form[0].length, text.length - 3);
  if (entries?.length !== Number(form[2])) return null;
  const packets = entries.map((entry) => packetOf(form[1], entry));
  return packets.includes(null) ? null : packets;
}

/**
 * @param {string} head packet type and namespace
 * @param {string} entry an entry of a `socketio-event` envelope
 * @returns {string | null} the packet that it stands for, or null where it is no entry
 */
function packetOf(head, entry) {
  if (WHOLE_EVENT.test(entry)) return head + entry;
  const before = '{"event":', between = ',"data":';
  if (!entry.startsWith(`${before}"`) || !entry.endsWith('}')) return null;
  const end = endOfString(entry, before.length) + 1;
  if (end === 0 || !entry.startsWith(between, end)) return null;
  return `${head}[${entry.slice(before.length, end)},${entry.slice(end + between.length, -1)}]`;
}

/**
 * Takes one frame apart. Each frame stands for itself: there is no state between calls.
 * @param {'json' | 'binary' | 'engineio' | 'socketio-event'} envelope the envelope that was asked for
 * @param {string | ArrayBuffer | ArrayBufferView} data the frame: a string for a text frame, else bytes
 * @returns {(string | ArrayBuffer | ArrayBufferView)[]} the messages in order, at least one. A frame that is no envelope is
 *   the only member, the very same object
 * @throws {EnvelopeError} a `binary` envelope is broken
 * @throws {TypeError} the envelope is unknown; or it is `binary`, and the data is neither a string nor bytes (a Blob, say)
 */
export function decodeFrame(envelope, data) {
  if (!ENVELOPES.includes(envelope)) throw new TypeError(`no envelope is named ${envelope}: ${ENVELOPES.join(', ')}`);
  if (typeof data === 'string') {
    if (envelope === 'json') return decodeJson(data) ?? [data];
    if (envelope === 'engineio') return decodeEngineIo(data);
    return (envelope === 'socketio-event' ? decodeSocketIo(data) : null) ?? [data];
  }
  return (envelope === 'binary' ? decodeBinary(data) : null) ?? [data];
}
