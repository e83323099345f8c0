// A chapter's quiz: checked at once, by Enter or button; progress stays in this browser.

// ---- answers

// The number that a reader wrote: 1,003,854, 1e-3, 1/2, 6e-2, 5·10^-4; NaN if it is none.
// A comma counts only where it groups thousands, so that 0,6 is not taken for 6.
export function parseNumber(text) {
  let s = text.trim().replace(/[−–]/g, "-").replace(/[\s_\u2009\u202f]/g, "");
  s = s.replace(/(?<=[\d.])[·×x*]10\^?\(?([+-]?\d+)\)?$/i, "e$1");
  const percent = s.endsWith("%");
  if (percent) s = s.slice(0, -1);
  const fraction = s.split("/");
  if (fraction.length > 2) return NaN;
  const [top, bottom = 1] = fraction.map((part) => {
    const grouping = /^[+-]?\d{1,3}(,\d{3})+(?=\.|$)/.test(part);
    const plain = grouping ? part.replace(/,/g, "") : part;
    return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain) ? Number(plain) : NaN;
  });
  return bottom === 0 ? NaN : top / bottom / (percent ? 100 : 1);
}

const near = (value, target, { tolerance, rtol }) =>
  // A few units in the last place are the reader's rounding of 0.1 + 0.2, not a mistake.
  Math.abs(value - target) <= Math.max(tolerance, rtol * Math.abs(target)) * (1 + 1e-9) + 1e-15;

// { right: true, false, or null for "not an answer yet", text: the sentence to show }
export function judge(question, given) {
  if (question.kind === "choice") {
    if (given === null) return { right: null, text: "Choose an option first." };
    const right = given === question.answer;
    const named = question.wrong.find(([position]) => position === given);
    return { right, text: right ? question.right : named ? named[1] : "" };
  }
  if (!given.trim()) return { right: null, text: "Type a number first." };
  const value = parseNumber(given);
  if (Number.isNaN(value)) {
    return { right: null, text: "That is not read as a number. Write it like 1,003,854 or 0.6, 6e-2 or 1/2." };
  }
  if (near(value, question.answer, question)) return { right: true, text: question.right };
  const named = question.wrong.find(([wrong]) => near(value, wrong, question));
  return { right: false, text: named ? named[1] : "" };
}

// ---- memory: one entry for the whole course, so that the introduction can show an overview

export const MEMORY = "around-the-transformer";

export function recall() {
  try {
    const stored = JSON.parse(localStorage.getItem(MEMORY));
    if (stored && stored.version === 1 && stored.quizzes) return stored;
  } catch { /* Storage is off or holds something else: start empty. */ }
  return { version: 1, quizzes: {} };
}

export function remember(chapter, total, right) {
  const stored = recall();
  stored.quizzes[chapter] = { total, right };
  try {
    localStorage.setItem(MEMORY, JSON.stringify(stored));
  } catch { /* Storage is off: the quiz works, merely without memory. */ }
  window.dispatchEvent(new CustomEvent("course-progress", { detail: stored }));
}

// ---- the page

// Text with `code` in backticks.
function prose(text) {
  return text.split("`").map((part, i) => (i % 2 ? element("code", {}, part) : part));
}

let quizzes = 0;

function ask(question, position, name, onRight) {
  const id = `${name}-${position}`;
  const feedback = element("p", { class: "quiz-feedback", id: `${id}-feedback`, "aria-live": "polite" });
  const button = element("button", { type: "submit" }, "Check");
  let field;
  let given;
  let inputs;
  if (question.kind === "numeric") {
    const input = element("input", {
      id, type: "text", inputmode: "text", autocomplete: "off", spellcheck: "false", "aria-describedby": `${id}-feedback`,
    });
    given = () => input.value;
    inputs = [input];
    const answer = element("div", { class: "quiz-answer" }, input);
    if (question.unit) answer.append(element("span", { class: "quiz-unit" }, question.unit));
    answer.append(button);
    field = element("div", {}, element("label", { for: id }, `${position + 1}. `, ...prose(question.question)), answer);
  } else {
    inputs = question.options.map((_, i) => element("input", { type: "radio", name: id, value: i, "aria-describedby": `${id}-feedback` }));
    given = () => { const i = inputs.findIndex((input) => input.checked); return i < 0 ? null : i; };
    const options = question.options.map((option, i) => element("label", { class: "quiz-option" }, inputs[i], element("span", {}, ...prose(option))));
    field = element("fieldset", {}, element("legend", {}, `${position + 1}. `, ...prose(question.question)), ...options, element("div", { class: "quiz-answer" }, button));
  }
  const form = element("form", { class: "quiz-question", novalidate: "" }, field, feedback);
  const say = (right, text) => {
    form.dataset.state = right === null ? "" : right ? "right" : "wrong";
    const mark = right === null ? "" : right ? "✓ Right. " : "✗ Not yet. ";
    feedback.replaceChildren(element("strong", {}, mark), ...prose(text));
  };
  // Said in full, because a notebook's page may keep Enter from submitting a form by itself.
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.tagName === "BUTTON") return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { right, text } = judge(question, given());
    say(right, text);
    if (right) onRight();
  });
  return {
    form,
    restore: (solved) => (solved ? say(true, question.right) : (form.reset(), say(null, ""))),
  };
}

export default {
  render({ model, el }) {
    const [chapter, questions] = [model.get("chapter"), model.get("questions")];
    const name = `quiz-${++quizzes}-${chapter}`;
    const stored = recall().quizzes[chapter];
    const solved = new Set(stored && stored.total === questions.length ? stored.right : model.get("solved"));
    const counted = element("span", { "aria-hidden": "true" });
    const said = element("span", { class: "quiz-said" });
    const count = element("span", { class: "quiz-count" }, counted, said);
    const done = element("span", { class: "quiz-done", role: "status" });
    const reset = element("button", { type: "button", class: "quiz-reset" }, "Start over");
    const show = () => {
      counted.textContent = `${solved.size} / ${questions.length}`;
      said.textContent = `${solved.size} of ${questions.length} answered`;
      done.textContent = solved.size === questions.length ? "✓ Chapter complete" : "";
      reset.hidden = !solved.size;
    };
    const keep = () => {
      const right = [...solved].sort((a, b) => a - b);
      remember(chapter, questions.length, right);
      model.set("solved", right);
      model.save_changes();
      show();
    };
    const asked = questions.map((question, i) => ask(question, i, name, () => { solved.add(i); keep(); }));
    reset.addEventListener("click", () => {
      solved.clear();
      keep();
      asked.forEach(({ restore }) => restore(false));
      asked[0].form.querySelector("input").focus();
    });
    const head = element("div", { class: "quiz-head" }, count, done, reset);
    // The data attribute keeps JupyterLab from taking Enter for a command of its own.
    const root = element("section", { class: "quiz", "aria-label": "Quiz", "data-lm-suppress-shortcuts": "true" }, head, ...asked.map(({ form }) => form));
    asked.forEach(({ restore }, i) => solved.has(i) && restore(true));
    show();
    el.append(root);
    return () => root.remove();
  },
};
