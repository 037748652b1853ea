// What roles limit: an auditor and an operator see what they may and nothing to change it with, and a page that is not
// theirs says so.
//
//   NODE_MODULES=DIR node roles.mjs URL SET_UP_CODE PICTURES STATE

import assert from "node:assert/strict";
import { base, ended, enrol, fill, keep, logIn, opened, password, path, press, send, setUp, text } from "./stage.mjs";

const page = await opened();
await setUp(page);
await enrol(page);

/** Somebody of this role, invited and logged in. */
async function invited(role) {
  await page.goto(`${base}/users/invite`);
  await fill(page, { user_name: `of-${role}`, full_name: `Somebody, ${role}` });
  await page.check(`[name=role][value=${role}]`);
  await send(page, "#invite");
  const link = (await page.textContent("#link")).trim();
  const theirs = await opened();
  await theirs.goto(link);
  assert.match(await text(theirs), /You are invited/);
  await fill(theirs, { password: `${password} of ${role}`, password_again: `${password} of ${role}` });
  await keep(theirs, "invitation");
  await send(theirs);
  await enrol(theirs);
  await theirs.goto(`${base}/`);
  // The link is worth nothing any more.
  const late = await opened();
  assert.equal((await late.goto(link)).status(), 410);
  await keep(late, "link-spent");
  return theirs;
}

/** The places of the navigation. */
const places = (theirs) => theirs.$$eval(".side nav a", (links) => links.map((link) => link.getAttribute("href")));

/** Where the forms of a page send to, but for logging out. */
const forms = (theirs) =>
  theirs.$$eval("main form[method=post]", (all) => all.map((form) => form.getAttribute("action")));

async function refused(theirs, place, name) {
  const answer = await theirs.goto(base + place);
  assert.equal(answer.status(), 403, place);
  assert.match(await text(theirs), /permission/);
  await keep(theirs, name);
}

// An auditor sees everything and changes nothing but what is his own.
const auditor = await invited("auditor");
const seen = await places(auditor);
for (const place of ["/", "/reports", "/users", "/roles", "/sessions", "/blocks", "/reviews", "/settings"]) {
  assert.ok(seen.includes(place), `${place} of ${seen}`);
  assert.equal((await auditor.goto(base + place)).status(), 200, place);
  const own = place === "/sessions" ? (await forms(auditor)).filter((action) => !/^\/sessions\/[^/]+\/end$/.test(action)) : await forms(auditor);
  assert.deepEqual(own, [], `${place} has something to change`);
}
await auditor.goto(`${base}/users`);
assert.equal(await auditor.locator("a[href='/users/invite']").count(), 0);
await keep(auditor, "users-auditor");
await press(auditor, "main tbody a >> text=Eva Muster");
assert.deepEqual(await forms(auditor), []);
await keep(auditor, "user-auditor");
await refused(auditor, "/users/invite", "refused-auditor");
await refused(auditor, "/roles/new", "refused-auditor-roles");
// What is sent without a page for it is refused as well.
await auditor.goto(`${base}/users`);
const status = await auditor.evaluate(async () => (await fetch("/users/invite", { method: "POST", body: new URLSearchParams({ user_name: "x" }) })).status);
assert.equal(status, 403);

// An operator sees reports, and not people.
const operator = await invited("operator");
assert.deepEqual(await places(operator), ["/", "/reports", "/sessions", "/tokens", "/about"]);
await keep(operator, "overview-operator");
for (const place of ["/users", "/roles", "/access", "/blocks", "/reviews", "/settings"]) await refused(operator, place, "refused-operator");
await operator.goto(`${base}/sessions?of=all`);
assert.doesNotMatch(await text(operator), /Eva Muster/);

// All of this is in the ledger: an entry, what proves it, and the review of what is unusual.
await page.goto(`${base}/ledger`);
await keep(page, "ledger");
await press(page, "main tbody a >> nth=0");
assert.match(await text(page), /verify-proof/);
await keep(page, "ledger-entry");
await page.goto(`${base}/ledger/reviews`);
await keep(page, "ledger-reviews-none");
await press(page, "main form.act button >> text=Begin a review");
assert.match(await text(page), /Ledger review of/);
await keep(page, "ledger-review");
await page.goto(`${base}/ledger/reviews`);
await keep(page, "ledger-reviews");
await page.goto(`${base}/roles?q=ledger&kind=built-in`);
assert.match(await text(page), /narrowed/);
await keep(page, "roles-narrowed");
await page.goto(`${base}/reviews`);
await keep(page, "reviews-none");

await ended();
