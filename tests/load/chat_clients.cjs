// The users of chat.py, by the stock socket.io-client with its defaults: polling first, then a WebSocket for which `ws` offers
// permessage-deflate as Chromium does. The argument is JSON: {url, users, seconds, settle}. On stdout it says, each as a line of JSON,
// {"stage": "steady"}, {"stage": "leaving", ...} with what was counted in between, and {"stage": "gone", ...}.

'use strict';

const {once} = require('node:events');
const {monitorEventLoopDelay} = require('node:perf_hooks');
const {setTimeout: sleep} = require('node:timers/promises');
const {io} = require('socket.io-client');

const {url, users, seconds, settle} = JSON.parse(process.argv[2]);
const ACK_TIMEOUT = 20_000;  // milliseconds
const ROOM = 10;  // users, as chat_app.py puts them together
const LAST_POSTS = 1_000;  // milliseconds in which the last posts reach everybody
const tally = {steady: false, received: 0, tokens: 0, posts: 0, acks: 0, answers: 0, deflate: 0, problems: []};
const delays = {token: [], post: [], ack: []};  // milliseconds
let leaving = false;

const now = () => Number(process.hrtime.bigint());
const say = (stage, figures = {}) => process.stdout.write(`${JSON.stringify({stage, ...figures})}\n`);

/** Counts something that came, and how long it took, while the load is steady. */
function count(name, kind, milliseconds) {
  if (!tally.steady) return;
  tally.received += 1;
  if (name) tally[name] += 1;
  if (kind) delays[kind].push(milliseconds);
}

