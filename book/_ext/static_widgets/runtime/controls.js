/* The controls, as the browser's own inputs: name, keyboard and touch are the browser's as well. */

/* The part of d3's number formats that ipywidgets' sliders are given: d, .2f, .1e, .3g, .0%, a comma. */
function format(value, spec) {
  const [, comma, digits, type] = /^(,)?(?:\.(\d+))?([dfeg%])?$/.exec(spec ?? "") ?? [];
  const n = digits === undefined ? undefined : Number(digits);
  let text = String(value);
  if (type === "d") text = String(Math.round(value));
  else if (type === "f") text = value.toFixed(n ?? 6);
  else if (type === "e") text = value.toExponential(n ?? 6);
  else if (type === "g") text = String(Number(value.toPrecision(n || 6)));
  else if (type === "%") text = `${(value * 100).toFixed(n ?? 6)}%`;
  return comma ? text.replace(/^(-?\d+)/, (whole) => whole.replace(/\B(?=(\d{3})+$)/g, ",")) : text;
}

let ids = 0;
const el = (tag, properties = {}, ...children) => {
  const { class: name, attributes = {}, ...rest } = properties;
  const node = Object.assign(document.createElement(tag), rest);
  if (name) node.className = name;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
};
const note = (text) => el("p", { class: "sw-note", textContent: text });
const nameOf = (model) => model.get("description") || model.get("tooltip") || "";
const caption = (model, id) => el("label", { class: "sw-label", htmlFor: id, textContent: nameOf(model) });

/* Call `show` now and whenever one of the traits changes. */
function follow(model, traits, show) {
  model.on(traits.map((t) => `change:${t}`).join(" "), show);
  show();
}

function slider(model, place, { toPosition = Number, toValue = Number } = {}) {
  const id = `sw-${++ids}`;
  const input = el("input", { id, type: "range", step: model.get("step") ?? "any" });
  const output = el("output", {
    htmlFor: id, hidden: model.get("readout") === false, attributes: { "aria-live": "off" },
  });
  const words = () => {
    const text = format(toValue(input.value), model.get("readout_format"));
    output.textContent = text;
    input.setAttribute("aria-valuetext", text);
  };
  const send = () => model.set("value", toValue(input.value));
  input.addEventListener("input", () => { words(); if (model.get("continuous_update") !== false) send(); });
  input.addEventListener("change", send);
  follow(model, ["value", "min", "max", "disabled"], () => {
    Object.assign(input, { min: model.get("min"), max: model.get("max"), disabled: Boolean(model.get("disabled")) });
    // A value that the input has itself just sent is not written back: that would end a drag in some browsers.
    if (toValue(input.value) !== model.get("value")) input.value = toPosition(model.get("value"));
    words();
  });
  place.append(caption(model, id), output, input);
}

function logSlider(model, place) {
  const base = model.get("base") ?? 10;
  slider(model, place, {
    toPosition: (value) => Math.log(value) / Math.log(base),
    toValue: (position) => Number((base ** Number(position)).toPrecision(12)),
  });
}

function rangeSlider(model, place) {
  const output = el("output", { attributes: { "aria-live": "off" }, hidden: model.get("readout") === false });
  const inputs = ["from", "to"].map((end) => el("input", {
    type: "range", step: model.get("step") ?? 1, attributes: { "aria-label": `${nameOf(model)}: ${end}` },
  }));
  const current = () => inputs.map((input) => Number(input.value));
  const words = () => {
    const texts = current().map((value) => format(value, model.get("readout_format")));
    output.textContent = texts.join(" – ");
    inputs.forEach((input, i) => input.setAttribute("aria-valuetext", texts[i]));
  };
  inputs.forEach((input, i) => {
    input.addEventListener("input", () => {
      // The two ends may meet but never cross.
      const other = Number(inputs[1 - i].value);
      input.value = i === 0 ? Math.min(input.value, other) : Math.max(input.value, other);
      words();
      if (model.get("continuous_update") !== false) model.set("value", current());
    });
    input.addEventListener("change", () => model.set("value", current()));
  });
  follow(model, ["value", "min", "max", "disabled"], () => {
    inputs.forEach((input, i) => {
      Object.assign(input, { min: model.get("min"), max: model.get("max"), disabled: Boolean(model.get("disabled")) });
      input.value = model.get("value")[i];
    });
    words();
  });
  place.setAttribute("role", "group");
  place.setAttribute("aria-label", nameOf(model));
  place.append(el("span", { class: "sw-label", textContent: nameOf(model) }), output, ...inputs);
}

