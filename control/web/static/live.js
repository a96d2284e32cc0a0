// Keeps the numbers and charts of a page as they are now. Without it the page is as it was when it was loaded.
"use strict";
// Where a login is over, as it is after an upgrade, the page goes to where one logs in.
const ask = async () => {
  const answer = await fetch(location.href, { redirect: "manual", headers: { Accept: "text/html" } });
  if (answer.type === "opaqueredirect") location.reload();
  return answer;
};
// A page that says how something goes looks again, until it is over; meanwhile nobody may answer.
const again = () => {
  const page = document.querySelector("main[data-again]");
  if (page) setTimeout(async () => {
    try {
      const answer = await ask();
      if (answer.ok) page.replaceWith(new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main"));
    } catch { /* the web admin is being replaced, too */ }
    again();
  }, 1000 * page.dataset.again);
};
again();
const main = document.querySelector("main[data-live]");
if (main) {
  const cells = new Map();
  for (const cell of main.querySelectorAll("[data-cell]")) cells.set(cell.dataset.cell, [...(cells.get(cell.dataset.cell) ?? []), cell]);
  const trouble = main.querySelector(".trouble");
  const say = (text) => { if (trouble.textContent !== text) trouble.textContent = text; trouble.hidden = !text; };
  const source = new EventSource(main.dataset.live);
  source.onmessage = (event) => {
    say("");
    for (const [key, value] of Object.entries(JSON.parse(event.data))) {
      for (const cell of cells.get(key) ?? []) {
        if (cell.localName === "progress") cell.value = cell.max - value;
        else if (cell.textContent !== String(value)) cell.textContent = value;
        if (cell.classList.contains("state")) cell.className = "state " + value;
      }
    }
  };
  source.addEventListener("trouble", (event) => say(JSON.parse(event.data)));
  source.onerror = () => {
    say("The web admin does not answer; what you see may be old.");
    if (source.readyState === EventSource.CLOSED) ask().catch(() => {});
  };
  window.addEventListener("pagehide", () => source.close());

  const charts = main.querySelector(".charts");
  const redraw = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(main.dataset.charts, { redirect: "error" });
      if (answer.ok) charts.replaceChildren(...new DOMParser().parseFromString(await answer.text(), "text/html").body.childNodes);
    } catch { /* the stream says that nothing answers */ }
  };
  if (charts) setInterval(redraw, 15000);
}
