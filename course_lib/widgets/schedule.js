// The schedule picture: warmup, then a cosine, a line, or a plateau and a line; a cursor reads the rate.

const SHAPES = ["cosine", "linear", "warmup-stable-decay"];
const STABLE_SHARE = 0.8;
const DASHES = { cosine: [2, 4], linear: [6, 4], "warmup-stable-decay": [10, 3, 2, 3] };

// The twin of course_lib/schedule.py. `stable` is used by the third shape only.
export function learningRate(step, { shape, peak, floor, W, D, stable = 0 }) {
  if (step < W) return (peak * step) / W;
  if (step > D) return floor;
  const start = shape === "warmup-stable-decay" ? W + stable : W;
  if (step <= start) return peak;
  const progress = (step - start) / (D - start);
  const share = shape === "cosine" ? (1 + Math.cos(Math.PI * progress)) / 2 : 1 - progress;
  return share === 1 ? peak : floor + share * (peak - floor);
}

function branch(step, { shape, W, D, stable }) {
  if (step < W) return "warmup";
  if (step > D) return "floor";
  return shape === "warmup-stable-decay" && step <= W + stable ? "plateau" : "decay";
}

export function read(get) {
  const D = get("D");
  const W = Math.min(get("W"), D);
  const peak = get("peak");
  const floor = Math.min(get("floor"), peak);
  const settings = { shape: SHAPES[get("shape_index")], peak, floor, W, D, stable: Math.floor(STABLE_SHARE * (D - W)) };
  const step = get("step");
  return {
    settings, step, longest: get("longest"), lr: learningRate(step, settings),
    held: [get("W") > D && "W is held at D", get("floor") > peak && "the floor is held at the peak"].filter(Boolean),
  };
}

export function describe({ settings: { shape, peak, floor, W, D }, step, lr }) {
  const start = W ? `from 0 to ${scientific(peak)} at step ${grouped(W)}` : `starts at ${scientific(peak)}`;
  return (
    `Learning rate with a ${shape} decay: ${start}, then down to ${scientific(floor)} at step ${grouped(D)} and flat ` +
    `after that. At step ${grouped(step)} it is ${scientific(lr, 3)}.`
  );
}

const short = (value) => (value === 0 ? "0" : value.toExponential(1).replace(".0e", "e"));

function curve(settings, last, columns, X, Y) {
  const steps = new Set([0, settings.W, settings.W + settings.stable, settings.D, last]);
  for (let i = 0; i <= columns; i++) steps.add((last * i) / columns);
  return [...steps].filter((step) => step <= last).sort((a, b) => a - b)
    .map((step) => [X(step), Y(learningRate(step, settings))]);
}

function paint(pen, { settings, step, longest, lr, held }) {
  const narrow = pen.width < 560;
  const { peak, W, D } = settings;
  const frame = { x: 52, y: 34, width: pen.width - 62, height: (narrow ? 250 : 290) - 34 - 42 };
  const last = Math.max(longest, D * 1.04, step);
  const { X, Y } = axes(
    pen, frame,
    { low: 0, high: last, at: ticks(0, last, narrow ? 3 : 6), label: "step" },
    { low: 0, high: peak * 1.08, at: ticks(0, peak * 1.08, 4), show: short, label: "learning rate", colour: "lr" },
  );
  // The two other shapes stay in the background, so that the reader compares on the same axes.
  let legend = pen.width;
  for (const shape of SHAPES.filter((s) => s !== settings.shape)) {
    const look = { colour: "muted", width: 1, alpha: 0.8, dash: DASHES[shape] };
    pen.path(curve({ ...settings, shape }, last, frame.width, X, Y), look);
    const words = narrow && shape.length > 6 ? "stable-decay" : shape;
    pen.text(words, legend, 22, { colour: "muted", size: 11, align: "right" });
    legend -= pen.measure(words, { size: 11 }) + 30;
    pen.path([[legend, 18], [legend + 24, 18]], look);
    legend -= 12;
  }
  pen.path(curve(settings, last, frame.width, X, Y), { colour: "lr", width: 2.5 });
  const base = frame.y + frame.height;
  for (const [name, at] of [["W", W], ["D", D]]) {
    pen.path([[X(at), base], [X(at), Y(learningRate(at, settings))]], { colour: "lr", width: 1, dash: [2, 3], alpha: 0.8 });
    if (name === "D" || X(D) - X(W) > 18) pen.text(name, X(at) + 4, base - 5, { colour: "lr", size: 12, weight: 600 });
  }
  const x = X(Math.min(step, last));
  pen.path([[x, frame.y - 4], [x, base]], { colour: "ink", width: 1 });
  pen.dot(x, Y(lr), 5, "lr");
  const words = `η = ${scientific(lr, 2)}`;
  const right = x + 12 + pen.measure(words, { size: 13, weight: 600 }) < pen.width;
  const y = Math.max(frame.y + 6, Y(lr) - 12);
  pen.text(words, right ? x + 10 : x - 10, y, { size: 13, weight: 600, align: right ? "left" : "right" });
  if (held.length) pen.text(held.join("; "), pen.width, 6 + frame.y + 14, { colour: "bad", size: 12, weight: 600, align: "right" });
}

export default {
  render: (view) =>
    mount(view, {
      traits: ["shape_index", "W", "D", "peak", "floor", "step", "longest"],
      read,
      describe,
      stats: ({ settings, step, lr }) => [
        [scientific(lr, 3), `η at step ${grouped(step)}`, "lr"],
        [`${((100 * lr) / settings.peak).toFixed(1)} %`, "of the peak"],
        [branch(step, settings), "branch of the formula"],
      ],
      heightAt: (width) => (width < 560 ? 250 : 290),
      paint,
    }),
};
