// What every picture shares: chance, numbers in words, a pen that draws in the page's colours, and
// the mounting that keeps a drawing in step with its model, its theme and its width.
// Python puts this file in front of each piece's module, so nothing here is imported.

// ---- chance: the twin of course_lib/rng.py (mulberry32), tested equal to it

export function mulberry32(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export const below = (random, n) => Math.floor(random() * n);

// ---- numbers and text

export const grouped = (n) => String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ",");
export const readable = (text) => text.replace(/ /g, "␣").replace(/\n/g, "↵");
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

// A small rate such as 5.5e-4, as Python's f"{value:.{digits}e}" writes it.
export function scientific(value, digits = 2) {
  const [mantissa, exponent] = value.toExponential(digits).split("e");
  const power = Math.abs(exponent);
  return `${mantissa}e${exponent < 0 ? "-" : "+"}${power < 10 ? "0" : ""}${power}`;
}

// At most `count` round tick values within [low, high].
export function ticks(low, high, count) {
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

// The smallest and largest of `values` in each pixel column, as [index, low, high]: a curve drawn from
// these looks like one drawn from every value. `place` maps an index to [0, 1); left out, evenly.
// Non-finite values are left out.
export function thin(values, columns, place = (i) => i / values.length) {
  const stretches = [];
  let column = -1;
  let first = 0;
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) continue;
    const here = Math.floor(place(i) * columns);
    if (here !== column) {
      stretches.push([i, values[i], values[i]]);
      [column, first] = [here, i];
      continue;
    }
    const stretch = stretches.at(-1);
    stretch[0] = (first + i) / 2;
    if (values[i] < stretch[1]) stretch[1] = values[i];
    if (values[i] > stretch[2]) stretch[2] = values[i];
  }
  return stretches;
}

// ---- the page

export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const COLOURS = ["x", "y", "train", "val", "loss", "lr", "norm", "ink", "muted", "paper", "rule", "accent", "good", "bad"];

function readTheme(root) {
  const computed = getComputedStyle(root);
  const theme = { sans: computed.fontFamily, mono: computed.getPropertyValue("--picture-mono") || "monospace" };
  for (const name of COLOURS) theme[name] = computed.getPropertyValue(`--c-${name}`).trim() || "#777";
  return theme;
}

