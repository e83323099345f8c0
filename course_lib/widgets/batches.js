// The batch picture: windows marked on the stream, rows of x over y, the contexts of one row.

const ROWS_SHOWN = 12;

// B starts, uniform over all nTokens - T valid ones; a start too late for T is drawn again, so that a
// row keeps its start when T changes. The twin of offsets() in batches.py.
export function offsets(seed, nTokens, B, T) {
  const random = mulberry32(seed);
  const starts = [];
  while (starts.length < B) {
    const start = below(random, nTokens - 1);
    if (start < nTokens - T) starts.push(start);
  }
  return starts;
}

export function describe({ B, T, nTokens, starts, row, texts }) {
  const text = texts[row - 1];
  return (
    `A batch of ${B} windows of ${T} tokens from a stream of ${grouped(nTokens)}: ` +
    `${grouped(B * T)} predictions. Row ${row} starts at ${grouped(starts[row - 1])}: ` +
    `x is ${text.slice(0, T).join("")} and y, one token later, is ${text.slice(1, T + 1).join("")}.`
  );
}

export function read(get) {
  const [B, T, nTokens, snippets] = [get("B"), get("T"), get("n_tokens"), get("snippets")];
  const starts = offsets(get("seed"), nTokens, B, T);
  const shown = Math.min(B, ROWS_SHOWN);
  const texts = starts.slice(0, shown).map((start) => [...readable(snippets[start] || "")]);
  return { B, T, nTokens, starts, shown, texts, row: Math.min(get("row"), shown) };
}

const TOP = 92;
const TALLEST = 300;

// Where rows and triangle stand: side by side while both fit, else one below the other. The picture
// grows with the batch up to twelve rows, and never falls below the height of the first setting.
function layout(width, { T, shown }) {
  const gutter = width < 560 ? 26 : 96;
  const beside = gutter + T * 15 + 40 + 280 <= width;
  const room = (beside ? width - 320 : width) - gutter;
  const columns = Math.min(T, Math.floor(room / 9));
  const cell = Math.min(24, room / (columns + (columns < T ? 3 : 0)));
  const rows = Math.min(TALLEST, Math.max(208, shown * 52));
  const size = Math.min(280, width, Math.max(208, (T + 1) * 24));
  return beside
    ? { gutter, columns, cell, triangle: { x: width - 280, y: TOP, size }, height: TOP + Math.max(rows + 24, size) }
    : { gutter, columns, cell, triangle: { x: 0, y: TOP + rows + 60, size }, height: TOP + rows + 60 + size };
}

function paintStream(pen, { nTokens, starts, T, row }) {
  pen.text(`the stream: ${grouped(nTokens)} tokens`, 0, 12, { colour: "muted", size: 12 });
  pen.box(0, 24, pen.width, 20, { colour: "rule", alpha: 0.55, radius: 3 });
  const place = (start) => (start / nTokens) * pen.width;
  const wide = Math.max(2, ((T + 1) / nTokens) * pen.width);
  starts.forEach((start, i) => {
    if (i !== row - 1) pen.box(place(start), 24, wide, 20, { colour: "x", alpha: 0.75 });
  });
  const here = place(starts[row - 1]);
  pen.box(here - 0.5, 20, Math.max(3, wide), 28, { colour: "x" });
  pen.path([[here + 1, 50], [here - 4, 57], [here + 6, 57]], { colour: "x", fill: true });
}

const isSign = (glyph) => glyph === "␣" || glyph === "↵";

// One glyph a cell. A batch has up to 1,536 of them, so the pen is set once a line and the faint signs
// are drawn after the letters.
function glyphs({ ctx, theme }, text, x, baseline, cell, size, colour) {
  ctx.font = `${size}px ${theme.mono}`;
  ctx.fillStyle = theme[colour];
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  for (const faint of [false, true]) {
    ctx.globalAlpha = faint ? 0.55 : 1;
    for (let t = 0; t < text.length; t++) {
      if (isSign(text[t]) === faint) ctx.fillText(text[t], x + (t + 0.5) * cell, baseline);
    }
  }
}

