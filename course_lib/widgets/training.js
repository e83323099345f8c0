// The run picture: loss, learning rate and gradient norm of one run over the same steps, with a cursor.

// The position of the last of rising `steps` that is at most `step`; 0 if there is none.
export function indexAt(steps, step) {
  let [low, high] = [0, steps.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle] <= step) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

// A sample without the line breaks that it starts with, and how many lines the longest takes on a phone.
const LINE = 36;
export const shown = (text) => text.replace(/^\n+/, "");
export const linesOf = (text) => shown(text).split("\n").reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / LINE)), 0);
const sampleLines = (samples) => Math.min(12, Math.max(5, ...samples.map(([, text]) => linesOf(text))));

const latest = (pairs, step) => pairs.filter(([at]) => at <= step).at(-1);

export function read(get) {
  const steps = get("steps");
  const i = indexAt(steps, get("step"));
  const [loss, lr, norm, val] = ["loss", "lr", "norm", "val"].map(get);
  return {
    steps, loss, lr, norm, val, i, step: steps[i], log: get("log_steps"), landmarks: get("landmarks"), maxNorm: get("max_norm") ?? null,
    evaluated: latest(val, get("step")), sample: latest(get("samples"), get("step")),
  };
}

export function describe({ steps, loss, lr, norm, i, step, evaluated, landmarks, maxNorm }) {
  const val = evaluated ? `, validation loss ${evaluated[1].toFixed(2)} of step ${grouped(evaluated[0])}` : "";
  const lines = landmarks.map(([label, at]) => `${label} ${at.toFixed(2)}`).join(", ");
  return (
    `A run of ${grouped(steps.length)} steps. At step ${grouped(step)}: training loss ` +
    `${loss[i].toFixed(2)}${val}, learning rate ${scientific(lr[i])}, gradient norm ` +
    `${norm[i].toFixed(2)}.` + (maxNorm === null ? "" : ` Norms above ${maxNorm.toFixed(2)} are clipped.`) + (lines ? ` Lines to compare with: ${lines}.` : "")
  );
}

// On the log axis step 0 stands at one half, labelled 0.
const FIRST = 0.5;

function horizontalAxis({ steps, log }, label, narrow) {
  const [first, last] = [steps[0], Math.max(steps.at(-1), steps[0] + 1)];
  if (!log) return { low: first, high: last, at: label ? ticks(first, last, narrow ? 3 : 6).filter(Number.isInteger) : [], label };
  const low = Math.max(FIRST, first);
  const powers = [1, 10, 100, 1000, 10000, 100000].filter((power) => power > low && power <= last);
  const at = label ? [...(first ? [] : [FIRST]), ...powers] : [];
  return { low, high: last, log: true, at, label, show: (value) => (value < 1 ? "0" : grouped(value)) };
}

function paintCurve(pen, state, values, X, Y, frame, colour, width = 1.2) {
  const { steps } = state;
  const place = (i) => Math.min(0.999999, (X(Math.max(steps[i], state.log ? FIRST : -Infinity)) - frame.x) / frame.width);
  const stretches = thin(values, Math.floor(frame.width), place);
  const points = stretches.flatMap(([i, low, high]) => {
    const x = X(Math.max(steps[Math.round(i)], state.log ? FIRST : -Infinity));
    return low === high ? [[x, Y(low)]] : [[x, Y(low)], [x, Y(high)]];
  });
  pen.path(points, { colour, width });
}

const rate = (value) => (value === 0 ? "0" : value.toExponential(1).replace(".0e", "e"));
const LOSS = 240;
const SMALL = 96;
const GAP = 46;