// Drawing in CSS pixels. Colours are palette names; `alpha` thins them.
function makePen(ctx, width, height, theme) {
  const paintWith = (colour, alpha = 1) => {
    ctx.globalAlpha = alpha;
    ctx.fillStyle = ctx.strokeStyle = theme[colour] || colour;
  };
  return {
    ctx, width, height, theme,
    text(string, x, y, { colour = "ink", size = 12, weight = 400, align = "left", mono = false, alpha = 1 } = {}) {
      paintWith(colour, alpha);
      ctx.font = `${weight} ${size}px ${mono ? theme.mono : theme.sans}`;
      ctx.textAlign = align;
      ctx.textBaseline = "alphabetic";
      ctx.fillText(string, x, y);
    },
    measure(string, { size = 12, weight = 400, mono = false } = {}) {
      ctx.font = `${weight} ${size}px ${mono ? theme.mono : theme.sans}`;
      return ctx.measureText(string).width;
    },
    box(x, y, w, h, { colour = "ink", alpha = 1, radius = 0, outline = 0, dash = [] } = {}) {
      paintWith(colour, alpha);
      ctx.beginPath();
      if (radius && ctx.roundRect) ctx.roundRect(x, y, w, h, Math.min(radius, w / 2, h / 2));
      else ctx.rect(x, y, w, h);
      if (!outline) return ctx.fill();
      ctx.lineWidth = outline;
      ctx.setLineDash(dash);
      ctx.stroke();
    },
    path(points, { colour = "ink", alpha = 1, width: lineWidth = 1.5, dash = [], fill = false } = {}) {
      if (!points.length) return;
      paintWith(colour, alpha);
      ctx.beginPath();
      points.forEach(([x, y], i) => (i ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
      if (fill) return ctx.fill();
      ctx.lineWidth = lineWidth;
      ctx.lineJoin = ctx.lineCap = "round";
      ctx.setLineDash(dash);
      ctx.stroke();
    },
    dot(x, y, radius, colour) {
      paintWith(colour);
      ctx.beginPath();
      ctx.arc(x, y, radius, 0, 2 * Math.PI);
      ctx.fill();
      paintWith("paper");
      ctx.lineWidth = 1.5;
      ctx.setLineDash([]);
      ctx.stroke();
    },
  };
}

// Axes of a plot: a thin grid with labels. Returns the two scales, from values to pixels.
// `frame`: { x, y, width, height }; each axis: { low, high, at: tick values, label, log }.
export function axes(pen, frame, horizontal, vertical) {
  const share = ({ low, high, log }, value) =>
    log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low || 1);
  const X = (value) => frame.x + frame.width * share(horizontal, value);
  const Y = (value) => frame.y + frame.height * (1 - share(vertical, value));
  for (const value of vertical.at) {
    const y = Math.round(Y(value)) + 0.5;
    pen.path([[frame.x, y], [frame.x + frame.width, y]], { colour: "rule", width: 1, alpha: 0.8 });
    pen.text((vertical.show || String)(value), frame.x - 7, y + 4, { colour: "muted", size: 11, align: "right" });
  }
  for (const value of horizontal.at) {
    const words = (horizontal.show || grouped)(value);
    const over = X(value) + pen.measure(words, { size: 11 }) / 2 > pen.width;
    pen.text(words, over ? pen.width : X(value), frame.y + frame.height + 16, { colour: "muted", size: 11, align: over ? "right" : "center" });
  }
  const floor = Math.round(frame.y + frame.height) + 0.5;
  pen.path([[frame.x, floor], [frame.x + frame.width, floor]], { colour: "muted", width: 1, alpha: 0.7 });
  if (vertical.label) pen.text(vertical.label, frame.x - 34, frame.y - 10, { colour: vertical.colour || "muted", size: 12, weight: 600 });
  if (horizontal.label) pen.text(horizontal.label, frame.x + frame.width, frame.y + frame.height + 32, { colour: "muted", size: 11, align: "right" });
  return { X, Y };
}

// Mounts a picture and keeps it current. `spec`:
//   traits    the model's traits that change the drawing
//   read      (get) => everything that the drawing needs, computed from the traits
//   stats     (state) => [[value, label, colour] …], shown as text above the drawing
//   describe  (state) => the drawing in words
//   heightAt  (width, state) => the canvas's height; nearly the same for every setting, so that nothing jumps
//   paint     (pen, state) => draws
//   extend    (root) => (state) => …, optional: more elements below the drawing
export function mount({ model, el }, spec) {
  const root = element("div", { class: "picture" });
  const stats = element("div", { class: "picture-stats" });
  const canvas = element("canvas", { role: "img" });
  root.append(stats, canvas);
  el.append(root);
  const update = spec.extend && spec.extend(root, stats, canvas);
  const ctx = canvas.getContext("2d");
  let theme = null;
  let state = null;
  let waiting = 0;

  function paint() {
    waiting = 0;
    const width = Math.floor(canvas.clientWidth);
    if (!width) return;
    const height = spec.heightAt(width, state);
    const density = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * density) || canvas.height !== Math.round(height * density)) {
      canvas.width = Math.round(width * density);
      canvas.height = Math.round(height * density);
      canvas.style.height = `${height}px`;
    }
    theme ||= readTheme(root);
    ctx.setTransform(density, 0, 0, density, 0, 0);
    ctx.clearRect(0, 0, width, height);
    spec.paint(makePen(ctx, width, height, theme), state);
    ctx.globalAlpha = 1;
  }
  const repaint = () => (waiting ||= requestAnimationFrame(paint));

  function refresh() {
    state = spec.read((name) => model.get(name));
    const entries = spec.stats ? spec.stats(state) : [];
    entries.forEach(([value, label, colour], i) => {
      if (!stats.children[i]) stats.append(element("div", {}, element("span"), element("strong")));
      const [term, definition] = stats.children[i].children;
      if (term.textContent !== label) term.textContent = label;
      definition.textContent = value;
      definition.style.color = `var(--c-${colour || "ink"})`;
    });
    const words = spec.describe(state);
    canvas.setAttribute("aria-label", words);
    if (model.get("text_alternative") !== words) {
      model.set("text_alternative", words);
      model.save_changes();
    }
    if (update) update(state);
    repaint();
  }
  const retheme = () => { theme = null; repaint(); };

  for (const name of spec.traits) model.on(`change:${name}`, refresh);
  const resizes = new ResizeObserver(repaint);
  resizes.observe(root);
  const themes = new MutationObserver(retheme);
  const where = { attributes: true, attributeFilter: ["data-theme", "data-jp-theme-light", "theme", "class"] };
  themes.observe(document.documentElement, where);
  themes.observe(document.body, where);
  if (document.fonts) document.fonts.ready.then(retheme);
  refresh();
  paint();
  return () => {
    for (const name of spec.traits) model.off(`change:${name}`, refresh);
    resizes.disconnect();
    themes.disconnect();
    cancelAnimationFrame(waiting);
    root.remove();
  };
}
