// Where the panels of the run picture stand, and from what to what their axes go.
// Python puts this file and panels.js in front of training.js. A run is as course_lib/widgets/curves.py stores it.

const LEFT = 44;
const LOSS = 214;
const SMALL = 70;
const POSITION = 150;
const GAP = 42;
const ROW = 19;
const WIDE = 520;

// On the log axis step 0 stands at one half, labelled 0.
const FIRST = 0.5;

// Where everything stands. With losses by position there is a column at the right of a wide picture:
// the panel beside the loss, in the same nats, and below it what the marks mean.
export function layout(width, { byPosition, labelled }) {
  const column = byPosition && width >= WIDE ? clamp(width * 0.28, 180, 250) : 0;
  const rows = column ? 0 : labelled ? 4 : 1;
  const plot = { x: LEFT, width: width - LEFT - (column ? column + 30 : 8) };
  let y = rows * ROW + 26;
  const place = (height, after) => {
    const frame = { ...plot, y, height };
    y += height + after;
    return frame;
  };
  const found = { column, loss: place(LOSS, GAP), lr: place(SMALL, GAP), norm: place(SMALL, 38) };
  if (column) found.position = { x: width - column, y: found.loss.y, width: column - 8, height: LOSS };
  else if (byPosition) {
    y += 28;
    found.position = place(POSITION, 38);
  }
  found.legend = column ? { x: width - column, y: found.lr.y + 6, width: column } : { x: 0, y: 12, width };
  return { ...found, height: y };
}

// The largest value of an axis, and whether values were left above it: a start at 40 nats or one bad batch
// would press everything else flat. Left out are the first twentieth and the highest stretches of a curve.
export function topOf(series, end) {
  let [top, peak, peakStep] = [0, 0, 0];
  for (const [steps, values] of series) {
    const late = values.filter((_, i) => steps[i] >= end / 20).sort((a, b) => a - b);
    top = Math.max(top, late[Math.ceil(late.length * 0.98) - 1] ?? 0);
    values.forEach((value, i) => {
      if (value > peak) [peak, peakStep] = [value, steps[i]];
    });
  }
  const cut = top > 0 && peak > 2 * top;
  return { top: cut ? 1.3 * top : peak, peak, peakStep, cut };
}

const lossSeries = ({ run }) => {
  const rows = run.evaluations;
  const steps = rows.map(([step]) => step);
  const measured = [[steps, rows.map(([, , val]) => val)], [steps, rows.map(([, train]) => train ?? 0)]];
  return [[run.curve.step, run.curve.loss.at(-1)], ...measured];
};

const lowest = ({ run }) => Math.min(...run.curve.loss[0], ...run.evaluations.map(([, train, val]) => Math.min(val, train ?? val)));

function lossAxis({ shown, landmarks, end }) {
  const lines = landmarks.map(([, nats]) => nats);
  const found = topOf([...shown.flatMap(lossSeries), [lines.map(() => end), lines]], end);
  const low = Math.min(...lines, ...shown.map(lowest));
  const pad = (found.top - low) * 0.06 || 0.5;
  return { ...found, low: low - pad, high: found.top + pad };
}

function stepAxis({ shown, end, log }, label, narrow) {
  const first = Math.min(...shown.map(({ run }) => run.curve.step[0]));
  const last = Math.max(end, first + 1);
  if (!log) return { low: first, high: last, at: label ? ticks(first, last, narrow ? 3 : 5).filter(Number.isInteger) : [], label };
  const low = Math.max(FIRST, first);
  const powers = [1, 10, 100, 1000, 10000, 100000].filter((power) => power > low && power <= last);
  const at = label ? [...(first ? [] : [FIRST]), ...powers] : [];
  return { low, high: last, log: true, at, label, show: (value) => (value < 1 ? "0" : grouped(value)) };
}
