/* The course-wide overview: how many questions of each quiz this browser remembers as answered.
   The quizzes (course_lib/widgets/quiz.js) write the memory; here it is read, cleared and put back. */
(() => {
  "use strict";
  const root = document.querySelector(".course-progress");
  if (!root) return;
  const key = root.dataset.memory;
  const [status, button] = [root.querySelector("[role=status]"), root.querySelector("button")];
  const denied = document.documentElement.dataset.storage === "off";
  let cleared = null; // what Undo puts back

  const read = () => {
    try {
      const stored = JSON.parse(localStorage.getItem(key));
      if (stored?.version === 1 && stored.quizzes) return stored;
    } catch { /* Storage is off or holds something else. */ }
    return { version: 1, quizzes: {} };
  };

  // Answers to a quiz of another length belong to an older edition of the course and do not count.
  const answered = (quizzes, { chapter, total }) => {
    const kept = quizzes[chapter];
    return kept?.total === Number(total) && Array.isArray(kept.right) ? kept.right.length : 0;
  };

  function show() {
    const { quizzes } = read();
    let [sum, all] = [0, 0];
    for (const item of root.querySelectorAll("li")) {
      const [right, total] = [answered(quizzes, item.dataset), Number(item.dataset.total)];
      [sum, all] = [sum + right, all + total];
      const shown = document.createElement("span");
      shown.setAttribute("aria-hidden", "true");
      shown.textContent = `${right === total ? "✓ " : ""}${right} / ${total}`;
      const said = document.createElement("span");
      said.className = "course-said";
      said.textContent = right === total ? `complete, ${total} of ${total} answered` : `${right} of ${total} answered`;
      item.classList.toggle("course-complete", right === total);
      item.querySelector(".course-progress-count").replaceChildren(shown, said);
    }
    if (sum) cleared = null; // answered anew in another tab
    button.hidden = !sum && !cleared;
    button.textContent = cleared ? "Undo" : "Reset progress";
    status.textContent = denied ? "This browser keeps nothing for this site: answers are forgotten when you leave a page."
      : cleared ? "Progress is reset."
      : sum === all ? `All ${all} questions answered.` : `${sum} of ${all} questions answered. Only this browser knows.`;
  }

  button.addEventListener("click", () => {
    const next = cleared ?? { version: 1, quizzes: {} };
    cleared = cleared ? null : read();
    try { localStorage.setItem(key, JSON.stringify(next)); } catch { /* Storage is off. */ }
    show();
  });
  addEventListener("storage", show); // another tab
  addEventListener("pageshow", show); // back from a chapter
  show();
})();
