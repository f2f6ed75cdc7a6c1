"use strict";

// Tables: a heading sorts the bodies below it; each body is one line with what belongs to it.

function sortKey(body, column) {
  const text = body.rows[0].cells[column].dataset.value;
  if (text === "") return null; // nothing there: last in both directions
  if (text === "inf") return Infinity;
  if (text === "-inf") return -Infinity;
  const number = Number(text);
  return Number.isNaN(number) ? text : number;
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a === b ? 0 : a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

function sortTable(table, heading) {
  const headings = [...heading.parentElement.cells];
  const column = headings.indexOf(heading);
  const before = heading.getAttribute("aria-sort");
  const first = heading.classList.contains("number") ? "descending" : "ascending";
  const order = before === null ? first : before === "descending" ? "ascending" : "descending";
  const sign = order === "descending" ? -1 : 1;
  const lines = [...table.tBodies].map((body) => ({ body, key: sortKey(body, column) }));
  lines.sort((a, b) => {
    if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
    return sign * compare(a.key, b.key);
  });
  headings.forEach((other) => other.removeAttribute("aria-sort"));
  heading.setAttribute("aria-sort", order);
  table.append(...lines.map((line) => line.body));
  const name = heading.textContent.trim();
  document.getElementById("said").textContent = `Sorted by ${name}, ${order}`;
}

for (const table of document.querySelectorAll("table.sortable")) {
  for (const heading of table.tHead.rows[0].cells) {
    heading.querySelector("button").addEventListener("click", () => sortTable(table, heading));
  }
}

// Controls: which lines, which scores, with or without pictures.

const filter = document.getElementById("filter");
const metric = document.getElementById("metric");
const show = document.getElementById("show");

function applyFilter() {
  const wanted = filter.value.trim().toLowerCase();
  let shown = 0;
  let total = 0;
  for (const section of document.querySelectorAll("section.set")) {
    let here = 0;
    for (const body of section.querySelectorAll("tbody")) {
      body.hidden = !body.dataset.name.toLowerCase().includes(wanted);
      here += !body.hidden;
      total += 1;
    }
    section.querySelector(".nothing").hidden = here > 0;
    shown += here;
  }
  document.getElementById("count").textContent = `${shown} of ${total} images`;
}

function applyMetric() {
  for (const cell of document.querySelectorAll("table.images [data-metric]")) {
    cell.hidden = metric.value !== "" && cell.dataset.metric !== metric.value;
  }
}

filter.addEventListener("input", applyFilter);
show.addEventListener("change", () => document.body.classList.toggle("no-pictures", !show.checked));
document.getElementById("controls").addEventListener("submit", (event) => event.preventDefault());
applyFilter();
if (metric !== null) {
  metric.addEventListener("change", applyMetric);
  applyMetric();
}

// One large picture at a time, over the page; arrows lead to its neighbours.

const dialog = document.getElementById("large");
let current = null; // the button of the picture that is shown

function enlarge(button) {
  current = button;
  const small = button.querySelector("img");
  const large = document.getElementById("large-image");
  large.src = small.src;
  large.alt = small.alt;
  const numbers = [...button.closest("tbody").rows[0].cells]
    .map((cell, column) => [cell, button.closest("table").tHead.rows[0].cells[column]])
    .filter(([cell, heading]) => cell.dataset.metric !== undefined && !cell.hidden && !heading.hidden)
    .map(([cell, heading]) => {
      const label = heading.querySelector("small");
      const name = heading.querySelector("button").firstChild.textContent.trim();
      return `${name}${label === null ? "" : " " + label.textContent} ${cell.textContent}`;
    });
  document.getElementById("large-title").textContent = small.alt;
  document.getElementById("large-scores").textContent = numbers.join(" · ");
  if (!dialog.open) dialog.showModal();
}

function buttonsOf(body) {
  return [...body.querySelectorAll(".strip button")];
}

function step(direction) {
  const body = current.closest("tbody");
  const place = buttonsOf(body).indexOf(current);
  if (direction === "left" || direction === "right") {
    const all = buttonsOf(body);
    enlarge(all[(place + (direction === "right" ? 1 : all.length - 1)) % all.length]);
    return;
  }
  const bodies = [...document.querySelectorAll("table.images tbody")].filter(
    (other) => !other.hidden && buttonsOf(other).length > 0,
  );
  const next = bodies[bodies.indexOf(body) + (direction === "down" ? 1 : -1)];
  if (next !== undefined) enlarge(buttonsOf(next)[place]);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest(".strip button");
  if (button !== null) enlarge(button);
});
dialog.addEventListener("keydown", (event) => {
  const direction = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" }[event.key];
  if (direction === undefined) return;
  event.preventDefault();
  step(direction);
});
for (const button of dialog.querySelectorAll("[data-step]")) {
  button.addEventListener("click", () => step(button.dataset.step));
}
document.getElementById("close").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close(); // beside the picture
});
dialog.addEventListener("close", () => {
  current.scrollIntoView({ block: "nearest" });
  current.focus();
});
