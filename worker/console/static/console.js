// Keeps what is shown in step with the store: asks for the page anew and puts in the parts that have changed.
"use strict";

const EVERY = 2000, PATIENCE = 15000;

/** What must not be taken away under somebody's hands: a field being filled in, or text being marked. */
function busy(part) {
  const at = document.activeElement, marked = getSelection();
  if (part.contains(at) && at.matches("input, select, textarea")) return true;
  return !marked.isCollapsed && part.contains(marked.anchorNode);
}

/** A name for an element that its successor has too. */
function nameOf(element) {
  if (element.id) return `#${element.id}`;
  return [element.tagName, element.getAttribute("href"), element.name, element.value, element.textContent.trim()].join("|");
}

function replace(part, fresh) {
  const open = [...part.querySelectorAll("details[open]")].map((one) => one.id);
  const scrolled = [...part.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
  const focused = part.contains(document.activeElement) ? nameOf(document.activeElement) : null;
  part.replaceChildren(...fresh.childNodes);
  for (const id of open) if (id) part.querySelector(`#${CSS.escape(id)}`)?.setAttribute("open", "");
  part.querySelectorAll(".scroll").forEach((one, number) => { one.scrollLeft = scrolled[number] ?? 0; });
  if (focused) [...part.querySelectorAll("a, button, summary, [tabindex]")].find((one) => nameOf(one) === focused)?.focus({ preventScroll: true });
}

function say(text) {
  const state = document.getElementById("state");
  state.hidden = !text;
  if (state.textContent !== text) state.textContent = text;
}

/** Whether nothing but the time tokens of forms is different. */
function same(part, fresh) {
  const plain = (one) => one.innerHTML.replace(/name="form_token" value="[^"]*"/g, "").replace(/ open=""/g, "");
  return plain(part) === plain(fresh);
}

async function look() {
  const answer = await fetch(location.href, { cache: "no-store", redirect: "manual", signal: AbortSignal.timeout(PATIENCE) });
  if (answer.type === "opaqueredirect") return location.reload(); // signed out
  if (!answer.ok) throw new Error(answer.status === 503 ? "the store cannot be used" : `the console answers ${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(part.id);
    if (fresh && !same(part, fresh) && !busy(part)) replace(part, fresh);
  }
  const live = page.getElementById("live");
  if (live) document.getElementById("live").replaceChildren(...live.childNodes);
  say("");
}

async function keepInStep() {
  if (!document.hidden) {
    try {
      await look();
    } catch (fault) {
      say(`What is shown may be old: ${fault.message}. Trying again.`);
    }
  }
  setTimeout(keepInStep, EVERY);
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  button.textContent = "Copied";
});

if (document.querySelector("[data-live]")) setTimeout(keepInStep, EVERY);
if (document.querySelector("[data-again]")) setTimeout(() => location.reload(), 5000);
