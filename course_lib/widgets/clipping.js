// The clipping picture: a threshold over the gradient norms of a run, and one gradient as an arrow.

const SPIKE = 20;

export function median(values) {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const largest = (norms) => norms.reduce((most, norm) => Math.max(most, norm), 0);

// The norm of the corrupted batch: recorded, or else a multiple of the median.
export const spikeOf = (norms, recorded = []) => (recorded.length ? largest(recorded) : SPIKE * median(norms));

// Norms with a corrupted batch: those recorded with one, or else a spike in the middle.
export function withSpike(norms, recorded = []) {
  if (recorded.length) return recorded;
  const spiked = [...norms];
  spiked[norms.length >> 1] = spikeOf(norms);
  return spiked;
}

export const countAbove = (norms, c) => norms.reduce((count, norm) => count + (norm > c), 0);

// g * min(1, c / |g|); a gradient of length 0 stays.
export function clip(gx, gy, c) {
  const length = Math.hypot(gx, gy);
  const factor = length ? Math.min(1, c / length) : 1;
  return [gx * factor, gy * factor];
}

export function read(get) {
  const [c, gx, gy, corrupted] = [get("c"), get("gx"), get("gy"), get("corrupted")];
  const [clean, recorded] = [get("norms"), get("corrupted_norms")];
  const norms = corrupted ? withSpike(clean, recorded) : clean;
  const low = norms.reduce((least, norm) => Math.min(least, norm), Infinity);
  const high = largest(norms);
  const spike = corrupted ? spikeOf(clean, recorded) : null;
  return { c, gx, gy, corrupted, norms, low, high, spike, above: countAbove(norms, c), length: Math.hypot(gx, gy), clipped: clip(gx, gy, c) };
}

const percent = ({ above, norms }) => `${((100 * above) / norms.length).toFixed(1)} %`;

export function describe(state) {
  const { c, gx, gy, corrupted, norms, low, high, spike, above, length, clipped: [x, y] } = state;
  const bad = corrupted ? ` One batch is corrupted: its norm is ${spike.toFixed(1)}.` : "";
  return (
    `At c = ${c.toFixed(2)}, ${grouped(above)} of ${grouped(norms.length)} steps are clipped, ` +
    `${percent(state)}. The norms run from ${low.toFixed(2)} to ` +
    `${high.toFixed(2)}.${bad} The gradient (${gx.toFixed(1)}, ${gy.toFixed(1)}) of length ` +
    `${length.toFixed(2)} becomes (${x.toFixed(2)}, ${y.toFixed(2)}).`
  );
}

function paintNorms(pen, frame, { norms, c, high, spike, corrupted, above }) {
  const top = Math.max(high, c) * 1.12;
  const { X, Y } = axes(
    pen, frame,
    { low: 0, high: Math.max(1, norms.length - 1), at: ticks(0, norms.length - 1, frame.width < 400 ? 3 : 5), label: "step" },
    { low: 0, high: top, at: ticks(0, top, 4), label: "gradient norm", colour: "norm" },
  );
  const line = Y(c);
  const floor = frame.y + frame.height;
  // A bar a stretch of steps, up to its largest norm: pale up to c, strong where clipping cuts it off.
  const columns = Math.floor(frame.width / 2);
  const wide = Math.max(1.5, Math.min(6, frame.width / norms.length - 0.5));
  for (const [at, , most] of thin(norms, columns)) {
    const x = X(at) - wide / 2;
    const from = Y(most);
    pen.box(x, Math.max(from, line), wide, floor - Math.max(from, line), { colour: "norm", alpha: 0.22 });
    if (from < line) pen.box(x, from, wide, line - from, { colour: "norm" });
  }
  if (corrupted) {
    const [x, y] = [X(norms.indexOf(spike)), Y(spike)];
    const words = `corrupted batch: ${spike.toFixed(1)}`;
    const right = x + 9 + pen.measure(words, { size: 12, weight: 600 }) < pen.width;
    pen.text(words, right ? x + 9 : x - 9, y + 10, { colour: "bad", size: 12, weight: 600, align: right ? "left" : "right" });
  }
  pen.path([[frame.x, line], [frame.x + frame.width, line]], { colour: "ink", width: 1.5 });
  const words = `c = ${c.toFixed(2)}`;
  const room = line > frame.y + 22;
  const width = pen.measure(words, { size: 12, weight: 600 });
  pen.box(frame.x + frame.width - width - 10, room ? line - 20 : line + 4, width + 10, 17, { colour: "paper", alpha: 0.85, radius: 3 });
  pen.text(words, frame.x + frame.width - 5, room ? line - 7 : line + 17, { size: 12, weight: 600, align: "right" });
  if (!above) pen.text("nothing is clipped", frame.x + 6, Math.max(frame.y + 12, line - 7), { colour: "good", size: 12, weight: 600 });
}

function arrow(pen, [x0, y0], [x1, y1], look) {
  const length = Math.hypot(x1 - x0, y1 - y0);
  if (length < 1) return;
  const [ux, uy] = [(x1 - x0) / length, (y1 - y0) / length];
  const head = Math.min(10, length);
  pen.path([[x0, y0], [x1 - ux * head * 0.8, y1 - uy * head * 0.8]], look);
  pen.path(
    [[x1, y1], [x1 - ux * head - uy * head * 0.45, y1 - uy * head + ux * head * 0.45], [x1 - ux * head + uy * head * 0.45, y1 - uy * head - ux * head * 0.45]],
    { ...look, fill: true },
  );
}

function paintArrow(pen, { x, y, size }, { c, gx, gy, length, clipped }) {
  const reach = 6.4;
  const at = ([a, b]) => [x + size / 2 + (a / reach) * (size / 2), y + size / 2 - (b / reach) * (size / 2)];
  const [ox, oy] = at([0, 0]);
  pen.text("one gradient, two parameters", x, y - 10, { colour: "norm", size: 12, weight: 600 });
  pen.path([[x, oy], [x + size, oy]], { colour: "rule", width: 1 });
  pen.path([[ox, y], [ox, y + size]], { colour: "rule", width: 1 });
  const { ctx } = pen;
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, size, size);
  ctx.clip();
  const circle = Array.from({ length: 73 }, (_, i) => at([c * Math.cos((i * Math.PI) / 36), c * Math.sin((i * Math.PI) / 36)]));
  pen.path(circle, { colour: "norm", fill: true, alpha: 0.08 });
  pen.path(circle, { colour: "ink", width: 1.5 });
  ctx.restore();
  arrow(pen, [ox, oy], at([gx, gy]), { colour: "muted", width: 1.5, dash: [5, 4] });
  arrow(pen, [ox, oy], at(clipped), { colour: "norm", width: 3 });
  const before = `(${gx.toFixed(1)}, ${gy.toFixed(1)})`;
  const after = `(${clipped.map((component) => component.toFixed(2)).join(", ")})`;
  const words = length > c ? `${before} → ${after}` : `${before} is kept`;
  pen.text(words, x + size / 2, y + size + 18, { colour: "norm", size: 13, weight: 700, align: "center" });
}

const PLOT = 296;
const ARROW = 240;

export default {
  render: (view) =>
    mount(view, {
      traits: ["c", "gx", "gy", "corrupted", "norms"],
      read,
      describe,
      stats: (state) => [
        [percent(state), "of the steps clipped", "norm"],
        [`${grouped(state.above)} of ${grouped(state.norms.length)}`, "steps"],
        [`${state.length.toFixed(2)} → ${Math.min(state.length, state.c).toFixed(2)}`, "length of the arrow", "norm"],
      ],
      heightAt: (width) => (width < 560 ? 260 + ARROW + 64 : PLOT),
      paint(pen, state) {
        const narrow = pen.width < 560;
        const right = narrow ? 4 : ARROW + 34;
        paintNorms(pen, { x: 36, y: 28, width: pen.width - 36 - right, height: (narrow ? 250 : PLOT) - 76 }, state);
        paintArrow(pen, narrow ? { x: 20, y: 296, size: ARROW } : { x: pen.width - ARROW, y: 28, size: ARROW }, state);
      },
    }),
};
