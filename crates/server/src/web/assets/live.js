// Live refresh: fetches the page's own address and puts its main part in place of the one that is shown. Also shows
// what needs a script and is hidden without one: the buttons to print and to copy, and passkeys.
(() => {
  "use strict";
  const status = document.querySelector("[data-live-status]");
  const LIMIT = 15000;
  let shown = new Date();
  let failures = 0;
  let timer = 0;

  const say = (text) => {
    if (!status || status.textContent === text) return;
    status.textContent = text;
    status.hidden = text === "";
  };
  const clock = (at) => at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

  // A reader who has typed or chosen something keeps it: such a page is not swapped.
  const edited = (main) => Array.from(main.querySelectorAll("input, textarea, select")).some((field) => {
    if (field.type === "hidden") return false;
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.tagName === "SELECT") {
      return field.selectedIndex !== Math.max(0, Array.from(field.options).findIndex((option) => option.defaultSelected));
    }
    return field.value !== field.defaultValue;
  });

  // Where something stands, so that it is found again after the swap: its id, else the way down to it.
  const trail = (element, root) => {
    if (element.id) return `#${CSS.escape(element.id)}`;
    const steps = [];
    for (let at = element; at && at !== root; at = at.parentElement) {
      steps.unshift(`${at.localName}:nth-child(${Array.from(at.parentElement.children).indexOf(at) + 1})`);
    }
    return steps.length ? `:scope > ${steps.join(" > ")}` : null;
  };

  const swap = (main, fresh) => {
    const held = main.contains(document.activeElement) && document.activeElement !== main
      ? trail(document.activeElement, main) : null;
    const open = new Map(Array.from(main.querySelectorAll("details")).map((one) => [trail(one, main), one.open]));
    const regions = Array.from(main.querySelectorAll(".region")).map((one) => one.scrollLeft);
    const [x, y] = [scrollX, scrollY];
    main.replaceChildren(...fresh.childNodes);
    for (const one of main.querySelectorAll("details")) {
      const was = open.get(trail(one, main));
      if (was !== undefined) one.open = was;
    }
    main.querySelectorAll(".region").forEach((one, at) => { one.scrollLeft = regions[at] ?? 0; });
    if (held) main.querySelector(held)?.focus({ preventScroll: true });
    scrollTo(x, y);
    document.dispatchEvent(new Event("palisade:swapped"));
    reveal();
  };

  const refresh = async () => {
    const main = document.querySelector("main[data-live]");
    if (!main) return;
    if (document.hidden || edited(main)) return plan();
    try {
      const answer = await fetch(location.href, {
        headers: { accept: "text/html" }, credentials: "same-origin", cache: "no-store", redirect: "manual",
        signal: AbortSignal.timeout(LIMIT),
      });
      // A redirect means that the session is over or locked: the login page says so better than this script.
      if (answer.type === "opaqueredirect" || answer.status === 401) return location.reload();
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("main");
      if (!fresh) throw new Error("no content");
      swap(main, fresh);
      if (fresh.dataset.live) main.dataset.live = fresh.dataset.live; else delete main.dataset.live;
      shown = new Date();
      failures = 0;
      say("");
    } catch {
      failures += 1;
      say(`Connection lost, showing data from ${clock(shown)}. Trying again.`);
    }
    plan();
  };

  const plan = () => {
    clearTimeout(timer);
    const main = document.querySelector("main[data-live]");
    if (!main) return;
    const every = Math.max(1, Number(main.dataset.live) || 30) * 1000;
    // After failures it waits longer, at most eight times as long.
    timer = setTimeout(refresh, every * Math.min(8, 2 ** failures));
  };

  const reveal = () => {
    for (const one of document.querySelectorAll("[data-print], [data-copy], [data-needs-script]")) one.hidden = false;
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-print], [data-copy]");
    if (!button) return;
    if ("print" in button.dataset) return print();
    const text = document.getElementById(button.dataset.copy)?.textContent ?? "";
    navigator.clipboard?.writeText(text).then(() => { button.textContent = "Copied"; });
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  reveal();
  plan();
})();
