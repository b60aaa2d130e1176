// A client of the soak of deflate, for browsers and for Node: member(connect, ledger) stays until the backend of
// tests/integration/harness/deflate_app.py says that the soak is over. `connect` makes a WebSocket as browsers have it.
(() => {
  const table = new Uint32Array(256).map((_, n) => {
    for (let bit = 0; bit < 8; ++bit) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
    return n;
  });
  const encoder = new TextEncoder();
  const decoder = new TextDecoder("utf-8", { fatal: true });

  function checksum(text) {
    let sum = 0xffffffff;
    for (const byte of encoder.encode(text)) sum = table[(sum ^ byte) & 255] ^ (sum >>> 8);
    return (~sum >>> 0).toString(16).padStart(8, "0");
  }

  // What is no JSON is not right either, and is counted so.
  function parsed(data) {
    try {
      const text = typeof data === "string" ? data : decoder.decode(data);
      return text ? JSON.parse(text) : { empty: true };
    } catch (error) {
      return { problem: String(error) };
    }
  }

  const newLedger = () => ({ connections: 0, messages: 0, wrong: 0, missing: 0, out_of_order: 0, failed: 0, first_problem: "" });

  // One connection; resolves to whether it was the last one, null where it has failed.
  function stay(connect, ledger) {
    const socket = connect();
    socket.binaryType = "arraybuffer";
    let count = 0;
    let latest = 0;
    let over = null;
    const complain = (kind, what) => {
      ++ledger[kind];
      ledger.first_problem ||= what;
    };
    return new Promise((resolve) => {
      socket.onopen = () => ++ledger.connections;
      socket.onerror = (event) => (ledger.first_problem ||= String(event.message ?? "an error of the connection"));
      socket.onclose = (event) => {
        if (over === null) complain("failed", `closed with ${event.code} ${event.reason}`);
        resolve(over);
      };
      socket.onmessage = ({ data }) => {
        const message = parsed(data);
        if ("bye" in message) {
          ledger.missing += message.bye - count;
          over = message.over;
          socket.close(1000);
          return;
        }
        ++count;
        ++ledger.messages;
        if (message.empty) return;
        const { s, g, b, c } = message;
        if (checksum(`${s} ${g} ${b}`) !== c) complain("wrong", `message ${count}: ${JSON.stringify(message).slice(0, 80)}`);
        if (message.g && message.g <= latest) complain("out_of_order", `${message.g} came after ${latest}`);
        latest = message.g || latest;
      };
    });
  }

  async function member(connect, ledger) {
    for (let over = false; over !== true && ledger.failed < 100; ) {
      over = await stay(connect, ledger);
      if (over === null) await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  // So many at a time, which share a ledger.
  async function members(connect, count) {
    const ledger = newLedger();
    await Promise.all(Array.from({ length: count }, () => member(connect, ledger)));
    return ledger;
  }
  globalThis.soakMembers = members;
})();
