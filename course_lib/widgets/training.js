// The run picture: loss, learning rate and gradient norm of a run over the same steps, with a marker,
// and another run laid over it. frames.js and panels.js draw; this reads the state and says it in words.

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

// How many lines a sample takes on a phone, and the longest of all runs.
const [LINE, MOST] = [36, 9];
export const linesOf = (text) => text.split("\n").reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / LINE)), 0);
const sampleLines = (runs) => Math.min(MOST, Math.max(5, ...runs.flatMap(({ samples }) => samples.map(([, text]) => linesOf(text)))));

const latest = (rows, step) => rows.filter(([at]) => at <= step).at(-1);
const endOf = (run) => Math.max(run.at.step.at(-1), run.evaluations.at(-1)?.[0] ?? 0);

export function read(get) {
  const [stops, runs, over] = [get("stops"), get("runs"), get("over_index")];
  const chosen = [runs[get("run_index")], ...(over ? [runs[over - 1]] : [])];
  const end = Math.max(...chosen.map(endOf));
  const step = Math.min(stops[Math.min(get("stop"), stops.length - 1)], end);
  const shown = chosen.map((run) => {
    const { at } = run;
    const i = indexAt(at.step, step);
    const record = { step: at.step[i], loss: at.loss[i], lr: at.lr[i], norm: at.norm[i] };
    return { run, record, evaluated: latest(run.evaluations, step), place: latest(run.by_context, step), sample: latest(run.samples, step) };
  });
  return {
    shown, step, end, log: get("log_steps"), landmarks: get("landmarks"),
    labelled: Boolean(runs[0].label), own: chosen.some((run) => run.own_loss),
    byPosition: runs.some((run) => run.by_context.length), sampled: runs.some((run) => run.evaluations.some(([, train]) => train !== null)),
  };
}

// The losses by tokens of context in words: one, about a quarter of them, the most.
function describePositions({ run: { contexts }, place }) {
  if (!place) return "";
  const quarter = indexAt(contexts.map(([fewest]) => fewest), Math.floor(contexts.at(-1)[1] / 4));
  const picked = new Set([0, quarter, contexts.length - 1]);
  const words = [...picked].map((i) => `${place[1][i].toFixed(2)} after ${[...new Set(contexts[i])].join(" to ")}`).join(", ");
  return ` Validation loss by tokens of context at step ${grouped(place[0])}: ${words}.`;
}

function describeRun(shown, step) {
  const { run, record, evaluated } = shown;
  const name = run.label ? `${run.label}, a run` : "A run";
  const end = run.stopped === null ? "" : ` that stopped at step ${grouped(run.stopped)} on a number that is not finite`;
  const own = run.own_loss ? " (its own loss)" : "";
  const when = record.step === step ? "" : ` of step ${grouped(record.step)}`;
  const train = evaluated && evaluated[1] !== null ? `, over fixed windows ${evaluated[1].toFixed(2)}` : "";
  const val = evaluated ? `${train}, validation loss ${evaluated[2].toFixed(2)} of step ${grouped(evaluated[0])}` : "";
  const clip = run.max_norm === null ? "" : ` Norms above ${run.max_norm.toFixed(2)} are clipped.`;
  return (
    `${name} of ${grouped(run.count)} steps${end}. At step ${grouped(step)}: training loss ${record.loss.toFixed(2)}${own}${when}` +
    `${val}, learning rate ${scientific(record.lr)}, gradient norm ${record.norm.toFixed(2)}.${clip}${describePositions(shown)}`
  );
}

export function describe({ shown, step, landmarks }) {
  const lines = landmarks.map(([label, at]) => `${label} ${at.toFixed(2)}`).join(", ");
  const told = shown.map((each) => describeRun(each, step)).join(" Laid over it: ");
  return told + (lines ? ` Lines to compare with: ${lines}.` : "");
}

// A number of each run shown, and the step that they are of where it is not the marker's.
const each = ({ shown }, show) => shown.map(show).join(" | ");
const since = (name, { shown, step }, stepOf) => {
  const steps = new Set(shown.map(stepOf));
  return steps.size === 1 && !steps.has(step) ? `${name}, step ${grouped([...steps][0])}` : name;
};

function stats(state) {
  const { step, sampled, own } = state;
  const measured = new Set(state.shown.map(({ evaluated }) => evaluated?.[0]));
  const [when] = measured;
  const exact = measured.size === 1 && when !== undefined ? `validation, step ${grouped(when)}` : "validation";
  const rates = new Set(state.shown.map(({ record }) => record.lr));
  return [
    [grouped(step), "step"],
    [each(state, ({ record }) => record.loss.toFixed(2)), since(own ? "training loss, its own" : "training loss", state, ({ record }) => record.step), "train"],
    ...(sampled ? [[each(state, ({ evaluated }) => evaluated?.[1]?.toFixed(2) ?? "–"), "training, fixed windows", "train"]] : []),
    [each(state, ({ evaluated }) => evaluated?.[2].toFixed(2) ?? "–"), exact, "val"],
    [rates.size === 1 ? scientific([...rates][0]) : each(state, ({ record }) => rate(record.lr)), "learning rate", "lr"],
    [each(state, ({ record }) => record.norm.toFixed(2)), "gradient norm", "norm"],
  ];
}

const TRAITS = ["stop", "run_index", "over_index", "log_steps", "stops", "runs", "landmarks"];

export default {
  render: (view) =>
    mount(view, {
      traits: TRAITS,
      read,
      describe,
      stats,
      heightAt: (width, state) => layout(width, state).height,
      paint: paintPanels,
      extend(root) {
        const runs = view.model.get("runs");
        if (!runs.some((run) => run.samples.length)) return () => {};
        const label = element("p", { class: "picture-note" });
        // It scrolls, so it is a stop for the Tab key with a name of its own.
        const text = element("p", { class: "picture-text picture-sample", tabindex: "0", role: "group", "aria-label": "Text by the model" });
        // As high as the longest sample needs, so that nothing moves from one to the next.
        text.style.height = `${(1.7 * sampleLines(runs)).toFixed(1)}em`;
        root.append(label, text);
        return ({ shown: [{ run, sample }] }) => {
          const whose = run.label ? `${run.label}` : "the model";
          label.textContent = sample ? `Written by ${whose} at step ${grouped(sample[0])}:` : "No sample yet.";
          text.textContent = sample ? sample[1] : "";
        };
      },
    }),
};
