// Keeps a page as it is now. Without it the page is as it was when it was loaded.
"use strict";
// Where a login is over, as it is after an upgrade, the page goes to where one logs in.
const ask = async (headers) => {
  const answer = await fetch(location.href, { redirect: "manual", headers: { Accept: "text/html", ...headers } });
  if (answer.type === "opaqueredirect") location.reload();
  return answer;
};
const mainOf = async (answer) => new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
// A page that says how something goes looks again, until it is over; meanwhile nobody may answer.
const again = () => {
  const page = document.querySelector("main[data-again]");
  if (page) setTimeout(async () => {
    try {
      const answer = await ask();
      if (answer.ok) page.replaceWith(await mainOf(answer));
    } catch { /* the web admin is being replaced, too */ }
    again();
  }, 1000 * page.dataset.again);
};
again();

// Makes an element what it is in a newer page. What is in both stays the same element, so that nothing is lost of
// what somebody has typed, opened, chosen; nor goes away what somebody is at work in, or has been told.
const keyOf = (one) => one.dataset.key ?? one.id + (one.localName !== "form" ? ""
  : [one.getAttribute("action"), ...[...one.querySelectorAll("[type=hidden]")].map((field) => field.value)].join("\n"));
const fits = (one, other) => one.localName === other.localName && keyOf(one) === keyOf(other);
const stays = (one) => one.matches(".message, .trouble") || one.contains(document.activeElement) || one.querySelector("details[open]");
const become = (old, now) => {
  if (old.matches(".trouble") || old.isEqualNode(now)) return;
  for (const { name } of [...old.attributes]) if (name !== "open" && !now.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of now.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const rest = [...old.children], pairs = new Map();
  for (const wanted of now.children) {
    const place = rest.findIndex((one) => fits(one, wanted));
    if (place >= 0) pairs.set(wanted, rest.splice(place, 1)[0]);
  }
  const left = new Set(rest.filter(stays));
  for (const one of [...old.childNodes]) if (one.nodeType !== Node.ELEMENT_NODE || rest.includes(one) && !left.has(one)) one.remove();
  let place = old.firstChild;
  for (const wanted of [...now.childNodes]) {
    while (left.has(place)) place = place.nextSibling;
    const one = pairs.get(wanted) ?? wanted;
    if (one === place) place = place.nextSibling;
    else old.insertBefore(one, place);
    if (one !== wanted) become(one, wanted);
  }
};

const main = document.querySelector("main[data-live]");
if (main) {
  const known = new Map(), trouble = main.querySelector(".trouble");
  const say = (text) => { if (trouble.textContent !== text) trouble.textContent = text; trouble.hidden = !text; };
  let gone = "", renewing = false;
  const show = () => {
    for (const cell of main.querySelectorAll("[data-cell]")) {
      const value = known.get(cell.dataset.cell);
      if (value === undefined) continue;
      if (cell.localName === "progress") cell.value = cell.max - value;
      else if (cell.textContent !== String(value)) cell.textContent = value;
      if (cell.classList.contains("state")) cell.className = "state " + value;
    }
  };
  // Rows that came and went, words, charts: at once where the page is of another shape, else now and then.
  const renew = async () => {
    if (renewing || document.hidden) return;
    renewing = true;
    const began = performance.now();
    try {
      const answer = await ask({ Renews: "yes" });
      gone = answer.status === 404 ? "What this page was about is there no more." : "";
      if (gone) say(gone);
      if (answer.ok) become(main, await mainOf(answer));
      show();
    } catch { /* the stream says that nothing answers */ }
    // Where it takes long, as where many look at much, it is done more seldom.
    setTimeout(() => { renewing = false; fit(); }, Math.max(2000, 5 * (performance.now() - began)));
  };
  const fit = () => { if (!gone && known.has("shape") && known.get("shape") !== main.dataset.shape) renew(); };
  const source = new EventSource(main.dataset.live);
  source.onmessage = (event) => {
    say(gone);
    for (const [key, value] of Object.entries(JSON.parse(event.data))) known.set(key, value);
    show();
    fit();
  };
  source.addEventListener("trouble", (event) => say(JSON.parse(event.data)));
  source.onerror = () => {
    say("The web admin does not answer; what you see may be old.");
    if (source.readyState === EventSource.CLOSED) ask().catch(() => {});
  };
  window.addEventListener("pagehide", () => source.close());
  document.addEventListener("visibilitychange", fit);
  setInterval(renew, 15000);
}
