"use strict";
// Refreshes what is in the middle of the page by itself, and lets links leave the frame that Airflow shows the page in.
const EVERY_MS = 10000;
const middle = document.getElementById("middle");
const refreshed = document.getElementById("refreshed");
const pause = document.getElementById("pause");
let paused = false;
let shown = null;

// Airflow keeps its theme as a class of its own page, which is of the same origin.
function followTheme() {
  let outside = null;
  try {
    outside = window.parent !== window ? window.parent.document.documentElement : null;
  } catch {
    return; // a page of another origin: the browser's own setting holds
  }
  if (!outside) return;
  const take = () => {
    document.documentElement.dataset.theme = outside.classList.contains("dark") ? "dark" : "light";
  };
  take();
  new MutationObserver(take).observe(outside, { attributes: true, attributeFilter: ["class"] });
}

// The frame may not navigate the window around it, but a link of that window may.
function leaveFrame(event) {
  const link = event.target.closest("a[data-airflow]");
  if (!link || window.parent === window || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const outside = window.parent.document.createElement("a");
  outside.href = link.href;
  window.parent.document.body.append(outside);
  outside.click();
  outside.remove();
}

function openDetails() {
  return [...middle.querySelectorAll("details[open]")].map((each) => each.id);
}

function indexOfFocus() {
  return [...middle.querySelectorAll("a, summary")].indexOf(document.activeElement);
}

function show(text) {
  if (text === shown) return;
  const open = openDetails();
  const focus = indexOfFocus();
  const headline = document.getElementById("headline")?.textContent;
  middle.innerHTML = text;
  open.forEach((id) => { const each = document.getElementById(id); if (each) each.open = true; });
  if (focus >= 0) [...middle.querySelectorAll("a, summary")][focus]?.focus({ preventScroll: true });
  const now = document.getElementById("headline");
  if (shown !== null && now && now.textContent !== headline) {
    now.classList.add("changed");
    say(now.textContent);
  }
  shown = text;
}

function say(text) {
  if (refreshed.textContent !== text) refreshed.textContent = text;
}

async function refresh() {
  if (paused || document.hidden) return;
  try {
    const answer = await fetch(`${location.pathname}?fragment`, { credentials: "same-origin" });
    if (answer.status === 401 || answer.status === 403) {
      say("You are no longer signed in, or may not see this: what is shown is old. Sign in to Airflow again.");
      return;
    }
    const text = await answer.text();
    if (!answer.ok && answer.status !== 503) throw new Error(`status ${answer.status}`);
    show(text);
    say("Refreshes every 10 s.");
  } catch (error) {
    say(`Could not refresh (${error.message}): what is shown is old.`);
  }
}

pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  pause.textContent = paused ? "Go on refreshing" : "Pause refreshing";
  say(paused ? "Paused: what is shown may be old." : "Refreshes every 10 s.");
  if (!paused) refresh();
});
document.addEventListener("click", leaveFrame);
document.addEventListener("visibilitychange", refresh);
followTheme();
refresh();
setInterval(refresh, EVERY_MS);