function paint(pen, state) {
  const narrow = pen.width < 560;
  const { loss, lr, norm, val, i, step, evaluated, landmarks, maxNorm } = state;
  const left = 44;
  const words = ([label, at]) => `${label} ${at.toFixed(2)}`;
  const longest = Math.max(0, ...landmarks.map((landmark) => pen.measure(words(landmark), { size: 11 })));
  const width = pen.width - left - (narrow ? 6 : Math.ceil(longest) + 12);
  const frame = (y, height) => ({ x: left, y, width, height });
  const everyLoss = [...loss, ...val.map(([, l]) => l), ...landmarks.map(([, l]) => l)];
  let [low, high] = [Infinity, -Infinity];
  for (const value of everyLoss) [low, high] = [Math.min(low, value), Math.max(high, value)];
  const pad = (high - low) * 0.06 || 0.5;
  const scale = (values, least) => {
    let top = 0;
    for (const value of values) top = Math.max(top, value);
    return top * 1.1 || least;
  };
  const vertical = (label, colour, bottom, top, count, show) => ({ low: bottom, high: top, at: ticks(bottom, top, count), label, colour, show });
  const onStep = (X, at) => X(Math.max(at, state.log ? FIRST : at));

  let box = frame(26, LOSS - 26);
  const first = axes(pen, box, horizontalAxis(state, "", narrow), vertical("loss (nats)", "loss", low - pad, high + pad, 5));
  let lastLabel = -Infinity;
  for (const landmark of [...landmarks].sort((a, b) => b[1] - a[1])) {
    const y = first.Y(landmark[1]);
    pen.path([[box.x, y], [box.x + width, y]], { colour: "muted", width: 1, dash: [4, 3] });
    if (y - lastLabel < 12) continue;
    lastLabel = y;
    if (narrow) pen.text(words(landmark), box.x + width - 8, y - 4, { colour: "muted", size: 11, align: "right" });
    else pen.text(words(landmark), box.x + width + 6, y + 4, { colour: "muted", size: 11 });
  }
  paintCurve(pen, state, loss, first.X, first.Y, box, "train");
  // Measured at the markers only, so the line between them is faint.
  const measured = val.map(([at, l]) => [onStep(first.X, at), first.Y(l)]);
  pen.path(measured, { colour: "val", width: 1, dash: [6, 3], alpha: 0.6 });
  for (const [x, y] of measured) pen.dot(x, y, 3.5, "val");
  const size = narrow ? 11 : 12;
  const spread = (string) => pen.measure(string, { size, weight: 600 });
  let x = left - 34 + pen.measure("loss (nats)", { size: 12, weight: 600 }) + (narrow ? 12 : 36);
  const key = (string, colour, mark) => {
    mark(x);
    pen.text(string, x + 22, 16, { colour, size, weight: 600 });
    x += 22 + spread(string) + (narrow ? 12 : 28);
  };
  key("train, one batch", "train", (at) => pen.path([[at, 12], [at + 16, 12]], { colour: "train", width: 2 }));
  if (val.length) key("validation", "val", (at) => pen.dot(at + 8, 12, 3.5, "val"));

  box = frame(LOSS + GAP, SMALL - 26);
  const second = axes(pen, box, horizontalAxis(state, "", narrow), vertical("learning rate", "lr", 0, scale(lr, 1e-3), 2, rate));
  paintCurve(pen, state, lr, second.X, second.Y, box, "lr", 1.8);
  box = frame(LOSS + SMALL + GAP * 1.5, SMALL - 26);
  const third = axes(pen, box, horizontalAxis(state, "step", narrow), vertical("gradient norm", "norm", 0, scale(maxNorm === null ? norm : [...norm, maxNorm], 1), 2));
  if (maxNorm !== null) {
    const limit = third.Y(maxNorm);
    pen.path([[box.x, limit], [box.x + width, limit]], { colour: "ink", width: 1, dash: [4, 3] });
    const string = `clipped above ${maxNorm}`;
    pen.text(string, left - 34 + pen.measure("gradient norm", { size: 12, weight: 600 }) + 24, box.y - 10, { colour: "ink", size: 11 });
  }
  paintCurve(pen, state, norm, third.X, third.Y, box, "norm");

  x = onStep(first.X, step);
  pen.path([[x, 26], [x, box.y + box.height]], { colour: "ink", width: 1 });
  pen.dot(x, first.Y(loss[i]), 4.5, "train");
  if (evaluated) pen.dot(onStep(first.X, evaluated[0]), first.Y(evaluated[1]), 4.5, "val");
  pen.dot(x, second.Y(lr[i]), 4.5, "lr");
  pen.dot(x, third.Y(norm[i]), 4.5, "norm");
}

export default {
  render: (view) =>
    mount(view, {
      traits: ["step", "log_steps", "steps", "loss", "lr", "norm", "val", "landmarks", "samples", "max_norm"],
      read,
      describe,
      stats: ({ loss, lr, norm, i, step, evaluated }) => [
        [grouped(step), "step"],
        [loss[i].toFixed(2), "training loss", "train"],
        [evaluated ? evaluated[1].toFixed(2) : "–", evaluated ? `validation, step ${grouped(evaluated[0])}` : "validation", "val"],
        [scientific(lr[i]), "learning rate", "lr"],
        [norm[i].toFixed(2), "gradient norm", "norm"],
      ],
      heightAt: () => LOSS + 2 * SMALL + GAP * 1.5 + 12,
      paint,
      extend(root) {
        if (!view.model.get("samples").length) return () => {};
        const label = element("p", { class: "picture-note" });
        // It scrolls, so it is a stop for the Tab key with a name of its own.
        const text = element("p", { class: "picture-text picture-sample", tabindex: "0", role: "group", "aria-label": "Text by the model" });
        // As high as the longest sample needs, so that nothing moves from one to the next.
        text.style.height = `${(1.7 * sampleLines(view.model.get("samples"))).toFixed(1)}em`;
        root.append(label, text);
        return ({ sample }) => {
          label.textContent = sample ? `Written by the model at step ${grouped(sample[0])}:` : "No sample yet.";
          text.textContent = sample ? shown(sample[1]) : "";
        };
      },
    }),
};
