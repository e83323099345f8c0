// The split picture: the stream and its cut, the text there, and which windows touch the other half.

// The twin of expected_overlap() in corpus.py, which derives it.
export function expectedOverlap(nTokens, T, trainFraction) {
  const windows = nTokens - T;
  const val = windows - Math.floor(trainFraction * windows);
  let clean = 0;
  let share = 1;
  for (let k = 1; k <= 2 * T + 1; k++) {
    share *= Math.max(0, val - (k - 1)) / (windows - (k - 1));
    if (k > T) clean += share * (k <= 2 * T ? 2 : windows - 2 * T);
  }
  return val - clean;
}

export function read(get) {
  const [percent, T, nTokens] = [get("percent"), get("T"), get("n_tokens")];
  const shuffled = get("mode_index") === 1;
  const units = shuffled ? nTokens - T : nTokens;
  const train = Math.floor((percent / 100) * units);
  const [before, after] = (get("around")[percent] || ["", ""]).map(readable);
  return {
    percent, T, nTokens, shuffled, before, after, train, val: units - train,
    overlap: shuffled ? expectedOverlap(nTokens, T, percent / 100) : 0,
    valWindows: shuffled ? units - train : Math.max(0, nTokens - train - T),
  };
}

export function describe({ percent, T, nTokens, shuffled, before, after, train, val, overlap }) {
  if (shuffled) {
    return (
      `All ${grouped(nTokens - T)} windows of ${T} tokens and their targets shuffled, ` +
      `${percent} % of them for training: about ${grouped(overlap)} of ` +
      `${grouped(val)} validation windows share a token with a training window.`
    );
  }
  return (
    `A stream of ${grouped(nTokens)} tokens, cut at ${percent} %: ${grouped(train)} train ` +
    `and ${grouped(val)} validate. At the cut the text reads ${before} | ${after}. ` +
    `No validation window shares a token with training; ${T} windows straddle the cut ` +
    "and belong to neither half."
  );
}

// `count` windows around the cut, `stride` starts apart so that all T that straddle it have room: each
// is "train", "val" or "neither", and a validation window may touch a training window among them.
export function stretch({ T, shuffled, percent }, count) {
  const random = mulberry32(7);
  const stride = Math.ceil((1.25 * T) / (count / 2));
  const middle = (count / 2) * stride;
  const kinds = Array.from({ length: count }, (_, i) => {
    if (shuffled) return random() < percent / 100 ? "train" : "val";
    if (i * stride + T < middle) return "train";
    return i * stride >= middle ? "val" : "neither";
  });
  const touched = kinds.map(
    (kind, i) => kind === "val" && kinds.some((other, j) => other === "train" && Math.abs(i - j) * stride <= T),
  );
  return { kinds, touched, stride };
}

const BAR = { y: 22, height: 26 };
const WINDOWS = { y: 98, pitch: 5 };
const LOOK = { train: ["train", 0.55], val: ["val", 0.9], neither: ["muted", 0.35] };
const startsIn = (width) => (width < 560 ? 30 : 40);

function paintStream(pen, { percent, shuffled, nTokens }) {
  pen.text(`the stream: ${grouped(nTokens)} tokens`, 0, 12, { colour: "muted" });
  const { y, height } = BAR;
  if (shuffled) {
    const random = mulberry32(7);
    for (let x = 0; x < pen.width; x += 3) {
      const train = random() < percent / 100;
      pen.box(x, y, 3, height, { colour: train ? "train" : "val", alpha: train ? 0.3 : 0.9 });
    }
    return;
  }
  const cut = Math.round((percent / 100) * pen.width);
  pen.box(0, y, cut, height, { colour: "train", alpha: 0.25 });
  pen.box(cut, y, pen.width - cut, height, { colour: "val", alpha: 0.3 });
  pen.box(cut - 1, y - 4, 2, height + 8, { colour: "ink" });
  if (cut > 60) pen.text("train", 10, y + 17, { colour: "train", weight: 600 });
  if (pen.width - cut > 80) pen.text("validation", pen.width - 10, y + 17, { colour: "val", weight: 600, align: "right" });
  else pen.text("validation", pen.width, y - 8, { colour: "val", weight: 600, align: "right" });
}

