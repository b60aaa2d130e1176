// The stock client of a browser: run(base, what) gives what it saw of one case. Evaluated in a page.
(() => {
  const letters = (size) => "abcdefghijklmnop".repeat(size / 16 + 1).slice(0, size);

  function dial(base, path, { protocols = [], first = null, onMessage = null }) {
    const socket = new WebSocket(base + path, protocols);
    socket.binaryType = "arraybuffer";
    return new Promise((resolve) => {
      socket.onopen = () => first?.(socket, resolve);
      socket.onmessage = (event) => onMessage?.(event.data, socket, resolve);
      socket.onclose = (event) => resolve(`close ${event.code} "${event.reason}"`);
    });
  }

  const size = (data) => (typeof data === "string" ? new TextEncoder().encode(data).length : data.byteLength);
  const equal = (sent, data) =>
    typeof sent === "string"
      ? sent === data
      : data instanceof ArrayBuffer && data.byteLength === sent.length && new Uint8Array(data).every((b, i) => b === sent[i]);
  const echo = (base, sent) =>
    dial(base, "/echo", {
      first: (socket) => socket.send(sent),
      onMessage: (data, _, resolve) => resolve(equal(sent, data) ? `${size(data)} bytes came back` : "WRONG: others came back"),
    });

  const cases = {
    text: (base) => echo(base, "héllo"),
    binary: (base) => echo(base, new Uint8Array([0, 255, 10, 13])),
    "5 MB": (base) => echo(base, letters(5_000_000)),
    "16 MB": (base) => echo(base, new TextEncoder().encode(letters(16_000_000))),
    deflate: (base) => echo(base, letters(100_000)),
    receive: (base) => dial(base, "/big?size=20971520", { onMessage: (data, _, resolve) => resolve(`${size(data)} bytes`) }),
    protocol: (base) => dial(base, "/protocol", { protocols: ["v1", "v2"], first: (socket, resolve) => resolve(socket.protocol) }),
    close: (base) => dial(base, "/closing?id=chromium", { first: (socket) => socket.close(4001, "bye") }),
    closed: (base) => dial(base, "/close?code=4002&reason=enough", { first: (socket) => socket.send("go") }),
    stopped: (base) => dial(base, "/hold", { first: () => (window.stage = "open") }),
    killed: (base) => dial(base, "/hold", { first: () => (window.stage = "open") }),
  };
  window.run = (base, what) => (cases[what] ?? (async () => "-"))(base);
})();
