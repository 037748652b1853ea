// Times on the page: into the zone of this browser, unless the profile has set one; and how long ago, on pointing at it.
(() => {
  "use strict";
  const pad = (n) => String(n).padStart(2, "0");
  const zone = (at) => {
    const parts = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" }).formatToParts(at);
    return parts.find((part) => part.type === "timeZoneName")?.value ?? "";
  };
  const steps = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60]];
  const ago = (at) => {
    const seconds = Math.round((at - Date.now()) / 1000);
    const words = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "short" });
    for (const [unit, length] of steps) {
      if (Math.abs(seconds) >= length) return words.format(Math.trunc(seconds / length), unit).replace(".", "");
    }
    return "just now";
  };
  const day = (at) => `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
  const write = (root) => {
    for (const element of root.querySelectorAll("time[datetime]")) {
      const at = new Date(element.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      if (!("zoned" in element.dataset)) {
        element.textContent = element.dataset.unit === "day"
          ? day(at) : `${day(at)} ${pad(at.getHours())}:${pad(at.getMinutes())} ${zone(at)}`;
      }
      element.title = ago(at);
    }
  };
  write(document);
  document.addEventListener("palisade:swapped", () => write(document));
  setInterval(() => { if (!document.hidden) write(document); }, 60000);
})();
