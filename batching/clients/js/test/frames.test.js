// decodeFrame against the golden vectors that the C++ encoder is tested with.

import assert from 'node:assert/strict';
import test from 'node:test';

import {decodeFrame, EnvelopeError, ENVELOPES} from '../sheaf-batch.js';
import {readable, valueOf, vectorsOf} from './support.js';

// Socket.IO packets may differ in the white space around what they hold: tests/vectors/README.md. Python's JSON and ours
// alike refuse the one vector with NaN, so that texts that are no JSON must be equal to the letter.
function comparable(envelope, messages) {
  return readable(messages).map((one) => {
    const [, head, json] = (envelope === 'socketio-event' && /^([^[]*)(\[.*)$/s.exec(one.text ?? '')) || [];
    try {
      return json ? {head, value: JSON.parse(json)} : one;
    } catch {
      return {...one, text: one.text.replace(/\s+/g, '')};
    }
  });
}

for (const envelope of ENVELOPES) {
  const vectors = vectorsOf(envelope);
  assert(vectors.encode.length > 10 && vectors.decode.length > 5, `vectors of ${envelope} are there`);

  for (const {name, messages, frames} of vectors.encode) {
    test(`${envelope}: ${name}`, () => {
      const decoded = frames.flatMap((frame) => decodeFrame(envelope, valueOf(frame)));
      assert.deepEqual(comparable(envelope, decoded), comparable(envelope, messages.map(valueOf)));
    });
  }

  for (const {name, frame, messages, error} of vectors.decode) {
    test(`${envelope}, decoding: ${name}`, () => {
      if (error) {
        assert.throws(() => decodeFrame(envelope, valueOf(frame)), EnvelopeError);
      } else {
        const decoded = decodeFrame(envelope, valueOf(frame));
        assert.deepEqual(comparable(envelope, decoded), comparable(envelope, messages.map(valueOf)));
      }
    });
  }
}

test('a frame that is no envelope is handed on as the very same object', () => {
  const bytes = new Uint8Array([1, 2, 3]);
  for (const envelope of ENVELOPES) assert.equal(decodeFrame(envelope, bytes)[0], bytes);
});

test('an envelope may be any view of bytes, and its messages do not share memory with it', () => {
  const around = Buffer.from('..SHF\u0001\u0000\u0000\u0000\u0002hi\u0080\u0000\u0000\u0001x..', 'latin1');
  const messages = decodeFrame('binary', around.subarray(2, -2));
  around.fill(0);
  assert.deepEqual(readable(messages), [{text: 'hi'}, {bytes: '78'}]);
});

test('a byte order mark in a text message stays', () => {
  const frame = Buffer.from('SHF\u0001\u0000\u0000\u0000\u0004\u00ef\u00bb\u00bfa', 'latin1');
  assert.deepEqual(decodeFrame('binary', frame), ['\ufeffa']);
});

test('brackets that do not match up leave the frame as it is', () => {
  for (const inside of ['[1', '1]', '{"a":[}', '"', '"\\"']) {
    const frame = `{"type":"batch","batch_size":1,"messages":[${inside}]}`;
    assert.deepEqual(decodeFrame('json', frame), [frame], inside);
  }
});

test('a binary record that is one byte too long is an error, too', () => {
  const frame = Buffer.from('SHF\u0001\u0080\u0000\u0000\u0003hi', 'latin1');
  assert.throws(() => decodeFrame('binary', frame), EnvelopeError);
});

test('an unknown envelope and a Blob as a binary envelope are errors', () => {
  assert.throws(() => decodeFrame('jsn', '[]'), /no envelope is named jsn/);
  assert.throws(() => decodeFrame('binary', new Blob([])), TypeError);
});

test('strings full of quotes and backslashes cost time that grows with their length only', () => {
  // Looking back over the same backslashes for each quote would be 10^12 steps.
  const string = `"${'\\'.repeat(1_000_000)}${'\\"'.repeat(1_000_000)}"`;
  const frame = `{"type":"batch","batch_size":2,"messages":[${string},1]}`;
  assert.deepEqual(decodeFrame('json', frame), [string, '1']);
});
