"use strict";
const data = JSON.parse(document.getElementById("data").textContent) || {};

// ------------------------------------------------------------ tables
for (const table of document.querySelectorAll(".sorts")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.firstChild.addEventListener("click", () => {
    const numeric = head.classList.contains("number");
    const before = head.getAttribute("aria-sort") || (numeric ? "ascending" : "descending");
    const sign = before === "ascending" ? -1 : 1;  // numbers start with the largest, names with A
    const value = (row) => row.cells[column].dataset.sort ?? row.cells[column].textContent;
    const compare = (a, b) => numeric ? a - b : a.localeCompare(b, undefined, { numeric: true });
    heads.forEach((each) => each.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", sign < 0 ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows];
    table.tBodies[0].append(...rows.sort((a, b) => sign * compare(value(a), value(b))));
  }));
}

// ------------------------------------------------------------ confusion matrix
const behind = document.getElementById("behind");
const nothing = behind?.firstElementChild;
const cells = [...document.querySelectorAll(".matrix button")];

function figure([photo, number]) {
  const shown = document.createElement("figure");
  const caption = document.createElement("figcaption");
  caption.textContent = photo.split("/").pop();
  shown.title = photo;
  if (number !== null) {
    const face = document.createElement("span");
    face.className = "face";
    face.setAttribute("role", "img");
    face.setAttribute("aria-label", photo);
    face.style.setProperty("--x", number % data.columns);
    face.style.setProperty("--y", Math.floor(number / data.columns));
    shown.append(face);
  }
  shown.append(caption);
  return shown;
}

function show(cell) {
  if (cell.classList.contains("chosen")) return;
  cells.forEach((each) => each.classList.toggle("chosen", each === cell));
  const photos = cell.dataset.photos.split(" ").map((i) => data.photos[i]);
  const more = Number(cell.textContent) - photos.length;
  const title = document.createElement("p");
  title.textContent = cell.getAttribute("aria-label") + (more > 0 ? `; ${photos.length} shown` : "");
  const list = document.createElement("div");
  list.append(...photos.map(figure));
  list.tabIndex = 0;
  list.setAttribute("role", "group");
  list.setAttribute("aria-label", "Photos behind the cell");
  behind.replaceChildren(title, list);
}

function hide() {
  cells.forEach((each) => each.classList.remove("chosen"));
  behind.replaceChildren(nothing.cloneNode(true));
}

function neighbour(cell, key) {
  const [row, column] = [Number(cell.dataset.row), Number(cell.dataset.column)];
  const away = (each) => Math.abs(each.dataset.column - column) + 1000 * Math.abs(each.dataset.row - row);
  const beyond = {
    ArrowLeft: (r, c) => r === row && c < column, ArrowRight: (r, c) => r === row && c > column,
    ArrowUp: (r) => r < row, ArrowDown: (r) => r > row,
  }[key];
  const there = cells.filter((each) => beyond(Number(each.dataset.row), Number(each.dataset.column)));
  return there.sort((a, b) => away(a) - away(b))[0];
}

cells.forEach((cell, i) => {
  cell.tabIndex = i ? -1 : 0;  // one stop for Tab; arrows move inside
  for (const event of ["mouseenter", "focus", "click"]) cell.addEventListener(event, () => show(cell));
  cell.addEventListener("keydown", (event) => {
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    const next = neighbour(cell, event.key);
    if (!next) return;
    cell.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && behind) hide();
});

// ------------------------------------------------------------ map
document.getElementById("who")?.addEventListener("change", (event) => {
  for (const group of document.querySelectorAll(".map g")) {
    group.classList.toggle("away", event.target.value && group.dataset.person !== event.target.value);
  }
});
