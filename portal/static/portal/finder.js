// Keys of the search: Ctrl or Cmd with K leads to its field, arrows through what was found, Escape back and out. No key
// does so by itself: people who speak to their browser would set it off (WCAG 2.1.4).
(() => {
  const seen = (element) => element.getClientRects().length > 0;

  const toField = () => {
    const field = [...document.querySelectorAll("[data-finder] input[type=search]")].find(seen);
    if (field) {
      field.focus();
      field.select();
    } else document.querySelector("[data-to-search]")?.click();
  };

  const asks = (event) =>
    event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;

  const move = (event, finder, step) => {
    const stops = [finder.querySelector("input[type=search]"), ...finder.querySelectorAll(".found a")];
    const next = stops[stops.indexOf(document.activeElement) + step];
    if (!next || stops.length === 1) return;
    event.preventDefault();
    next.focus();
  };

  const back = (finder) => {
    const field = finder.querySelector("input[type=search]");
    if (document.activeElement === field && field.value) {
      field.value = "";
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
    field.focus();
  };

  if (/^(Mac|iP)/.test(navigator.platform))
    for (const hint of document.querySelectorAll("[data-finder] kbd")) hint.textContent = "⌘ K";

  // What was typed before htmx listened is looked for, too.
  addEventListener("load", () => {
    const field = document.activeElement;
    if (field?.value && field.matches("[data-finder] input[type=search]")) field.dispatchEvent(new Event("early"));
  });

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || !event.target.closest) return;
    const finder = event.target.closest("[data-finder]");
    if (asks(event)) {
      event.preventDefault();
      toField();
    } else if (finder && event.key === "ArrowDown") move(event, finder, 1);
    else if (finder && event.key === "ArrowUp") move(event, finder, -1);
    else if (finder && event.key === "Escape") back(finder);
  });
})();
