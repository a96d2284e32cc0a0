// Keeps the numbers of a page as they are now. Without it the page is as it was when it was loaded.
"use strict";
const main = document.querySelector("main[data-live]");
if (main) {
  const cells = new Map([...main.querySelectorAll("[data-cell]")].map((cell) => [cell.dataset.cell, cell]));
  const trouble = main.querySelector(".trouble");
  const say = (text) => { trouble.textContent = text; trouble.hidden = !text; };
  const source = new EventSource(main.dataset.live);
  source.onmessage = (event) => {
    say("");
    for (const [key, value] of Object.entries(JSON.parse(event.data))) {
      const cell = cells.get(key);
      if (cell && cell.textContent !== String(value)) {
        cell.textContent = value;
        if (cell.classList.contains("state")) cell.className = "state " + value;
      }
    }
  };
  source.addEventListener("trouble", (event) => say(JSON.parse(event.data)));
  source.onerror = () => say("The web admin does not answer; what you see may be old.");
}
