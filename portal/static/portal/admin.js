// Mends what the admin's own widgets and RQ's pages leave nameless or broken.

// RQ's lists are written for the admin of an older Django, whose scripts would break on them.
if (window.django?.jQuery) window.django.jQuery.fn.actions ??= function none() { return this; };
if (!document.querySelector(".action-counter")) {
  for (const one of document.querySelectorAll("input.action-select")) one.className = "job-select";
}

// After the admin's own boxes are made: they are, when the page is ready.
const ready = window.django?.jQuery ?? ((then) => addEventListener("DOMContentLoaded", then));
ready(() => {
  for (const field of document.querySelectorAll("select.admin-autocomplete")) {
    const label = field.labels[0];
    const box = field.nextElementSibling?.querySelector(".select2-selection");
    if (!label || !box) continue;
    label.id ||= `${field.id}-label`;
    const chosen = box.querySelector(".select2-selection__rendered");
    box.setAttribute("aria-labelledby", `${label.id} ${chosen.id}`);
    chosen.setAttribute("aria-labelledby", label.id);
  }
  for (const all of document.querySelectorAll("#action-toggle:not([aria-label])")) {
    all.setAttribute("aria-label", "Choose all on this page");
    all.addEventListener("change", () => {
      for (const one of document.querySelectorAll("input.job-select")) one.checked = all.checked;
    });
  }
  for (const one of document.querySelectorAll("input.job-select")) one.setAttribute("aria-label", `Choose ${one.value}`);
  for (const head of document.querySelectorAll(".rq-table thead th:empty")) {
    head.append(Object.assign(document.createElement("span"), { className: "desk-unseen", textContent: "More" }));
  }
});
