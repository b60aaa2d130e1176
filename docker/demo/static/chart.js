// Draws frames as they came, newest at the right: a column for each frame, a block in it for each message.

const MS_A_PIXEL = 1.4;
const MOST_BLOCK = 7, LEAST_ROOM = 16;

// Messages that the highest column has room for: the same for all charts, so that they compare.
let room = LEAST_ROOM;

/**
 * Makes room for the frames of the last second; all charts then have the same scale.
 * @param {import('./meter.js').Frame[]} frames of all charts
 * @param {number} now ms
 */
export function makeRoom(frames, now) {
  const sizes = frames.filter(({at}) => at > now - 1000).map(({messages}) => messages);
  room = Math.max(LEAST_ROOM, room * 0.98, ...sizes);
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {import('./meter.js').Frame[]} frames
 * @param {number} now ms
 */
export function drawFrames(canvas, frames, now) {
  const scale = devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * scale), height = Math.round(canvas.clientHeight * scale);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext('2d');
  context.clearRect(0, 0, width, height);
  context.fillStyle = getComputedStyle(canvas).getPropertyValue('--side');
  const span = canvas.clientWidth * MS_A_PIXEL;
  const block = Math.min(height / room, MOST_BLOCK * scale);
  const shown = frames.filter((frame) => frame.at > now - span);
  // Half of the way to the next one, so that columns can be told apart as long as there is room.
  const column = Math.max(scale, Math.min(width / shown.length / 2, 7 * scale));
  for (const {at, messages} of shown) {
    const x = width - ((now - at) / span) * width - column;
    drawColumn(context, x, height, column, block, messages, scale);
  }
}

function drawColumn(context, x, height, column, block, messages, scale) {
  if (block < 3 * scale) {
    context.fillRect(x, height - block * messages, column, block * messages);
    return;
  }
  for (let number = 1; number <= messages; ++number) context.fillRect(x, height - block * number + scale, column, block - scale);
}
