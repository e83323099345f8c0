// The loss picture: which positions count, the uniform loss ln V, and the first loss at a logit scale.

const SAMPLES = 48;

// The twin of standard_normals() in loss.py: Box and Muller's formula on the shared generator.
export function standardNormals(count, seed) {
  const random = mulberry32(seed);
  return Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    return radius * Math.cos(2 * Math.PI * random());
  });
}

// The twin of expected_loss() in loss.py: the mean of log sum exp over fixed rows of normal logits.
export function expectedLoss(scale, vocabSize, draws = standardNormals(SAMPLES * vocabSize, 1)) {
  let total = 0;
  for (let row = 0; row < SAMPLES; row++) {
    let largest = -Infinity;
    for (let v = 0; v < vocabSize; v++) largest = Math.max(largest, scale * draws[row * vocabSize + v]);
    let sum = 0;
    for (let v = 0; v < vocabSize; v++) sum += Math.exp(scale * draws[row * vocabSize + v] - largest);
    total += largest + Math.log(sum);
  }
  return total / SAMPLES;
}

const MAX_SCALE = 12;
const curves = new Map(); // one vocabulary size, one curve: it is the same at every slider move

function scaleCurve(vocabSize) {
  if (!curves.has(vocabSize)) {
    const draws = standardNormals(SAMPLES * vocabSize, 1);
    const points = Array.from({ length: 25 }, (_, i) => (i * MAX_SCALE) / 24).map((s) => [s, expectedLoss(s, vocabSize, draws)]);
    curves.set(vocabSize, { draws, points });
  }
  return curves.get(vocabSize);
}

export function read(get) {
  const [B, T, vocabSize, scale] = [get("batch_size"), get("context_length"), get("vocab_size"), get("scale")];
  const V = Math.round(get("vocabulary"));
  return {
    B, T, vocabSize, scale, V, lnV: Math.log(V), points: get("points"), byPosition: get("by_position"),
    k: [T, 1, Math.min(get("last_k"), T)][get("positions_index")],
    loss: expectedLoss(scale, vocabSize, scaleCurve(vocabSize).draws),
  };
}

export function describe({ B, T, k, V, lnV, vocabSize, scale, loss, byPosition }) {
  const skipped = k === T ? "" : ` Contexts of 1 to ${T - k} tokens are never trained.`;
  const [first, last] = [byPosition[0], byPosition.at(-1)];
  const measured = byPosition.length ? ` The measured loss is ${first.toFixed(2)} nats at position 0, ${last.toFixed(2)} at ${T - 1}.` : "";
  return (
    `${k} of ${T} positions count: ${grouped(B * k)} of ${grouped(B * T)} targets ` +
    `send a gradient.${skipped}${measured} A uniform guess among ${grouped(V)} tokens costs ` +
    `${lnV.toFixed(2)} nats. With ${vocabSize} logits of standard deviation ` +
    `${scale.toFixed(1)} the expected loss is ${loss.toFixed(2)} nats.`
  );
}

// The positions of a row; where their losses were measured, each as high as its loss.
function paintPositions(pen, { B, T, k, byPosition }) {
  pen.text(`positions 0 to ${T - 1} of one row; the batch has ${B} such rows`, 0, 12, { colour: "muted" });
  const cell = pen.width / T;
  const gap = cell > 4 ? 1.5 : 0.5;
  const highest = Math.max(0, ...byPosition);
  for (let t = 0; t < T; t++) {
    const counts = t >= T - k;
    const height = highest ? (30 * byPosition[t]) / highest : 30;
    if (counts) pen.box(t * cell, 54 - height, cell - gap, height, { colour: "loss", radius: 2 });
    else pen.box(t * cell + 0.5, 54.5 - height, cell - gap - 1, height - 1, { colour: "muted", alpha: 0.6, outline: 1, radius: 2 });
  }
  pen.text("0", 0, 72, { colour: "muted", size: 11 });
  pen.text(`${T - 1}`, pen.width, 72, { colour: "muted", size: 11, align: "right" });
  if (highest) {
    pen.text(`${byPosition[0].toFixed(2)} nats`, 0, 89, { colour: "loss", size: 12, weight: 600 });
    pen.text("height: measured loss", pen.width / 2, 89, { colour: "muted", size: 12, align: "center" });
    pen.text(`${byPosition.at(-1).toFixed(2)} nats`, pen.width, 89, { colour: "loss", size: 12, weight: 600, align: "right" });
  }
  const words = k === T ? "every context from 1 token up is trained" : `contexts of 1 to ${T - k} tokens: never trained`;
  pen.text(words, pen.width / 2, 72, { colour: k === T ? "good" : "bad", size: 12, weight: 600, align: "center" });
}

