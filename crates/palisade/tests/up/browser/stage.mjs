// What the stories share: a browser, pages that are looked at whenever they are kept, and an authenticator app.
//
// NODE_MODULES is the folder with the npm packages; the browser is Debian's `chromium`, or $CHROMIUM.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const require = createRequire(join(resolve(process.env.NODE_MODULES ?? "node_modules"), "x.js"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const [base, setUpCode, pictures, state] = process.argv.slice(2);
export const password = "seventeen violet turbines hum";

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const found = new Map();
const fault = (what, where) => found.set(what, [...(found.get(what) ?? []), where]);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
});

/** A page of a browser of its own. What its console says is a fault, but for answers that were expected. */
export async function opened(options = {}) {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true, reducedMotion: "reduce", viewport: { width: 1280, height: 900 }, ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !/status of 4\d\d/.test(message.text())) fault(`console: ${message.text()}`, page.url());
  });
  page.on("pageerror", (error) => fault(`script: ${error}`, page.url()));
  return page;
}

/**
 * Looks at a page as it stands, wide and narrow, light and dark: nothing wider than the window, and nothing that axe-core finds,
 * which looks once wide and once narrow, once light and once dark.
 */
export async function keep(page, name) {
  await page.evaluate(axe);
  for (const [width, height] of [[1280, 900], [390, 844]]) {
    for (const colorScheme of ["light", "dark"]) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
      const where = `${name} ${width} ${colorScheme}`;
      const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (over > 0) fault("scrolls sideways", `${where} by ${over}`);
      const looks = (width === 1280) === (colorScheme === "light");
      const { violations } = !looks ? { violations: [] } : await page.evaluate((runOnly) => window.axe.run(document, { runOnly, resultTypes: ["violations"] }), RULES);
      for (const { id, nodes } of violations) {
        for (const node of nodes.slice(0, 3)) fault(`${id}: ${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`, where);
      }
      await page.screenshot({ path: join(pictures, `${name}.${width}.${colorScheme}.png`), fullPage: true });
    }
  }
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
}

export const path = (page) => new URL(page.url()).pathname;
export const text = (page) => page.innerText("main");

/** Presses what leads to another page, and waits until that page stands. */
export async function press(page, target) {
  const locator = typeof target === "string" ? page.locator(target).first() : target;
  await Promise.all([page.waitForEvent("load"), locator.click()]);
}

export const send = (page, form = "") => press(page, `main ${form} button[type=submit]`);

/** Types into fields by their names. */
export async function fill(page, fields, form = "main") {
  for (const [name, value] of Object.entries(fields)) await page.fill(`${form} [name=${name}]`, value);
}

/** The code that an authenticator app shows. */
export function totp(secret, at = Date.now()) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret.replace(/[^A-Z2-7]/g, "")].map((c) => letters.indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30000)));
  const tag = createHmac("sha1", key).update(counter).digest();
  const number = (tag.readUInt32BE(tag[19] & 15) & 0x7fffffff) % 1_000_000;
  return String(number).padStart(6, "0");
}

/** Makes the first administrator, up to the second factor. */
export async function setUp(page) {
  await page.goto(`${base}/setup`);
  const eva = { code: setUpCode, user_name: "eva", full_name: "Eva Muster", password, password_again: password };
  await fill(page, eva);
  await send(page);
  assert.equal(path(page), "/login/enrol");
}

/** Confirms an authenticator app on the page that shows it; its secret and the recovery codes. */
export async function enrol(page) {
  const secret = await page.textContent("#totp-secret");
  await page.fill("[name=code]", totp(secret));
  await send(page, "#enrol");
  const codes = (await text(page)).match(/[0-9A-Z]{4}(-[0-9A-Z]{4}){3}/g);
  assert.equal(codes.length, 10);
  return { secret, codes };
}

/** Shows a name and a password at the door. */
export async function logIn(page, name, word = password) {
  await page.goto(`${base}/login`);
  await fill(page, { user_name: name, password: word });
  await send(page, "form[action='/login']");
}

export async function logOut(page) {
  await press(page, "form[action='/logout'] button >> visible=true");
  assert.equal(path(page), "/login");
}

/** Gives a browser's page an authenticator with a fingerprint that always fits. */
export async function authenticator(page) {
  const client = await page.context().newCDPSession(page);
  await client.send("WebAuthn.enable");
  const options = { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true };
  const { authenticatorId } = await client.send("WebAuthn.addVirtualAuthenticator", { options });
  return {
    credentials: async () => (await client.send("WebAuthn.getCredentials", { authenticatorId })).credentials,
    clear: () => client.send("WebAuthn.clearCredentials", { authenticatorId }),
    verifies: (isUserVerified) => client.send("WebAuthn.setUserVerified", { authenticatorId, isUserVerified }),
  };
}

/** Lets the time pass after which what is dangerous wants a credential again. */
export function windowsEnd() {
  const change = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], 30); db.execute('update sessions set privileged_until = 0'); db.commit()";
  execFileSync("/usr/bin/python3", ["-c", change, join(state, "palisade.db")]);
}

/** Ends the story, with every fault that was seen on the way. */
export async function ended() {
  await browser.close();
  const faults = [...found].map(([what, places]) => `${what}\n    ${places.length} times: ${places.slice(0, 4).join("; ")}`);
  assert.equal(faults.length, 0, `\n${faults.join("\n")}`);
  process.stdout.write("all good\n");
}