function paintRows(pen, { B, T, shown, starts, texts, row }, { gutter, columns, cell }) {
  const pitch = Math.min(52, TALLEST / shown);
  const line = Math.min(18, (pitch - 4) / 2);
  const size = Math.min(15, cell * 1.25, line * 0.95);
  pen.text("x", gutter, TOP - 10, { colour: "x", size: 12, weight: 700 });
  pen.text("over", gutter + 11, TOP - 10, { colour: "muted", size: 12 });
  pen.text("y", gutter + 41, TOP - 10, { colour: "y", size: 12, weight: 700 });
  pen.text(pen.width < 560 ? "row" : "row  start", 0, TOP - 10, { colour: "muted", size: 12 });
  for (let r = 0; r < shown; r++) {
    const y = TOP + r * pitch;
    const chosen = r === row - 1;
    if (chosen) pen.box(gutter - 3, y - 2, columns * cell + 6, 2 * line + 5, { colour: "accent", outline: 1.5, radius: 4 });
    pen.text(String(r + 1), 0, y + line - 3, { colour: chosen ? "accent" : "muted", size: 12, weight: chosen ? 700 : 400 });
    if (gutter > 60) pen.text(grouped(starts[r]), gutter - 14, y + line - 3, { colour: "muted", size: Math.min(12, line), align: "right" });
    pen.box(gutter, y, columns * cell, line, { colour: "x", alpha: 0.1, radius: 2 });
    pen.box(gutter, y + line + 1, columns * cell, line, { colour: "y", alpha: 0.12, radius: 2 });
    // The shift: each y stands again in x, one column to the right.
    for (let t = 0; cell >= 14 && t < columns - 1; t++) {
      const from = gutter + (t + 0.5) * cell;
      pen.path([[from + cell * 0.3, y + line + 4], [from + cell * 0.7, y + line - 2]], { colour: "muted", width: 1, alpha: 0.6 });
    }
    glyphs(pen, texts[r].slice(0, columns), gutter, y + line * 0.78, cell, size, "x");
    glyphs(pen, texts[r].slice(1, columns + 1), gutter, y + line * 1.78 + 1, cell, size, "y");
    if (columns < T) pen.text(`+${T - columns}`, gutter + columns * cell + 5, y + line + 4, { colour: "muted", size: 11 });
  }
  if (B > shown) pen.text(`and ${B - shown} more`, gutter, TOP + TALLEST + 16, { colour: "muted", size: 13 });
}

function paintTriangle(pen, { T, texts, row }, { triangle: { x, y, size } }) {
  const text = texts[row - 1];
  const cell = Math.min(24, size / (T + 1));
  const gap = Math.max(0, cell * 0.06);
  pen.text(`row ${row}: ${T} context${T > 1 ? "s" : ""}, one target each`, x, y - 10, { colour: "muted", size: 12 });
  for (let t = 0; t < T; t++) {
    const top = y + t * cell;
    pen.box(x, top, (t + 1) * cell - gap, cell - gap, { colour: "x", alpha: cell < 11 ? 0.3 : 0.1 });
    pen.box(x + (t + 1) * cell, top, cell - gap, cell - gap, { colour: "y", alpha: cell < 11 ? 0.85 : 0.18 });
    if (cell < 11) continue;
    glyphs(pen, text.slice(0, t + 1), x, top + cell * 0.7, cell, Math.min(14, cell * 0.85), "x");
    glyphs(pen, [text[t + 1]], x + (t + 1) * cell, top + cell * 0.7, cell, Math.min(14, cell * 0.85), "y");
  }
}

export default {
  render: (view) =>
    mount(view, {
      traits: ["B", "T", "seed", "row", "n_tokens", "snippets"],
      read,
      describe,
      stats: ({ B, T, nTokens }) => [
        [grouped(B * T), "B · T predictions a step", "accent"],
        [`(${B}, ${T})`, "shape of x and of y"],
        [grouped(nTokens - T), "valid starts, N − T"],
      ],
      heightAt: (width, state) => layout(width, state).height,
      paint(pen, state) {
        const plan = layout(pen.width, state);
        paintStream(pen, state);
        paintRows(pen, state, plan);
        paintTriangle(pen, state, plan);
      },
    }),
};
