// Drives a browser through the Management System as a new user would: set-up, second factor, and every page there is.
//
//   NODE_MODULES=DIR node set-up.mjs URL SET_UP_CODE PICTURES STATE

import assert from "node:assert/strict";
import { base, ended, enrol, fill, keep, logIn, logOut, opened, password, path, press, send, setUpCode, text } from "./stage.mjs";

const page = await opened();

// Whoever comes first is led to the set-up.
await page.goto(`${base}/reports`);
assert.equal(path(page), "/setup");
await fill(page, { code: setUpCode.toLowerCase(), user_name: "admin", full_name: "Eva Muster", mail: "eva@example.com", password, password_again: password });
await keep(page, "set-up");
await send(page);
assert.match(await text(page), /attackers try first/);
assert.equal(await page.inputValue("[name=full_name]"), "Eva Muster");
assert.equal(await page.inputValue("[name=password]"), "");
await keep(page, "set-up-refused");
await fill(page, { code: setUpCode, user_name: "eva", password, password_again: password });
await send(page);

// An administrator needs a second factor before anything else.
assert.equal(path(page), "/login/enrol");
await page.goto(`${base}/settings`);
assert.equal(path(page), "/login/enrol");
await keep(page, "enrol");
const { codes } = await enrol(page);
await keep(page, "recovery-codes");

// The overview tells of this machine, as soon as it was audited.
await page.goto(`${base}/`);
await page.waitForSelector("main a[href^='/reports/']", { timeout: 120_000 });
await keep(page, "overview");
await page.goto(`${base}/reports`);
const report = await page.getAttribute("main th a[href^='/reports/'], main td a[href^='/reports/']", "href");
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

// An audit is made on demand; the pages fetch themselves anew until it is done.
const reports = () => page.locator("main tbody tr").count();
await page.goto(`${base}/reports`);
const before = await reports();
for (let begun = false; !begun;) {
  await page.goto(`${base}/reports`);
  await press(page, "form[action='/reports/audit'] button");
  begun = !/a moment ago/.test(await text(page));
}
assert.equal(path(page), "/reports");
await page.waitForFunction((before) => document.querySelectorAll("main tbody tr").length > before, before, { timeout: 120_000 });
await page.waitForSelector("form[action='/reports/audit']", { timeout: 120_000 });
assert.equal(await reports(), before + 1);

// Every page of the navigation, and those that lead on from them.
const places = await page.$$eval(".side nav a", (links) => links.map((link) => link.getAttribute("href")));
assert.ok(places.length > 9, String(places));
const further = ["/profile", "/users/idle", "/users/invite", "/roles/new", "/roles/auditor", "/tokens/new", "/access?permission=users.manage&on="];
for (const place of [...places.filter((place) => !["/", "/reports"].includes(place)), ...further]) {
  const answer = await page.goto(base + place);
  assert.equal(answer.status(), 200, place);
  await keep(page, place.split("?")[0].slice(1).replaceAll("/", "-"));
}
await page.goto(`${base}/users`);
await press(page, "main tbody a");
await keep(page, "user");
assert.equal((await page.goto(`${base}/nothing`)).status(), 404);
await keep(page, "not-found");

// What is made: an invitation, a role, a token, a review.
await page.goto(`${base}/users/invite`);
await fill(page, { user_name: "max", full_name: "Max Planck" });
await page.check("[name=role][value=auditor]");
await send(page, "#invite");
await keep(page, "invitation-link");
await page.goto(`${base}/tokens/new`);
await fill(page, { name: "historian" });
await page.check("[name=scope][value='reports.read']");
await send(page, "#create");
await keep(page, "token-made");
for (const list of ["users", "tokens"]) {
  await page.goto(`${base}/${list}`);
  await keep(page, `${list}-filled`);
}
// A press on a column's head sorts by it, and on the same head the other way round.
await page.goto(`${base}/users`);
const first = () => page.innerText("main tbody tr:first-child th a");
assert.equal(await first(), "Eva Muster");
await press(page, "main thead a >> text=Name");
assert.equal(await page.getAttribute("main th[aria-sort]", "aria-sort"), "descending");
assert.equal(await first(), "Max Planck");
await press(page, "main thead a >> text=Last login");
assert.equal(await first(), "Eva Muster");
await keep(page, "users-sorted");
await page.goto(`${base}/users?q=nobody-of-this-name`);
await keep(page, "users-nothing");

// Log out; a login wants the second factor, and a recovery code opens once.
await page.goto(`${base}/`);
await logOut(page);
await keep(page, "login");
await logIn(page, "Eva");
assert.equal(path(page), "/login/second-factor");
await keep(page, "second-factor");
await page.click("main summary");
await page.fill("[name=recovery_code]", codes[0]);
await Promise.all([page.waitForEvent("load"), page.press("[name=recovery_code]", "Enter")]);
assert.equal(path(page), "/");
await logOut(page);
await logIn(page, "eva");
await page.click("main summary");
await page.fill("[name=recovery_code]", codes[0]);
await page.press("[name=recovery_code]", "Enter");
await page.waitForSelector(".errors");
assert.equal(path(page), "/login/second-factor");

await ended();
