// Keys of the search: "/" and Ctrl or Cmd with K lead to its field, arrows through what was found, Escape back and out.
(() => {
  const seen = (element) => element.getClientRects().length > 0;

  const toField = () => {
    const field = [...document.querySelectorAll("[data-finder] input[type=search]")].find(seen);
    if (field) {
      field.focus();
      field.select();
    } else document.querySelector("[data-to-search]")?.click();
  };

  const asks = (event) => {
    if (event.key.toLowerCase() === "k") return (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    return event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
  };

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
