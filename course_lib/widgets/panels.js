// The panels of the run picture: three over the same steps, one by position, and what the marks mean.

const DASH = [6, 4];
const looks = [{ dash: [], alpha: 1, fill: 0.22 }, { dash: DASH, alpha: 0.9, fill: 0.1 }];

// Draws inside the frame only: a value above the axis leaves it at the top.
function inside(pen, { x, y, width, height }, draw) {
  pen.ctx.save();
  pen.ctx.beginPath();
  pen.ctx.rect(x - 6, y - 2, width + 12, height + 3);
  pen.ctx.clip();
  draw();
  pen.ctx.restore();
}

// From the smallest to the largest value of each stretch a pale band, and their means as a line.
function paintBand(pen, steps, values, X, Y, colour, { dash, alpha, fill }) {
  const line = (row) => row.map((value, i) => [X(steps[i]), Y(value)]);
  if (values.length === 3) {
    const around = [...line(values[0]), ...line(values[2]).reverse()];
    pen.path(around, { colour, fill: true, alpha: fill });
    pen.path(around, { colour, width: 0.8, alpha: 2 * fill });
  }
  pen.path(line(values.length === 3 ? values[1] : values[0]), { colour, width: 1.2, dash, alpha });
}

// Exact losses: filled marks for the first run, hollow ones for the one laid over it.
function paintMeasured(pen, points, colour, order, square) {
  pen.path(points, { colour, width: order ? 1.4 : 1.6, dash: looks[order].dash });
  for (const [x, y] of points) {
    if (square) {
      pen.box(x - 2.5, y - 2.5, 5, 5, { colour });
      if (order) pen.box(x - 1.25, y - 1.25, 2.5, 2.5, { colour: "paper" });
    } else {
      pen.dot(x, y, 3.2, colour);
      if (order) pen.dot(x, y, 1, "paper");
    }
  }
}

// Says how high the curve goes where it leaves the frame, as the panel writes its numbers.
function paintPeak(pen, { peak, peakStep, cut }, at, frame, show = (value) => value.toFixed(1)) {
  if (!cut) return;
  const string = `↑ ${show(peak)}`;
  const x = at(peakStep) + 7;
  const right = x + pen.measure(string, { size: 11, weight: 600 }) > frame.x + frame.width;
  pen.text(string, right ? x - 14 : x, frame.y + 10, { size: 11, weight: 600, align: right ? "right" : "left" });
}

const words = ([label, nats]) => `${label} ${nats.toFixed(2)}`;

function paintLandmarks(pen, frame, Y, landmarks, labelled) {
  let last = -Infinity;
  for (const landmark of [...landmarks].sort((a, b) => b[1] - a[1])) {
    const y = Y(landmark[1]);
    pen.path([[frame.x, y], [frame.x + frame.width, y]], { colour: "muted", width: 1, dash: [2, 3] });
    if (!labelled || y - last < 13) continue;
    last = y;
    const width = pen.measure(words(landmark), { size: 11 });
    pen.box(frame.x + frame.width - width - 8, y - 15, width + 6, 13, { colour: "paper", alpha: 0.75 });
    pen.text(words(landmark), frame.x + frame.width - 5, y - 4, { colour: "muted", size: 11, align: "right" });
  }
}

function paintLoss(pen, state, frame, narrow) {
  const axis = lossAxis(state);
  const { X, Y } = axes(pen, frame, stepAxis(state, "", narrow), { ...axis, at: ticks(axis.low, axis.high, 5), label: "loss (nats)", colour: "loss" });
  const at = (step) => X(state.log ? Math.max(step, FIRST) : step);
  inside(pen, frame, () => {
    for (const [order, { run }] of state.shown.entries()) paintBand(pen, run.curve.step, run.curve.loss, at, Y, "train", looks[order]);
    for (const [order, { run }] of state.shown.entries()) {
      const rows = run.evaluations;
      if (rows.some(([, train]) => train !== null)) paintMeasured(pen, rows.map(([step, train]) => [at(step), Y(train)]), "train", order, true);
      paintMeasured(pen, rows.map(([step, , val]) => [at(step), Y(val)]), "val", order, false);
    }
  });
  paintLandmarks(pen, frame, Y, state.landmarks, true);
  paintPeak(pen, axis, at, frame);
  return { at, Y };
}

export const rate = (value) => (value === 0 ? "0" : value.toExponential(1).replace(".0e", "e"));

function paintSmall(pen, state, frame, narrow, name, label, { least, show, limit = null, below }) {
  const rows = state.shown.map(({ run }) => (name === "lr" ? [run.curve.lr] : run.curve[name]));
  const series = state.shown.map(({ run }, i) => [run.curve.step, rows[i].at(-1)]);
  const found = topOf(limit === null ? series : [...series, [[state.end], [limit]]], state.end);
  const high = found.top * 1.1 || least;
  const vertical = { low: 0, high, at: ticks(0, high, 3), label, colour: name, show };
  const { X, Y } = axes(pen, frame, stepAxis(state, below, narrow), vertical);
  const at = (step) => X(state.log ? Math.max(step, FIRST) : step);
  const beside = frame.x - 34 + pen.measure(label, { size: 12, weight: 600 }) + 16;
  if (limit !== null) pen.text(`clipped above ${limit}`, beside, frame.y - 10, { size: 11 });
  inside(pen, frame, () => {
    for (const [order, { run }] of state.shown.entries()) paintBand(pen, run.curve.step, rows[order], at, Y, name, looks[order]);
    if (limit !== null) pen.path([[frame.x, Y(limit)], [frame.x + frame.width, Y(limit)]], { colour: "ink", width: 1, dash: [4, 3] });
  });
  paintPeak(pen, found, at, frame, show);
  return { at, Y };
}

