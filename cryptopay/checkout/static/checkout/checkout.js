// The page is complete without this. It adds: a ticking countdown, copy buttons, and updates without a reload.
"use strict";

const card = document.getElementById("invoice");
const announced = document.getElementById("announced");

// The server's clock counts; the difference to this computer's clock is taken at each answer.
let ahead = Date.parse(card.dataset.now) - Date.now();

function twoDigits(number) {
  return String(number).padStart(2, "0");
}

function tick() {
  const left = card.querySelector("[data-deadline]");
  if (!left) return;
  const seconds = Math.max(0, Math.ceil((Date.parse(left.dataset.deadline) - Date.now() - ahead) / 1000));
  const hours = Math.floor(seconds / 3600);
  const minutes = twoDigits(Math.floor(seconds / 60) % 60);
  left.textContent = `${hours ? hours + ":" : ""}${minutes}:${twoDigits(seconds % 60)}`;
}

function offerCopying() {
  for (const button of card.querySelectorAll("button.copy")) button.hidden = !navigator.clipboard;
}

async function copy(button) {
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).textContent.trim());
  button.textContent = button.dataset.done;
  announced.textContent = button.dataset.done;
  setTimeout(() => { button.textContent = button.dataset.label; }, 1500);
}

function show(answer) {
  const fresh = answer.getElementById("state");
  const shown = document.getElementById("state");
  ahead = Date.parse(fresh.dataset.now) - Date.now();
  card.dataset.poll = fresh.dataset.poll;
  if (fresh.dataset.mark === shown.dataset.mark) return;
  const focused = document.activeElement?.id;
  const told = shown.querySelector("#headline")?.textContent;
  shown.replaceWith(document.adoptNode(fresh));
  offerCopying();  // before the focus returns: what is hidden takes none
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  // One sentence for those who listen; the card itself is not a live region, or each change would be read out whole.
  const headline = fresh.querySelector("#headline").textContent;
  if (headline !== told) announced.textContent = headline;
  tick();
}

async function poll() {
  try {
    const answer = await fetch(card.dataset.state, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (answer.ok) show(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    // Offline for a moment: the next round asks again.
  }
  schedule();
}

function schedule() {
  const seconds = Number(card.dataset.poll);
  if (seconds) setTimeout(poll, seconds * 1000);
}

card.addEventListener("click", (event) => {
  const button = event.target.closest("button.copy");
  if (button) copy(button);
});
offerCopying();
tick();
setInterval(tick, 1000);
schedule();