/** A generator of numbers from 0 to 1 that a seed repeats, so that each way has the same load. */
function randomOf(seed) {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

class User {
  /** @param {number} number from 0 */
  constructor(number) {
    this.number = number;
    this.random = randomOf(number);
    this.answer = 0;
    this.tokens = 0;  // of this answer, so far
    this.posts = 0;
    this.heard = new Map();  // of each user of the room: the newest post's number
  }

  /** @returns {Promise<void>} done when its WebSocket stands */
  async connect() {
    this.socket = io(url, {query: {user: this.number}, forceNew: true, reconnection: false});
    this.socket.on('token', (token) => this.take(token));
    this.socket.on('done', (done) => this.end(done));
    this.socket.on('typing', () => count());
    this.socket.on('post', (post) => this.hear(post));
    this.socket.on('disconnect', (reason) => leaving || tally.problems.push(`user ${this.number}: ${reason}`));
    await new Promise((resolve, reject) => {
      this.socket.on('connect_error', reject);
      this.socket.on('connect', resolve);
    });
    const {engine} = this.socket.io;
    if (engine.transport.name !== 'websocket') await once(engine, 'upgrade');
    this.wire = this.socket.io.engine.transport.ws;
    if (this.wire.extensions.includes('permessage-deflate')) tally.deflate += 1;
  }

  /** A token is the next one of this answer, or something was lost, repeated or reordered. */
  take({answer, i, t}) {
    count('tokens', 'token', (now() - t) / 1e6);
    if (answer !== this.answer || i !== this.tokens) tally.problems.push(`user ${this.number}: ${answer}/${i} for ${this.answer}/${this.tokens}`);
    this.tokens += 1;
  }

  /** A post is its author's next one. */
  hear({user, number, t}) {
    count('posts', 'post', (now() - t) / 1e6);
    const next = (this.heard.get(user) ?? 0) + 1;
    if (number !== next) tally.problems.push(`user ${this.number}: post ${number} of ${user} for ${next}`);
    this.heard.set(user, number);
  }

  /** The answer is there. */
  end({answer, tokens}) {
    count('answers');
    if (answer !== this.answer || tokens !== this.tokens) tally.problems.push(`user ${this.number}: ${this.tokens} of ${tokens} tokens`);
    this.finished();
  }

  /** Emits and waits for the acknowledgement. */
  async say(event, data) {
    const began = now();
    await this.socket.timeout(ACK_TIMEOUT).emitWithAck(event, data);
    count('acks', 'ack', (now() - began) / 1e6);
  }

  /** Types, posts to the room, asks, reads the answer; again until all leave. */
  async live() {
    while (!leaving) {
      for (let left = 3 + Math.floor(this.random() * 5); left > 0; left -= 1) {
        await this.say('typing', {user: this.number});
        await sleep(200 + this.random() * 300);
      }
      this.posts += 1;
      await this.say('post', {user: this.number, number: this.posts, text: `This is what user ${this.number} has to say to the room.`});
      await this.ask();
      await sleep(500 + this.random() * 1000);
    }
  }

  /** One answer of 40 to 120 tokens, 20 to 60 a second. */
  async ask() {
    this.answer += 1;
    this.tokens = 0;
    const finished = new Promise((resolve) => { this.finished = resolve; });
    const [tokens, rate] = [40 + Math.floor(this.random() * 81), 20 + this.random() * 40];
    await this.say('ask', {answer: this.answer, tokens, rate});
    await finished;
  }
}

/** @returns {{p50: number, p99: number, count: number}} of milliseconds */
function percentiles(values) {
  const ordered = values.sort((a, b) => a - b);
  const at = (share) => ordered[Math.floor((ordered.length - 1) * share)] ?? 0;
  return {p50: at(0.5), p99: at(0.99), count: ordered.length};
}

/** @returns {string[]} which posts to a room did not come to everybody in it, once all have had the time */
function missingPosts(all) {
  const missing = [];
  for (const {number, heard} of all) {
    for (const mate of all.filter((one) => Math.floor(one.number / ROOM) === Math.floor(number / ROOM))) {
      const got = heard.get(mate.number) ?? 0;
      if (got !== mate.posts) missing.push(`user ${number} has ${got} of ${mate.posts} posts of ${mate.number}`);
    }
  }
  return missing;
}

/** @returns {[number, number]} TCP payload that the clients' WebSockets have got and sent */
function bytesOf(all) {
  return all.reduce(([got, sent], {wire}) => [got + wire._socket.bytesRead, sent + wire._socket.bytesWritten], [0, 0]);
}

async function main() {
  const all = Array.from({length: users}, (_, number) => new User(number));
  for (let begin = 0; begin < users; begin += 20) await Promise.all(all.slice(begin, begin + 20).map((user) => user.connect()));
  const lives = all.map(async (user) => {
    await sleep(user.random() * 3000);
    await user.live();
  });
  Promise.all(lives).catch((error) => tally.problems.push(String(error)));
  await sleep(settle * 1000);
  const loop = monitorEventLoopDelay({resolution: 5});
  loop.enable();
  const before = bytesOf(all);
  tally.steady = true;
  const began = now();
  say('steady', {connected: all.length, deflate: tally.deflate});
  await sleep(seconds * 1000);
  tally.steady = false;
  const took = (now() - began) / 1e9;
  const after = bytesOf(all);
  say('leaving', {
    ...tally, seconds: took, bytes: after[0] - before[0], bytes_sent: after[1] - before[1],
    token_ms: percentiles(delays.token), post_ms: percentiles(delays.post), ack_ms: percentiles(delays.ack),
    late_ms: {p50: loop.percentile(50) / 1e6 - 5, p99: loop.percentile(99) / 1e6 - 5},
  });
  leaving = true;
  await Promise.allSettled(lives);
  await sleep(LAST_POSTS);
  say('gone', {problems: [...tally.problems, ...missingPosts(all)]});
  all.forEach((user) => user.socket.disconnect());
}

/** Ends a run that cannot go on. */
function giveUp(error) {
  console.error(error, tally.problems);
  process.exit(1);
}

setTimeout(giveUp, (settle + seconds + 120) * 1000, 'the clients are not through').unref();
main().catch(giveUp);