function legend(pen, y, entries) {
  let x = 0;
  for (const [kind, words] of entries) {
    const [colour, alpha] = LOOK[kind];
    pen.box(x, y - 9, 14, 10, { colour, alpha, radius: 2 });
    pen.text(words, x + 20, y, { colour: "muted" });
    x += 34 + pen.measure(words);
  }
}

function paintWindows(pen, state) {
  const { T, shuffled } = state;
  const starts = startsIn(pen.width);
  const { kinds, touched, stride } = stretch(state, starts);
  const unit = (pen.width - 10) / (starts * stride + T);
  const which = stride > 1 ? `every ${stride === 2 ? "2nd" : stride === 3 ? "3rd" : `${stride}th`} window` : "windows";
  const place = `${which} ${shuffled ? "of a stretch" : "around the cut"}, one line each`;
  pen.text(place, 0, WINDOWS.y - 22, { colour: "muted" });
  const y = (i) => WINDOWS.y + i * WINDOWS.pitch;
  kinds.forEach((kind, i) => {
    const [colour, alpha] = LOOK[kind];
    const x = 10 + i * stride * unit;
    pen.box(x, y(i), (T + 1) * unit - 1, WINDOWS.pitch - 1, { colour, alpha });
    // A notch in the margin marks the overlap, so that it does not rest on colour.
    if (touched[i]) pen.path([[0, y(i)], [6, y(i) + 2], [0, y(i) + 4]], { colour: "bad", fill: true });
  });
  if (!shuffled) {
    const cut = 10 + (starts / 2) * stride * unit;
    pen.path([[cut - 0.5, WINDOWS.y - 10], [cut - 0.5, y(starts) + 4]], { colour: "ink", dash: [3, 3], width: 1 });
    pen.text("cut", cut + 5, WINDOWS.y - 4, { colour: "ink", size: 11 });
  }
  legend(pen, y(starts) + 22, [["train", "train"], ["val", "validation"], ...(shuffled ? [] : [["neither", "straddles: neither"]])]);
  const hit = touched.filter(Boolean).length;
  const words = hit
    ? `${hit} of these ${kinds.filter((kind) => kind === "val").length} validation windows overlap a training one`
    : "no validation window overlaps a training one";
  pen.text(words, 0, y(starts) + 44, { colour: hit ? "bad" : "good", size: pen.width < 400 ? 11 : 13, weight: 600 });
}

export default {
  render: (view) =>
    mount(view, {
      traits: ["percent", "T", "mode_index", "n_tokens", "around"],
      read,
      describe,
      stats: ({ train, val, shuffled, overlap, valWindows }) => [
        [grouped(train), shuffled ? "train windows" : "train tokens", "train"],
        [grouped(val), shuffled ? "validation windows" : "validation tokens", "val"],
        [`${grouped(overlap)} of ${grouped(valWindows)}`, shuffled ? "overlap training, expected" : "overlap training", overlap < 0.5 ? "good" : "bad"],
      ],
      heightAt: (width) => WINDOWS.y + startsIn(width) * WINDOWS.pitch + 50,
      paint(pen, state) {
        paintStream(pen, state);
        paintWindows(pen, state);
      },
      extend(root) {
        const [before, mark, after] = ["span", "b", "span"].map((tag) => element(tag));
        mark.textContent = "┃";
        mark.setAttribute("aria-hidden", "true");
        const text = element("p", { class: "picture-text" }, before, mark, after);
        const label = element("p", { class: "picture-note" });
        root.append(label, text);
        return (state) => {
          label.textContent = state.shuffled ? "Nothing is cut; the text at this point:" : "The text at the cut, 60 characters a side:";
          before.textContent = state.before;
          after.textContent = state.after;
          before.style.color = state.shuffled ? "" : "var(--c-train)";
          after.style.color = state.shuffled ? "" : "var(--c-val)";
          mark.style.visibility = state.shuffled ? "hidden" : "visible";
        };
      },
    }),
};