function marker(pen, x, y, words, limit) {
  pen.dot(x, y, 5, "loss");
  const right = x + 12 + pen.measure(words, { size: 13, weight: 600 }) < limit;
  pen.text(words, right ? x + 9 : x - 9, y + (right ? 16 : -10), { size: 13, weight: 600, align: right ? "left" : "right" });
}

function paintVocabulary(pen, frame, { V, lnV, points }) {
  const low = 2;
  const high = 100000;
  const measured = points.map(([, , loss]) => loss);
  const top = Math.max(12, ...measured) * 1.05;
  const { X, Y } = axes(
    pen, frame,
    { low, high, log: true, at: [10, 100, 1000, 10000, 100000], label: "V, vocabulary" },
    { low: 0, high: top, at: ticks(0, top, 4), label: "ln V (nats)", colour: "loss" },
  );
  const line = Array.from({ length: 41 }, (_, i) => low * (high / low) ** (i / 40));
  pen.path(line.map((v) => [X(v), Y(Math.log(v))]), { colour: "loss", width: 2 });
  for (const [label, v, loss] of points) {
    const [x, y] = [X(v), Y(loss)];
    pen.path([[x - 4, y - 4], [x + 4, y + 4]], { colour: "ink", width: 1.5 });
    pen.path([[x - 4, y + 4], [x + 4, y - 4]], { colour: "ink", width: 1.5 });
    const words = `${label}: ${loss.toFixed(2)}`;
    const end = Math.max(frame.x + 4 + pen.measure(words, { size: 11 }), x + 14);
    pen.text(words, end, y - 16, { colour: "ink", size: 11, align: "right" });
  }
  pen.path([[X(V), frame.y + frame.height], [X(V), Y(lnV)]], { colour: "loss", width: 1, dash: [2, 3] });
  marker(pen, X(V), Y(lnV), lnV.toFixed(2), frame.x + frame.width);
}

function paintScale(pen, frame, { vocabSize, scale, loss }) {
  const { points } = scaleCurve(vocabSize);
  const top = points.at(-1)[1] * 1.05;
  const { X, Y } = axes(
    pen, frame,
    { low: 0, high: MAX_SCALE, at: [0, 3, 6, 9, 12], label: "standard deviation of the logits" },
    { low: 0, high: top, at: ticks(0, top, 4), label: "first loss (nats)", colour: "loss" },
  );
  const uniform = Y(Math.log(vocabSize));
  pen.path([[frame.x, uniform], [frame.x + frame.width, uniform]], { colour: "muted", width: 1, dash: [4, 3] });
  pen.text(`ln ${vocabSize}`, frame.x + frame.width, uniform + 14, { colour: "muted", size: 11, align: "right" });
  pen.path(points.map(([s, l]) => [X(s), Y(l)]), { colour: "loss", width: 2 });
  marker(pen, X(scale), Y(loss), loss.toFixed(2), frame.x + frame.width);
}

const PLOT = 230;

export default {
  render: (view) =>
    mount(view, {
      traits: ["positions_index", "last_k", "vocabulary", "scale", "batch_size", "context_length", "vocab_size", "points", "by_position"],
      read,
      describe,
      stats: ({ B, T, k, V, lnV, loss }) => [
        [`${grouped(B * k)} of ${grouped(B * T)}`, "targets that count", k === T ? "good" : "bad"],
        [`${lnV.toFixed(2)} nats`, `ln ${grouped(V)}`, "loss"],
        [`${loss.toFixed(2)} nats`, "expected first loss", "loss"],
      ],
      heightAt: (width) => 96 + (width < 560 ? 2 * PLOT + 24 : PLOT),
      paint(pen, state) {
        const narrow = pen.width < 560;
        const width = narrow ? pen.width : (pen.width - 28) / 2;
        paintPositions(pen, state);
        const frame = (column) => ({
          x: 38 + (narrow ? 0 : column * (width + 28)), y: 124 + (narrow ? column * (PLOT + 24) : 0),
          width: width - 44, height: PLOT - 74,
        });
        paintVocabulary(pen, frame(0), state);
        paintScale(pen, frame(1), state);
      },
    }),
};
