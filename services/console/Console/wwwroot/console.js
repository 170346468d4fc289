// Times in the viewer's zone, pages that follow what happens, and nothing that a page needs in order to work.

const zone = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

const localTimes = (root) => {
  for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
    time.title = time.textContent.trim();
    time.textContent = zone.format(new Date(time.dateTime));
    time.dataset.local = "";
  }
};

// What somebody is reading or writing stays: opened details, fields with the focus in them.
const busy = (element) =>
  element.querySelector("details.act[open]") !== null || (element.contains(document.activeElement) && document.activeElement.matches("input, textarea, select"));

// Each look is asked of the services, and some of it stands in their audit: a screen that nobody looks at any more asks no more.
const patience = 15 * 60 * 1000;
let touched = Date.now();
for (const event of ["pointermove", "keydown", "scroll", "focus"]) addEventListener(event, () => (touched = Date.now()), { passive: true });

let asking = false;
const renew = async () => {
  const live = document.querySelector("[data-live]");
  if (!live || asking || document.hidden || Date.now() - touched > patience || busy(live)) return;
  asking = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "error" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const next = page.querySelector("[data-live]");
    if (next && !busy(live)) {
      const open = [...live.querySelectorAll("details[id][open]")].map((d) => d.id);
      live.replaceWith(next);
      for (const id of open) document.getElementById(id)?.setAttribute("open", "");
      localTimes(next);
      document.body.classList.remove("stale");
    }
  } catch {
    document.body.classList.add("stale");
  } finally {
    asking = false;
  }
};

const start = () => {
  localTimes(document);
  const live = document.querySelector("[data-live]");
  if (!live) return;
  if (live.dataset.live) {
    // A stream says when: every event is a change. It comes back by itself after a break.
    let waiting;
    new EventSource(live.dataset.live).onmessage = () => {
      clearTimeout(waiting);
      waiting = setTimeout(renew, 150);
    };
  }
  setInterval(renew, Number(live.dataset.every ?? 5) * 1000);
};

start();
