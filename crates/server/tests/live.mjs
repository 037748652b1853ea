// The scripts of the pages, in a browser: live refresh keeps focus, open parts and what was typed, pauses in a hidden
// tab, and says so when the connection is lost; times are put into the browser's zone.
//
//   cargo test -p server --lib web::gallery
//   NODE_MODULES=DIR node crates/server/tests/live.mjs GALLERY
//
// DIR holds the npm package `playwright-core`; the browser is Debian's `chromium`, or $CHROMIUM.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { extname, join, resolve } from "node:path";

const require = createRequire(join(resolve(process.env.NODE_MODULES ?? "node_modules"), "x.js"));
const { chromium } = require("playwright-core");
const folder = process.argv[2];
if (!folder) throw new Error("which gallery? node live.mjs target/gallery");

const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'";
const TYPES = { ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".ico": "image/x-icon" };
const report = readFileSync(join(folder, "report.many.html"), "utf8");
let served = 0;
let broken = false;
const server = createServer((request, response) => {
  if (request.url === "/page") {
    served += 1;
    response.writeHead(broken ? 503 : 200, { "content-type": "text/html; charset=utf-8", "content-security-policy": POLICY });
    return response.end(report.replace("<main id=\"main\"", "<main id=\"main\" data-live=\"10\"").replace("23 rules fail", `Edition ${served}`));
  }
  try {
    response.writeHead(200, { "content-type": TYPES[extname(request.url)] ?? "text/plain" }).end(readFileSync(join(folder, request.url)));
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 400 }, timezoneId: "Europe/Vienna" });
  await page.clock.install({ time: new Date("2026-11-22T19:40:30Z") });
  await page.goto(`http://127.0.0.1:${server.address().port}/page`);
  const text = () => page.locator("main").innerText();
  const shows = (words) => page.waitForFunction((words) => document.querySelector("main").innerText.includes(words), words, { timeout: 60_000, polling: 50 });
  const status = page.locator("[data-live-status]");

  // Times.
  const audited = page.locator("time").first();
  assert.equal(await audited.innerText(), "2026-11-22 20:37 CET");
  assert.equal(await audited.getAttribute("title"), "3 min ago");

  // A refresh keeps focus, open parts and the place.
  await page.locator("main details summary").click();
  await page.getByRole("link", { name: "JSON" }).focus();
  await page.evaluate(() => scrollTo(0, 120));
  await page.clock.runFor(10500);
  await shows("Edition 2");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "JSON");
  assert.equal(await page.evaluate(() => scrollY), 120);
  assert.ok(await page.evaluate(() => document.querySelector("main details").open));
  assert.equal(await audited.innerText(), "2026-11-22 20:37 CET", "times are written again after a swap");

  // A connection that is lost is said, with the time of what is shown; and so is its return, by silence.
  broken = true;
  await page.clock.runFor(10500);
  await status.filter({ hasText: "Connection lost, showing data from 20:40:4" }).waitFor();
  assert.match(await text(), /Edition 2/);
  broken = false;
  await page.clock.runFor(20500);
  await shows("Edition 4");
  await status.waitFor({ state: "hidden" });

  // A hidden tab asks for nothing, and asks at once when it is seen again.
  const hide = (hidden) => page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  await hide(true);
  await page.clock.runFor(60000);
  assert.equal(served, 4);
  await hide(false);
  await shows("Edition 5");

  // What was typed is not swept away.
  await page.locator("#filter").fill("ssh");
  await page.clock.runFor(60000);
  assert.equal(served, 5);
  assert.equal(await page.locator("#filter").inputValue(), "ssh");
  console.log("live refresh and times: as they should be");
} finally {
  await browser.close();
  server.close();
}
