// Imported before everything else: counts the frames that come, beneath whatever stands in the place of WebSocket later.

/** The address of each socket, as the browser was given it, and the number of frames that came on all of them. */
export const seen = {urls: [] as string[], frames: 0};

/** The names of what the browser's WebSocket has. */
export const members = Object.getOwnPropertyNames(globalThis.WebSocket.prototype);

globalThis.WebSocket = class extends globalThis.WebSocket {
  constructor(url: string | URL, protocols: string | string[] = []) {
    super(url, protocols);
    seen.urls.push(String(url));
    this.addEventListener('message', () => ++seen.frames);
  }
};

/** Resolves when `isDone` says so; an Error after 15 seconds, which shows `state`. */
export async function until(isDone: () => boolean | Promise<boolean>, state: () => unknown): Promise<void> {
  for (const end = Date.now() + 15_000; !(await isDone()); await new Promise((resolve) => setTimeout(resolve, 10))) {
    if (Date.now() > end) throw new Error(`waited in vain: ${JSON.stringify(state())?.slice(0, 500)}`);
  }
}

export const numbers = Array.from({length: 300}, (_, number) => String(number));
