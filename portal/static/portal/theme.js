// Before the first paint: the theme that was chosen. Without a choice the system's applies, by CSS alone.
(() => {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.bsTheme = chosen;
})();
