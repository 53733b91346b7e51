"use strict";
// Renews the parts of the page that the server sends. A hidden tab keeps no connection: browsers allow six to a server.
const at = (id) => document.getElementById(id);
let source = null;
let shown = "";

// Puts HTML into a slot. A missing slot is created; without HTML, the slot is removed.
function put({ slot, html }) {
  const id = `slot-${slot}`;
  let element = at(id);
  if (!html) {
    element?.remove();
  } else {
    if (!element) {
      element = Object.assign(document.createElement("div"), { id, className: "panel" });
      at("panels").append(element);
    }
    element.innerHTML = html;
  }
  at("curves").hidden = !at("panels").children.length;
  const share = document.querySelector("#slot-progress [data-title]");
  if (share) document.title = `${share.dataset.title} · ${document.querySelector("h1").textContent}`;
}

// Maps names to elements. A name is an element's section and its place there, which are the same in a new report.
function placed(selector) {
  const places = new Map();
  for (const section of at("report").querySelectorAll("section"))
    section.querySelectorAll(selector).forEach((element, i) => places.set(`${section.querySelector("h2")?.id} ${i}`, element));
  return places;
}

// Replaces the report. Unfolded parts stay unfolded, switches stay switched, and the window does not scroll.
async function renew(version) {
  if (version === shown) return;
  const answer = await fetch("/report", { cache: "no-store" });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const open = new Map([...placed("details")].map(([place, element]) => [place, element.open]));
  const switched = [...placed("input")].filter(([, e]) => e.checked !== e.defaultChecked).map(([place]) => place);
  const above = [...placed("h2, h3, figure, table")].filter(([, e]) => e.getBoundingClientRect().top <= 0).at(-1);
  const top = above?.[1].getBoundingClientRect().top;
  at("report-style").textContent = page.querySelector("style").textContent;
  at("report").replaceChildren(...[...page.body.children].filter((element) => element.tagName !== "HEADER"));
  for (const [place, element] of placed("details")) element.open = open.get(place) ?? element.open;
  for (const [place, element] of placed("input"))
    if (switched.includes(place)) element.checked = !element.defaultChecked;
  const same = above && placed("h2, h3, figure, table").get(above[0]);
  if (same) window.scrollBy(0, same.getBoundingClientRect().top - top);
  shown = version;
  document.documentElement.dataset.report = version;
}

function listen() {
  source?.close();
  source = null;
  if (document.hidden) return;
  source = new EventSource("/events");
  source.onopen = () => { at("lost").hidden = true; };
  source.onerror = () => { at("lost").hidden = false; };
  source.addEventListener("server", (event) => {
    if (JSON.parse(event.data) !== document.documentElement.dataset.server) location.reload();
  });
  source.addEventListener("part", (event) => put(JSON.parse(event.data)));
  source.addEventListener("note", (event) => { at("report-note").textContent = JSON.parse(event.data); });
  source.addEventListener("report", (event) => renew(JSON.parse(event.data)));
}

document.addEventListener("visibilitychange", listen);
listen();
