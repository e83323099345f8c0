/* Pictures, and the filling of the places that the extension wrote into the page. */

const STATE = "application/vnd.jupyter.widget-state+json";
const VERSION = 2;

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
