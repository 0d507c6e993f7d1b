"use strict";
// Tables can be sorted, and the main ones filtered and their columns chosen. Without this script
// everything is there.
for (const holder of document.querySelectorAll(".table")) {
  const table = holder.querySelector("table");
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const value = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.sort ?? cell.textContent.trim().replace(/,/g, "").replace("\u2212", "-");
    return text !== "" && !isNaN(parseFloat(text)) ? parseFloat(text) : text;
  };
  const sort = (column) => {
    const ascending = heads[column].ariaSort !== "ascending";
    heads.forEach((head) => head.removeAttribute("aria-sort"));
    heads[column].ariaSort = ascending ? "ascending" : "descending";
    const order = (a, b) => {
      const [x, y] = [value(a, column), value(b, column)];
      // What is no number stands last, whichever way the numbers go.
      if (typeof x !== typeof y) return typeof x === "number" ? -1 : 1;
      const result = typeof x === "number" ? x - y : x.localeCompare(y);
      return ascending ? result : -result;
    };
    body.append(...[...body.rows].sort(order));
  };
  heads.forEach((head, column) => {
    head.tabIndex = 0;
    head.classList.add("sortable");
    head.addEventListener("click", () => sort(column));
    head.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(column); }
    });
  });
  if (holder.dataset.chosen === undefined) continue;
  const controls = holder.querySelector(".controls");
  controls.hidden = false;
  const search = controls.querySelector("input[type=search]");
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/);
    for (const row of body.rows) {
      const text = row.cells[0].innerText.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
  for (const box of controls.querySelectorAll("input[type=checkbox]")) {
    const show = () => {
      for (const row of table.rows) row.cells[box.value].hidden = !box.checked;
    };
    box.addEventListener("change", show);
    show();
  }
}
// A number leads to its runs, whose list opens.
const open = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  target?.closest("details")?.setAttribute("open", "");
  target?.scrollIntoView();
};
addEventListener("hashchange", open);
if (location.hash) open();