function checkbox(model, place) {
  const id = `sw-${++ids}`;
  const input = el("input", { id, type: "checkbox" });
  input.addEventListener("change", () => model.set("value", input.checked));
  follow(model, ["value", "disabled"], () => {
    Object.assign(input, { checked: Boolean(model.get("value")), disabled: Boolean(model.get("disabled")) });
  });
  place.append(input, caption(model, id));
}

function dropdown(model, place) {
  const id = `sw-${++ids}`;
  const select = el("select", { id });
  select.append(...(model.get("_options_labels") ?? []).map((text) => el("option", { textContent: text })));
  select.addEventListener("change", () => model.set("index", select.selectedIndex));
  follow(model, ["index", "disabled"], () => {
    select.selectedIndex = model.get("index") ?? -1;
    select.disabled = Boolean(model.get("disabled"));
  });
  place.append(caption(model, id), select);
}

/* Radio buttons that look like buttons: arrow keys, names and groups are the browser's own. */
function toggleButtons(model, place) {
  const group = `sw-${++ids}`;
  const radios = (model.get("_options_labels") ?? []).map((text, i) => {
    const radio = el("input", { type: "radio", name: group, value: i });
    radio.addEventListener("change", () => model.set("index", i));
    return [radio, el("label", { class: "sw-toggle" }, radio, el("span", { textContent: text }))];
  });
  const field = el("fieldset", {}, el("legend", { class: "sw-label", textContent: nameOf(model) }),
    el("div", { class: "sw-toggles" }, ...radios.map(([, label]) => label)));
  follow(model, ["index", "disabled"], () => {
    radios.forEach(([radio], i) => { radio.checked = i === model.get("index"); });
    field.disabled = Boolean(model.get("disabled"));
  });
  place.append(field);
}

function play(model, place) {
  const trait = model.get("playing") === undefined ? "_playing" : "playing"; // ipywidgets 8, 7
  const repeats = () => model.get("repeat") ?? model.get("_repeat");
  const word = el("span");
  const button = el("button", { type: "button", class: "sw-play" },
    el("span", { class: "sw-play-mark", attributes: { "aria-hidden": "true" } }), word);
  let timer = 0;
  const tick = () => {
    const next = model.get("value") + (model.get("step") ?? 1);
    if (next <= model.get("max")) model.set("value", next);
    else if (repeats()) model.set("value", model.get("min"));
    else model.set(trait, false);
  };
  button.addEventListener("click", () => {
    if (!model.get(trait) && model.get("value") >= model.get("max")) model.set("value", model.get("min"));
    model.set(trait, !model.get(trait));
  });
  // Nothing moves by itself for readers who asked for that.
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) model.state[trait] = false;
  follow(model, [trait, "interval", "disabled"], () => {
    const on = Boolean(model.get(trait));
    clearInterval(timer);
    if (on) timer = setInterval(tick, model.get("interval") ?? 100);
    button.classList.toggle("sw-playing", on);
    word.textContent = `${on ? "Pause" : "Play"}: ${nameOf(model)}`;
    button.disabled = Boolean(model.get("disabled"));
  });
  place.append(button);
}

function text(model, place) {
  const shown = place.innerHTML;
  follow(model, ["value"], () => {
    const value = model.get("value") ?? "";
    if (model.name !== "HTMLModel") place.textContent = value;
    else if (value !== shown || place.innerHTML !== shown) place.innerHTML = value;
  });
}
