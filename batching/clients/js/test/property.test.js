// decode(encode(sequence)) is the sequence, for random sequences: of small encoders written from envelopes.md alone, and of
// the encoders of Sheaf itself.

import assert from 'node:assert/strict';
import test from 'node:test';

import {decodeFrame} from '../sheaf-batch.js';
import {binaryBatch, corpus, jsonBatch, pieceOf, Random, readable} from './support.js';

const SEQUENCES = 3000;
const HEAD = '{"type":"batch","batch_size":';
const SEPARATOR = '\u001e';
const TEXTS = ['', ' ', '{', '}', '[', ']', ',', '"', '\\', '\\"', SEPARATOR, '4', '42', '2', 'é€😀', '\u0000', '\ufeff', HEAD,
  `${HEAD}1,"text":"a"}`, `${HEAD}2,"messages":[1,2]}`, 'SHF\u0001', '42["batch",{"type":"batch","batch_size":1,'];

function randomValue(random, depth) {
  const kind = random.below(depth > 3 ? 5 : 7);
  if (kind === 5) return random.some(3, () => randomValue(random, depth + 1));
  if (kind === 6) return Object.fromEntries(random.some(3, () => [random.pick(TEXTS), randomValue(random, depth + 1)]));
  return [null, true, random.below(1000) / 8, random.pick(TEXTS), random.pick(TEXTS) + random.pick(TEXTS)][kind];
}

function randomJson(random) {
  const space = random.pick(['', '', ' ', '\n\t']);
  return `${space}${JSON.stringify(randomValue(random, 0), null, random.below(3))}${space}`;
}

const KINDS = 7;

function randomMessage(random, kind) {
  switch (kind) {
    case 0: return Uint8Array.from(random.some(12, () => random.below(256)));
    case 1: return Uint8Array.from(Buffer.from(`SHF\u0001${random.pick(TEXTS)}`));
    case 2: return random.some(4, () => random.pick(TEXTS)).join('');
    case 3: return jsonBatch(random.some(3, () => randomJson(random)));
    case 4: return `42${random.pick(['', '/x,', '/y,'])}${JSON.stringify([random.pick(TEXTS), randomValue(random, 0)])}`;
    case 5: return `42["batch",${randomJson(random)}]`;
    default: return randomJson(random);
  }
}

// Mostly of one kind: else hardly two that may share a frame would follow one another.
function randomSequence(random) {
  const most = random.below(KINDS);
  return random.some(12, () => randomMessage(random, random.below(4) ? most : random.below(KINDS)));
}

function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const isText = (message) => typeof message === 'string';

function isEventWithOneArgument(message) {
  const found = isText(message) && /^42(\/[^,]*,)?(\[.*\])$/s.exec(message);
  if (!found || !isJson(found[2])) return false;
  const array = JSON.parse(found[2]);
  return array.length === 2 && isText(array[0]);
}

const headOf = (packet) => packet.slice(0, packet.indexOf('['));

function entryOf(packet) {
  const [event, data] = JSON.parse(packet.slice(packet.indexOf('[')));
  return `{"event":${JSON.stringify(event)},"data":${JSON.stringify(data)}}`;
}

function eventBatch(packets) {
  return `${headOf(packets[0])}["batch",{"type":"batch","batch_size":${packets.length},"messages":[${packets.map(entryOf)}]}]`;
}

// carries: may share a frame; batch: the frame of several; alone: the frame of one.
const ENCODERS = {
  'json': {
    carries: (message) => isText(message) && isJson(message),
    batch: jsonBatch,
    alone(message) {
      if (!isText(message) || !message.startsWith(HEAD)) return message;
      return isJson(message) ? jsonBatch([message]) : `${HEAD}1,"text":${JSON.stringify(message)}}`;
    },
  },
  'binary': {
    carries: () => true,
    batch: binaryBatch,
    alone: (message) => (!isText(message) && Buffer.from(message).toString('latin1').startsWith('SHF\u0001')
      ? binaryBatch([message]) : message),
  },
  'engineio': {
    carries: (message) => isText(message) && /^4(?![56])/.test(message) && !message.includes(SEPARATOR),
    batch: (messages) => messages.join(SEPARATOR),
    alone: (message) => (isText(message) && message.includes(SEPARATOR) ? SEPARATOR + message : message),
  },
  'socketio-event': {
    carries: isEventWithOneArgument,
    mayShare: (one, other) => headOf(one) === headOf(other),
    batch: eventBatch,
    alone: (message) => (isEventWithOneArgument(message) && JSON.parse(message.slice(message.indexOf('[')))[0] === 'batch'
      ? eventBatch([message]) : message),
  },
};

function encode({carries, mayShare = () => true, batch, alone}, messages, random) {
  const frames = [];
  let run = [];
  const flush = () => {
    if (run.length) frames.push(run.length > 1 ? batch(run) : alone(run[0]));
    run = [];
  };
  for (const message of messages) {
    if (!carries(message) || (run.length && !mayShare(run[0], message)) || random.below(6) === 0) flush();
    if (carries(message)) run.push(message);
    else frames.push(alone(message));
  }
  flush();
  return frames;
}

function withoutSpace(envelope, messages) {
  return envelope !== 'socketio-event' ? messages : messages.map((one) => (isEventWithOneArgument(one)
    ? headOf(one) + JSON.stringify(JSON.parse(one.slice(one.indexOf('[')))) : one));
}

for (const [envelope, encoder] of Object.entries(ENCODERS)) {
  test(`${envelope}: what was encoded is decoded to the same sequence`, () => {
    let saved = 0;
    for (let seed = 1; seed <= SEQUENCES; ++seed) {
      const random = new Random(seed * 7919);
      const messages = randomSequence(random);
      const frames = encode(encoder, messages, random);
      saved += messages.length - frames.length;
      const decoded = frames.flatMap((frame) => decodeFrame(envelope, frame));
      const [actual, expected] = [decoded, messages].map((list) => readable(withoutSpace(envelope, list)));
      assert.deepEqual(actual, expected, `seed ${seed}`);
    }
    assert(saved > SEQUENCES / 3, 'the sequences make batches worth the name');
  });
}

test('what Sheaf encodes is decoded to the same sequence', () => {
  const saved = {};
  for (const {envelope, messages, canonical, frames} of corpus(SEQUENCES)) {
    saved[envelope] = (saved[envelope] ?? 0) + messages.length - frames.length;
    const decoded = readable(frames.flatMap((frame) => decodeFrame(envelope, pieceOf(frame))));
    const [sent, rebuilt] = [messages, canonical].map((list) => readable(list.map(pieceOf)));
    // A rebuilt event has lost its white space, one that came alone has not.
    const expected = sent.map((one, place) => (one.text === decoded[place]?.text ? one : rebuilt[place]));
    assert.deepEqual(decoded, expected, `${envelope}: ${JSON.stringify(frames)}`);
  }
  assert.deepEqual(Object.keys(saved).sort(), Object.keys(ENCODERS).sort());
  for (const count of Object.values(saved)) assert(count > SEQUENCES / 10, `hardly any batches: ${count}`);
});
