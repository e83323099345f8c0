/* Draws the stored state of ipywidgets and anywidgets on a static page. No dependencies, no network.
   A classic deferred script, so that it runs from file:// as well. The places that it fills
   (data-sw-model) are written at build time by the Sphinx extension beside it. */
(() => {
  "use strict";
  const STATE = "application/vnd.jupyter.widget-state+json";
  const VERSION = 2;

  // ---- models and links ------------------------------------------------------------------

  class Model {
    constructor(id, { model_name, state, buffers }) {
      this.id = id;
      this.name = model_name;
      this.state = state;
      this.handlers = new Map();
      this.failed = (error) => console.warn(error);
      for (const { path, data } of buffers ?? []) {
        const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
        const owner = path.slice(0, -1).reduce((at, key) => at[key], state);
        owner[path.at(-1)] = new DataView(bytes.buffer);
      }
    }
    get(key) { return this.state[key]; }
    set(key, value) {
      const changes = typeof key === "object" ? key : { [key]: value };
      const changed = Object.keys(changes).filter((k) => !same(this.state[k], changes[k]));
      Object.assign(this.state, changes);
      for (const k of changed) this.emit(`change:${k}`, this.state[k]);
      if (changed.length) this.emit("change");
    }
    save_changes() {}
    send() {}
    on(events, handler) {
      for (const event of events.split(/\s+/)) {
        this.handlers.set(event, [...(this.handlers.get(event) ?? []), handler]);
      }
    }
    off(events, handler) {
      for (const event of events?.split(/\s+/) ?? [...this.handlers.keys()]) {
        this.handlers.set(event, (this.handlers.get(event) ?? []).filter((h) => handler && h !== handler));
      }
    }
    emit(event, value) {
      for (const handler of this.handlers.get(event) ?? []) {
        // One reader of a change that throws must not keep it from the others.
        try { handler(this, value); } catch (error) { this.failed(error); }
      }
    }
  }

  const same = (a, b) => a === b || (typeof a === "object" && JSON.stringify(a) === JSON.stringify(b));

  function link(models, { source, target }, bothWays) {
    const [from, to] = [source, target].map(([ref, trait]) => [models.get(ref.slice("IPY_MODEL_".length)), trait]);
    const copy = ([a, x], [b, y]) => b.set(y, a.get(x));
    copy(from, to);
    from[0].on(`change:${from[1]}`, () => copy(from, to));
    if (bothWays) to[0].on(`change:${to[1]}`, () => copy(to, from));
  }

  // ---- words and elements ------------------------------------------------------------------

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

  // ---- controls ---------------------------------------------------------------------------

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

  // ---- pictures ---------------------------------------------------------------------------

  const modules = new Map(); // pictures of one kind share their module
  const styles = new Set();

  function moduleOf(source) {
    if (!modules.has(source)) {
      const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
      modules.set(source, import(url).finally(() => URL.revokeObjectURL(url)));
    }
    return modules.get(source);
  }

  async function picture(model, place) {
    const style = model.get("_css");
    if (style && !styles.has(style)) {
      styles.add(style);
      document.head.append(el("style", { textContent: style }));
    }
    const told = new Set();
    model.failed = (error) => {
      const words = `This picture stopped working: ${error?.message ?? error}. The rest of the page is not affected.`;
      if (told.has(place) || !place.isConnected) return;
      told.add(place);
      place.append(note(words));
      console.warn(error);
    };
    try {
      const module = await moduleOf(model.get("_esm") ?? "");
      let widget = module.default ?? module;
      if (typeof widget === "function") widget = await widget();
      const root = el("div", { class: "sw-picture" });
      place.append(root);
      if (!model.ready) model.ready = Promise.resolve(widget.initialize?.({ model }));
      await model.ready;
      await widget.render({ model, el: root });
    } catch (error) {
      model.failed(error);
      const words = model.get("text_alternative");
      if (words) place.append(note(words));
    }
  }

  // ---- the page ---------------------------------------------------------------------------

  const VIEWS = {
    IntSliderModel: slider, FloatSliderModel: slider, FloatLogSliderModel: logSlider,
    IntRangeSliderModel: rangeSlider, CheckboxModel: checkbox, DropdownModel: dropdown,
    ToggleButtonsModel: toggleButtons, PlayModel: play, LabelModel: text, HTMLModel: text, AnyModel: picture,
  };

  function read() {
    const stored = document.querySelector(`script[type="${STATE}"]`);
    if (!stored) throw new Error("its stored state is missing");
    let data;
    try { data = JSON.parse(stored.textContent); } catch { throw new Error("its stored state is damaged"); }
    if (data?.version_major !== VERSION) throw new Error(`its stored state has version ${data?.version_major}`);
    return new Map(Object.entries(data.state ?? {}).map(([id, model]) => [id, new Model(id, model)]));
  }

  function start() {
    let models;
    try { models = read(); } catch (error) {
      for (const view of document.querySelectorAll(".sw-view")) {
        view.replaceChildren(note(`A live picture belongs here, but ${error.message}. Reloading the page may help.`));
      }
      return;
    }
    for (const { name, state } of models.values()) {
      // A broken link leaves the models as they are; the build has refused those that it can see.
      if (name !== "LinkModel" && name !== "DirectionalLinkModel") continue;
      try { link(models, state, name === "LinkModel"); } catch (error) { console.warn(error); }
    }
    for (const place of document.querySelectorAll("[data-sw-model]")) {
      const model = models.get(place.dataset.swModel);
      const draw = VIEWS[model?.name];
      try {
        if (!draw) throw new Error("no stored state");
        place.querySelector(":scope > noscript")?.remove();
        draw(model, place);
      } catch (error) {
        place.append(note(`This control could not be drawn: ${error.message}.`));
      }
    }
    document.documentElement.dataset.staticWidgets = "ready";
  }

  start();
})();
