// The page is complete without this. It adds: a ticking countdown, copy buttons, updates without a reload, and, inside a
// shop's page, news for that page. A library such as htmx would swap the fragment, too, but keep neither the keyboard's
// place nor quiet where nothing changed.
"use strict";

const DAY_SECONDS = 24 * 3600;
const card = document.getElementById("invoice");
const announced = document.getElementById("announced");
const state = () => document.getElementById("state");

// The server's clock counts; the difference to this computer's clock is taken at each answer.
let ahead = 0;
let told = "";

function twoDigits(number) {
  return String(number).padStart(2, "0");
}

function tick() {
  const left = card.querySelector("[data-deadline]");
  if (!left) return;
  const seconds = Math.max(0, Math.ceil((Date.parse(left.dataset.deadline) - Date.now() - ahead) / 1000));
  if (seconds >= DAY_SECONDS) return;  // days stand there in words
  const hours = Math.floor(seconds / 3600);
  const minutes = twoDigits(Math.floor(seconds / 60) % 60);
  left.textContent = `${hours ? hours + ":" : ""}${minutes}:${twoDigits(seconds % 60)}`;
}

async function copy(button) {
  let done = true;
  try {
    await navigator.clipboard.writeText(button.dataset.text);
  } catch {  // no TLS, or the page around this one does not let it
    done = copyBySelecting(button.dataset.text);
  }
  button.textContent = announced.textContent = done ? button.dataset.done : button.dataset.failed;
  setTimeout(() => { button.textContent = button.dataset.label; }, 1500);
}

function copyBySelecting(text) {
  const field = document.createElement("textarea");
  const focused = document.activeElement;
  field.value = text;
  field.readOnly = true;
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  focused?.focus({ preventScroll: true });
  return done;
}

// What the state says became another. The card itself is no live region, or each change would be read out whole.
function settle(announce) {
  const shown = state();
  ahead = Date.parse(shown.dataset.now) - Date.now();
  for (const button of shown.querySelectorAll("button.copy")) button.hidden = false;
  if (announce && shown.dataset.says !== announce) announced.textContent = shown.dataset.says;
  const { status, exception } = shown.dataset;
  if (told !== status + exception) tell({ type: "cryptopay:state", invoice: card.dataset.invoice, status, exception });
  told = status + exception;
  tick();
}

function show(fresh) {
  const shown = state();
  const { says, mark } = shown.dataset;
  if (fresh.dataset.mark === mark) {
    Object.assign(shown.dataset, fresh.dataset);
  } else {
    const focused = document.activeElement?.id;
    shown.replaceWith(document.adoptNode(fresh));
    document.title = document.title.replace(/^.* · /, `${fresh.querySelector("#headline").textContent} · `);
    for (const button of fresh.querySelectorAll("button.copy")) button.hidden = false;  // what is hidden takes no focus
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }
  settle(says);
}

async function poll() {
  try {
    const answer = await fetch(card.dataset.state, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (answer.ok) show(new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("state"));
  } catch {
    // Offline for a moment: the next round asks again.
  }
  schedule();
}

function schedule() {
  const seconds = Number(state().dataset.poll);
  if (seconds) setTimeout(poll, seconds * 1000);
}

// To the page around this one, at the very origin which the server knows as the merchant's.
function tell(news) {
  const origin = card.dataset.embedder;
  if (origin && window.parent !== window) window.parent.postMessage(news, origin);
}

card.addEventListener("click", (event) => {
  const button = event.target.closest("button.copy");
  if (button) copy(button);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") tell({ type: "cryptopay:close" });
});
settle("");
setInterval(tick, 1000);
schedule();
