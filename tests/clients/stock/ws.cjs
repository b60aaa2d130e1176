// The stock WebSocket client of Node, ws: `node ws.cjs BASE CASE` runs one case and prints what it saw.
"use strict";
const WebSocket = require("ws");

const [base, what] = process.argv.slice(2);
const letters = (size) => "abcdefghijklmnop".repeat(size / 16 + 1).slice(0, size);

// With its defaults: permessage-deflate is offered, but for messages under 1 KiB not used.
function dial(path, { protocols = [], first = null, onMessage = null, options = {} }) {
  const socket = new WebSocket(base + path, protocols, { maxPayload: 0, ...options });
  return new Promise((resolve) => {
    socket.on("open", () => first?.(socket, resolve));
    socket.on("message", (data, binary) => onMessage?.(data, binary, socket, resolve));
    socket.on("close", (code, reason) => resolve(`close ${code} "${reason}"`));
    socket.on("error", () => {});
  });
}

const back = (sent, kind) => (data, binary, socket, resolve) => {
  if (binary !== (kind === "binary")) return resolve("WRONG: of another kind");
  resolve(data.equals(Buffer.from(sent)) ? `${data.length} bytes came back` : "WRONG: others came back");
};
const echo = (sent, kind, options = {}) =>
  dial("/echo", { first: (socket) => socket.send(sent), onMessage: back(sent, kind), options });
const hold = () => dial("/hold", { first: () => console.log("open") });

const cases = {
  text: () => echo("héllo", "text"),
  binary: () => echo(Buffer.from([0, 255, 10, 13]), "binary"),
  "5 MB": () => echo(letters(5_000_000), "text"),
  "16 MB": () => echo(Buffer.from(letters(16_000_000)), "binary", { perMessageDeflate: false }),
  deflate: () => echo(letters(100_000), "text"),
  receive: () => dial("/big?size=20971520", { onMessage: (data, _, __, resolve) => resolve(`${data.length} bytes`) }),
  fragments: () => {
    const whole = letters(200_000);
    const send = (socket) => {
      for (let at = 0; at < whole.length; at += 10) socket.send(whole.slice(at, at + 10), { fin: at + 10 === whole.length });
    };
    return dial("/echo", { first: send, onMessage: back(whole, "text") });
  },
  ping: () =>
    dial("/echo", {
      first: (socket, resolve) => {
        socket.on("pong", (data) => resolve(`pong "${data}"`));
        socket.ping("are you there");
      },
    }),
  protocol: () => dial("/protocol", { protocols: ["v1", "v2"], first: (socket, resolve) => resolve(socket.protocol) }),
  close: () => dial("/closing?id=ws", { first: (socket) => socket.close(4001, "bye") }),
  closed: () => dial("/close?code=4002&reason=enough", { first: (socket) => socket.send("go") }),
  stopped: hold,
  killed: hold,
  abort: () =>
    dial("/closing?id=ws", {
      first: (socket) => socket.send("x"),
      onMessage: (_, __, socket, resolve) => {
        socket.terminate();
        resolve("gone");
      },
    }),
  half: () => {
    let seen = null;
    return dial("/echo", {
      first: (socket) => {
        socket.send("x");
        socket._socket.end();
      },
      onMessage: (data) => (seen = String(data)),
    }).then((end) => (seen === null ? end : `"${seen}", then ${end}`));
  },
};

(cases[what] ?? (async () => "-"))().then((seen) => {
  console.log(seen);
  process.exit(0);
});
