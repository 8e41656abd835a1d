"use strict";
// Sorts a table by a column when the button in its title is pressed; once more turns it around.
const number = (text) => (text === "exact" ? Infinity : text === "broken" ? -Infinity : parseFloat(text));
const compare = (a, b, numeric) => {
  if (!numeric) return a.localeCompare(b, undefined, { numeric: true });
  const [x, y] = [number(a), number(b)];
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
  return x === y ? 0 : x - y;
};
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const title = button.closest("th");
    const body = title.closest("table").tBodies[0];
    const column = title.cellIndex;
    const numeric = title.classList.contains("number");
    const descending = title.getAttribute("aria-sort") === "ascending";
    for (const other of title.parentElement.cells) other.removeAttribute("aria-sort");
    title.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const text = (row) => row.cells[column].textContent.trim();
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [text(a), text(b)];
      if (x === "" || y === "") return (x === "") - (y === "");
      return descending ? compare(y, x, numeric) : compare(x, y, numeric);
    });
    body.append(...rows);
  });
}
// What is folded is printed too.
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details:not([open])")) {
    folded.open = true;
    folded.dataset.printed = "";
  }
});
addEventListener("afterprint", () => {
  for (const opened of document.querySelectorAll("details[data-printed]")) {
    opened.open = false;
    delete opened.dataset.printed;
  }
});
