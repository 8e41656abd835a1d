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

// Shows what a mark of a drawing says, when it is pointed at or reached by the keyboard. Tab goes
// from drawing to drawing, the arrows from mark to mark, Escape hides what is shown. Without this
// script, browsers show the <title> of what is pointed at.
const tip = document.getElementById("tip");
let told = null;
const hide = () => { told = null; tip.hidden = true; };
const show = (mark) => {
  told = mark;
  tip.textContent = mark.getAttribute("aria-label");
  tip.hidden = false;
  const [at, own] = [mark.getBoundingClientRect(), tip.getBoundingClientRect()];
  const left = at.left + at.width / 2 - own.width / 2;
  tip.style.left = `${Math.max(4, Math.min(left, document.documentElement.clientWidth - own.width - 4))}px`;
  tip.style.top = `${at.top - own.height - 6 > 0 ? at.top - own.height - 6 : at.bottom + 6}px`;
};
for (const drawing of document.querySelectorAll(".plot")) {
  const marks = [...drawing.querySelectorAll(".mark")];
  if (!marks.length) continue;
  drawing.setAttribute("role", "group");
  for (const mark of marks) {
    const title = mark.querySelector("title");
    mark.setAttribute("role", "img");
    mark.setAttribute("aria-label", title.textContent);
    mark.setAttribute("tabindex", mark === marks[0] ? "0" : "-1");
    title.remove();
    mark.addEventListener("pointerenter", () => show(mark));
    mark.addEventListener("pointerleave", hide);
    mark.addEventListener("focus", () => show(mark));
    mark.addEventListener("blur", hide);
  }
  drawing.addEventListener("keydown", (event) => {
    const place = marks.indexOf(document.activeElement);
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -place, End: marks.length - 1 - place };
    if (event.key === "Escape") hide();
    if (place < 0 || !(event.key in steps)) return;
    event.preventDefault();
    const next = marks[Math.max(0, Math.min(marks.length - 1, place + steps[event.key]))];
    marks[place].setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  });
}
addEventListener("scroll", () => { if (told) show(told); }, { passive: true });
