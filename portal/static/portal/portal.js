// What pages do without the server: theme, copy buttons, fields filled from what was found, times that stay true, a name typed before deleting,
// and folds that stay open while the live part of a page is replaced.
(() => {
  const root = document.documentElement;

  const showTheme = () => {
    for (const button of document.querySelectorAll("[data-theme-choice]"))
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === (root.dataset.bsTheme || "system")));
  };

  const choose = (theme) => {
    if (theme === "system") {
      delete root.dataset.bsTheme;
      localStorage.removeItem("theme");
    } else {
      root.dataset.bsTheme = theme;
      localStorage.setItem("theme", theme);
    }
    showTheme();
  };

  const copy = async (button) => {
    await navigator.clipboard.writeText(button.dataset.copy || button.closest(".code").querySelector("pre").textContent);
    const said = button.getAttribute("aria-label");
    button.classList.add("is-copied");
    button.setAttribute("aria-label", "Copied");
    setTimeout(() => {
      button.classList.remove("is-copied");
      button.setAttribute("aria-label", said);
    }, 1500);
  };

  // What was found is put into the form's field; where there is no such field, the link leads to it.
  const fill = (event) => {
    const found = event.target.closest("[data-fill]");
    const field = found && document.querySelector(found.dataset.fill);
    if (!field) return;
    event.preventDefault();
    field.value = found.dataset.value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  };

  // A form with errors begins at the first of them.
  document.querySelector("main [aria-invalid='true']")?.focus();

  const show = (button) => {
    const field = document.getElementById(button.dataset.show);
    const isShown = field.type === "text";
    field.type = isShown ? "password" : "text";
    button.textContent = isShown ? "Show" : "Hide";
    button.setAttribute("aria-pressed", String(!isShown));
  };

  document.addEventListener("click", (event) => {
    const shows = event.target.closest("[data-show]");
    if (shows) show(shows);
    const theme = event.target.closest("[data-theme-choice]");
    if (theme) choose(theme.dataset.themeChoice);
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
    fill(event);
    for (const menu of document.querySelectorAll("details.menu[open]"))
      if (!menu.contains(event.target)) menu.open = false;
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  document.addEventListener("input", (event) => {
    const wanted = event.target.dataset.mustBe;
    if (wanted) event.target.form.querySelector("[type=submit]").disabled = event.target.value !== wanted;
  });

  const tokens = new RegExp(document.querySelector("meta[name=token-pattern]")?.content || "(?!)");

  // What is typed into a search is in an address, which proxies log: a token isn't sent.
  document.addEventListener("htmx:configRequest", (event) => {
    const { verb, parameters } = event.detail;
    if (verb === "get" && Object.values(parameters).some((value) => tokens.test(value))) event.preventDefault();
  });

  // A token in the field for a name: the two fields can be swapped before anything is sent.
  document.addEventListener("input", (event) => {
    for (const offer of document.querySelectorAll("[data-swap]")) {
      const fields = offer.dataset.swap.split(" ").map((id) => document.getElementById(id));
      if (fields.includes(event.target)) offer.hidden = !tokens.test(fields[0].value);
    }
  });
  document.addEventListener("click", (event) => {
    const offer = event.target.closest("[data-swap] button")?.closest("[data-swap]");
    if (!offer) return;
    event.preventDefault();
    const [name, secret] = offer.dataset.swap.split(" ").map((id) => document.getElementById(id));
    [name.value, secret.value] = [secret.value, name.value];
    offer.hidden = true;
    name.focus();
  });

  // What is pasted into a field that only asks what it is about is sent at once.
  document.addEventListener("paste", (event) => {
    const field = event.target.closest("[data-submit-on-paste]");
    if (field && !field.value) setTimeout(() => field.form.requestSubmit());
  });

  // A form is sent once: a second click finds the button at work.
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    const button = event.submitter;
    if (button) setTimeout(() => button.setAttribute("aria-disabled", "true"));
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => {
    for (const form of document.forms) delete form.dataset.sent;
    for (const button of document.querySelectorAll("[type=submit][aria-disabled]")) button.removeAttribute("aria-disabled");
  });

  const STEPS = [[60, 1, "second"], [3600, 60, "minute"], [86400, 3600, "hour"], [Infinity, 86400, "day"]];
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  const tick = (within) => {
    for (const time of within.querySelectorAll("time[data-ago]")) {
      const seconds = (Date.parse(time.dateTime) - Date.now()) / 1000;
      const [, unit, name] = STEPS.find(([limit]) => Math.abs(seconds) < limit);
      const count = seconds > 0 ? Math.ceil(seconds / unit) : Math.round(seconds / unit);
      const soon = "due" in time.dataset ? seconds < 5 && "any moment now" : Math.abs(seconds) < 5 && "just now";
      const text = soon || words.format(count, name);
      if (time.textContent !== text) time.textContent = text;
    }
  };

  let open = [];
  document.addEventListener("htmx:beforeSwap", (event) => {
    open = [...event.detail.target.querySelectorAll("details[id][open]")].map((fold) => fold.id);
  });
  document.addEventListener("htmx:afterSettle", () => {
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    tick(document);
  });

  for (const button of document.querySelectorAll("[data-show]")) button.hidden = false;
  showTheme();
  tick(document);
  setInterval(() => tick(document), 1000);
})();