function paintPositions(pen, state, frame, beside) {
  const longest = Math.max(...state.shown.map(({ run }) => run.contexts.at(-1)?.[1] ?? 1));
  const axis = lossAxis(state);
  const horizontal = { low: 1, high: Math.max(2, longest), log: true, at: [1, 4, 16, 64, 256].filter((n) => n <= longest), label: "tokens of context" };
  const { X, Y } = axes(pen, frame, horizontal, { ...axis, at: ticks(axis.low, axis.high, beside ? 5 : 3), show: beside ? () => "" : String });
  pen.text("validation by position", beside ? frame.x : frame.x - 34, frame.y - 10, { colour: "val", size: 12, weight: 600 });
  paintLandmarks(pen, frame, Y, state.landmarks, !beside);
  inside(pen, frame, () => {
    for (const [order, { run, place }] of state.shown.entries()) {
      const line = (losses) => losses.map((nats, i) => [X(Math.sqrt(run.contexts[i][0] * run.contexts[i][1])), Y(nats)]);
      const final = run.by_context.at(-1);
      if (final && final !== place) pen.path(line(final[1]), { colour: "val", width: 1.4, alpha: 0.4, dash: looks[order].dash });
      if (place) pen.path(line(place[1]), { colour: "val", width: 2.2, dash: looks[order].dash });
    }
  });
}

// What the marks mean, row by row as far as the width goes.
function paintLegend(pen, { x, y, width }, entries) {
  let [left, top] = [x, y];
  for (const { label, colour, mark } of entries) {
    const wide = 24 + pen.measure(label, { size: 12, weight: 600 });
    if (left > x && left + wide > x + width) [left, top] = [x, top + ROW];
    mark(left, top - 4);
    pen.text(label, left + 24, top, { colour, size: 12, weight: 600 });
    left += wide + 16;
  }
}

function legendOf(pen, { shown, byPosition, sampled, own }) {
  const line = (colour, dash, width, alpha = 1) => (x, y) => pen.path([[x, y], [x + 18, y]], { colour, dash, width, alpha });
  const named = shown.filter(({ run }) => run.label);
  return [
    ...named.map(({ run }, i) => ({ label: run.label, colour: "ink", mark: line("ink", looks[i].dash, 2.2) })),
    { label: own ? "train, its own loss" : "train, one batch", colour: "train", mark: (x, y) => { pen.box(x, y - 5, 18, 10, { colour: "train", alpha: 0.22 }); line("train", [], 1.2)(x, y); } },
    ...(sampled ? [{ label: "train, fixed windows", colour: "train", mark: (x, y) => { line("train", [], 1.6)(x, y); pen.box(x + 6, y - 3, 6, 6, { colour: "train" }); } }] : []),
    ...(shown.some(({ run }) => run.evaluations.length) ? [{ label: "validation", colour: "val", mark: (x, y) => { line("val", [], 1.6)(x, y); pen.dot(x + 9, y, 3.5, "val"); } }] : []),
    ...(byPosition ? [{ label: "by position, at the end", colour: "val", mark: line("val", [], 1.4, 0.4) }] : []),
  ];
}

// The marker: one line through the three panels, the values of each run on it, and where a run broke off.
function paintMarker(pen, state, frames, [loss, lr, norm]) {
  const x = loss.at(state.step);
  pen.path([[x, frames.loss.y], [x, frames.norm.y + frames.norm.height]], { colour: "ink", width: 1 });
  for (const [order, { run, record, evaluated }] of state.shown.entries()) {
    const dots = [[loss, frames.loss, record.step, record.loss, "train"], [lr, frames.lr, record.step, record.lr, "lr"], [norm, frames.norm, record.step, record.norm, "norm"]];
    if (evaluated) dots.push([loss, frames.loss, evaluated[0], evaluated[2], "val"]);
    for (const [panel, frame, step, value, colour] of dots) {
      const at = [panel.at(step), Math.max(frame.y, panel.Y(value))];
      pen.dot(...at, 4.5, colour);
      if (order) pen.dot(...at, 1.2, "paper");
    }
    if (run.stopped === null) continue;
    const broken = loss.at(run.stopped);
    pen.path([[broken, frames.loss.y], [broken, frames.norm.y + frames.norm.height]], { colour: "bad", width: 1.5, dash: [2, 4] });
    const right = broken + 130 > frames.loss.x + frames.loss.width;
    pen.text(`✕ stopped at ${grouped(run.stopped)}`, broken + (right ? -6 : 6), frames.loss.y + 26, { colour: "bad", size: 12, weight: 600, align: right ? "right" : "left" });
  }
}

export function paintPanels(pen, state) {
  const frames = layout(pen.width, state);
  const narrow = pen.width < 560;
  const limit = state.shown[0].run.max_norm;
  const panels = [
    paintLoss(pen, state, frames.loss, narrow),
    paintSmall(pen, state, frames.lr, narrow, "lr", "learning rate", { least: 1e-3, show: rate }),
    paintSmall(pen, state, frames.norm, narrow, "norm", "gradient norm", { least: 1, limit, below: "step" }),
  ];
  if (state.byPosition) paintPositions(pen, state, frames.position, Boolean(frames.column));
  paintMarker(pen, state, frames, panels);
  paintLegend(pen, frames.legend, legendOf(pen, state));
}
