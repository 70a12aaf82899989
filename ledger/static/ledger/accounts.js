// While an account is typed, offer those that hold what is typed. Without script the first accounts are offered, and any may be typed.
const list = document.getElementById("accounts");
let asked = 0;

async function offer(input) {
  const turn = ++asked;
  const answer = await fetch(`${input.dataset.accounts}&q=${encodeURIComponent(input.value)}`);
  if (!answer.ok || turn !== asked) return;
  const { offered } = await answer.json();
  list.replaceChildren(...offered.map((name) => Object.assign(document.createElement("option"), { value: name })));
}

for (const input of document.querySelectorAll("[data-accounts]")) {
  let pause;
  input.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(offer, 200, input);
  });
}
