/* The stored models, and the links between them: the part of the anywidget model API that needs no kernel. */

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
