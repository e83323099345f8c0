/* Two things that the page's CSS cannot say. */
(() => {
  "use strict";
  // What scrolls sideways can be scrolled by keyboard; what does not is no stop for the Tab key.
  const wide = ".bd-article div.math, .bd-article .pst-scrollable-table-container, .bd-article .sw-picture";
  const mark = () => {
    for (const node of document.querySelectorAll(wide)) {
      if (node.scrollWidth > node.clientWidth + 1) node.tabIndex = 0;
      else node.removeAttribute("tabindex");
    }
  };
  addEventListener("load", mark);
  addEventListener("resize", mark);
  // The switch of the colours says what it is set to.
  const root = document.documentElement;
  const say = () => {
    for (const button of document.querySelectorAll(".theme-switch-button")) {
      button.setAttribute("aria-label", `Colours: ${root.dataset.mode === "auto" ? "as the system" : root.dataset.mode}`);
    }
  };
  new MutationObserver(say).observe(root, { attributeFilter: ["data-mode"] });
  say();
})();
