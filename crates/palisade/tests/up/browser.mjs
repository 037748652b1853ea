// Drives a browser through the Management System as a new user would: set-up, second factor, overview, reports, lock-out.
//
//   NODE_MODULES=DIR node browser.mjs URL SET_UP_CODE PICTURES
//
// Every page must load without an error on its console, under the strict CSP; pictures of them are kept.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const require = createRequire(join(resolve(process.env.NODE_MODULES ?? "node_modules"), "x.js"));
const { chromium } = require("playwright-core");

const [base, setUpCode, pictures] = process.argv.slice(2);
const password = "seventeen violet turbines hum";

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
});

/** A page whose console must stay empty but for answers that were expected. */
async function opened(options = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.faults = [];
  page.on("console", (message) => {
    if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) page.faults.push(message.text());
  });
  page.on("pageerror", (error) => page.faults.push(String(error)));
  return page;
}

async function keep(page, name) {
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
  assert.deepEqual(page.faults, [], `${name}: errors on the console`);
}

function totp(secret, at = Date.now()) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret.replace(/[^A-Z2-7]/g, "")].map((c) => letters.indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30000)));
  const tag = createHmac("sha1", key).update(counter).digest();
  const number = (tag.readUInt32BE(tag[19] & 15) & 0x7fffffff) % 1_000_000;
  return String(number).padStart(6, "0");
}

const page = await opened();

// Whoever comes first is led to the set-up.
await page.goto(`${base}/reports`);
assert.equal(new URL(page.url()).pathname, "/setup");
await page.fill("[name=code]", setUpCode.toLowerCase());
await page.fill("[name=user_name]", "admin");
await page.fill("[name=full_name]", "Eva Muster");
await page.fill("[name=mail]", "eva@example.com");
await page.fill("[name=password]", password);
await page.fill("[name=password_again]", password);
await keep(page, "set-up");
await page.click("main button[type=submit]");
assert.match(await page.textContent("main"), /attackers try first/);
assert.equal(await page.inputValue("[name=full_name]"), "Eva Muster");
assert.equal(await page.inputValue("[name=password]"), "");
await keep(page, "set-up-refused");
await page.fill("[name=code]", setUpCode);
await page.fill("[name=user_name]", "eva");
await page.fill("[name=password]", password);
await page.fill("[name=password_again]", password);
await page.click("main button[type=submit]");

// An administrator needs a second factor before anything else.
assert.equal(new URL(page.url()).pathname, "/login/enrol");
await page.goto(`${base}/settings`);
assert.equal(new URL(page.url()).pathname, "/login/enrol");
const secret = await page.textContent("#totp-secret");
await keep(page, "enrol");
await page.fill("[name=code]", totp(secret));
await page.click("main button[type=submit]");
const codes = (await page.textContent("main")).match(/[0-9A-Z]{4}(-[0-9A-Z]{4}){3}/g);
assert.equal(codes.length, 10);
await keep(page, "recovery-codes");

// The overview tells of this machine, as soon as it was audited.
await page.goto(`${base}/`);
await page.waitForSelector("main a[href^='/reports/']", { timeout: 120_000 });
await keep(page, "overview");
await page.goto(`${base}/reports`);
const report = await page.getAttribute("main a[href^='/reports/']", "href");
await keep(page, "reports");
await page.goto(base + report);
await keep(page, "report");
for (const [name, part] of [["finding", "/findings/"], ["guide", "/guides/"], ["rule", "/rules/"]]) {
  await page.goto(base + report);
  const link = await page.getAttribute(`main a[href^='${report}${part}']`, "href");
  await page.goto(base + link);
  assert.ok((await page.textContent("h1")).trim().length > 0);
  await keep(page, name);
}
for (const name of ["settings", "about"]) {
  await page.goto(`${base}/${name}`);
  await keep(page, name);
}
assert.equal((await page.goto(`${base}/nothing`)).status(), 404);
await keep(page, "not-found");

// The same on a telephone, in the dark.
const small = await opened({ viewport: { width: 390, height: 800 }, colorScheme: "dark", storageState: await page.context().storageState() });
for (const [name, path] of [["overview", "/"], ["report", report], ["settings", "/settings"]]) {
  await small.goto(base + path);
  const wide = await small.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 390, `${name} is ${wide} pixels wide`);
  await keep(small, `${name}-small-dark`);
}

// Log out; a login wants the second factor, and a recovery code opens once.
await page.goto(`${base}/`);
await page.locator("form[action='/logout'] button >> visible=true").first().click();
assert.equal(new URL(page.url()).pathname, "/login");
await keep(page, "login");
await page.fill("[name=user_name]", "Eva");
await page.fill("[name=password]", password);
await page.click("main form[action='/login'] button[type=submit]");
assert.equal(new URL(page.url()).pathname, "/login/second-factor");
await keep(page, "second-factor");
await page.click("summary").catch(() => {});
await page.fill("[name=recovery_code]", codes[0]);
await page.press("[name=recovery_code]", "Enter");
await page.waitForURL(`${base}/`);

// Who fails too often is shut out, and is told until when.
const stranger = await opened();
for (let attempt = 0; attempt < 6; attempt += 1) {
  await stranger.goto(`${base}/login`);
  await stranger.fill("[name=user_name]", "mallory");
  await stranger.fill("[name=password]", "wrong");
  await stranger.click("main form[action='/login'] button[type=submit]");
}
assert.match(await stranger.textContent("main"), /try again|until/i);
await keep(stranger, "blocked");

await browser.close();
process.stdout.write("all good\n");
