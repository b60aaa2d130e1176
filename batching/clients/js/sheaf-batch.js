// Takes the batch frames of Sheaf apart. README.md shows the use of each part; ../../envelopes.md is the wire format.
export {ENVELOPES, EnvelopeError, decodeFrame} from './frames.js';
export {batchTransport, onBatch} from './socketio.js';
export {BatchWebSocket} from './websocket.js';
