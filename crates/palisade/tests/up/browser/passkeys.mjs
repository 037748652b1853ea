// Passkeys, with an authenticator that Chromium makes up: as the first second factor, at the door, again before something
// dangerous, and removed.
//
//   NODE_MODULES=DIR node passkeys.mjs URL SET_UP_CODE PICTURES STATE

import assert from "node:assert/strict";
import {
  authenticator, base, ended, enrol, fill, keep, logIn, logOut, opened, password, path, press, send, setUp, text, totp, windowsEnd,
} from "./stage.mjs";

const page = await opened();
const key = await authenticator(page);
const main = (words) => page.locator("main", { hasText: words }).waitFor();

// A passkey is the first second factor; the recovery codes come with it.
await setUp(page);
await page.fill("[name=label]", "Eva's laptop");
await keep(page, "enrol-passkey");
await page.click("form[data-passkey=create] button");
await main("Keep your recovery codes");
const codes = (await text(page)).match(/[0-9A-Z]{4}(-[0-9A-Z]{4}){3}/g);
assert.equal(codes.length, 10);
assert.equal((await key.credentials()).length, 1);
await keep(page, "recovery-codes-passkey");
await press(page, "main a.primary");
assert.equal(path(page), "/");

// At the door: a finger that does not fit opens nothing, and says so.
await logOut(page);
await logIn(page, "eva");
assert.equal(path(page), "/login/second-factor");
await keep(page, "second-factor-passkey");
await key.verifies(false);
await page.click("form[data-passkey=get] button");
await page.waitForSelector("form[data-passkey] [role=alert]:not(:empty)");
assert.equal(path(page), "/login/second-factor");
await keep(page, "second-factor-passkey-refused");
await key.verifies(true);
await press(page, "form[data-passkey=get] button");
assert.equal(path(page), "/");

// The profile names it; it is the last one of an administrator, so there is nothing to remove it with.
await page.goto(`${base}/profile`);
assert.match(await text(page), /Eva's laptop/);
assert.equal(await page.locator("form[action^='/profile/passkeys/']").count(), 0);
await keep(page, "profile-passkey");
// The same authenticator is not taken twice.
await page.click("form[data-passkey=create] button");
await page.waitForSelector("form[data-passkey] [role=alert]:not(:empty)");
assert.match(await page.innerText("form[data-passkey] [role=alert]"), /registered already/);

// With an app beside it, each can be removed; new recovery codes make the old ones worthless.
await press(page, "text=Set up an authenticator app");
assert.equal(path(page), "/login/enrol");
const { secret } = await enrol(page);
await page.goto(`${base}/profile`);
await keep(page, "profile-both");
await press(page, "form[action='/profile/recovery-codes'] button");
assert.match(await text(page), /Keep your recovery codes/);
await page.goto(`${base}/profile`);
await press(page, "form[action^='/profile/passkeys/'] button");
assert.match(await text(page), /The second factor was removed/);
assert.equal(await page.locator("form[action='/profile/app/remove']").count(), 0);
await key.clear();

// A second one is made in the profile, and shown at the door in place of a code.
await page.fill("[name=label]", "Key on my ring");
await press(page, "form[data-passkey=create] button");
assert.match(await text(page), /Key on my ring/);
await logOut(page);
await logIn(page, "eva");
await keep(page, "second-factor-both");
await press(page, "form[data-passkey=get] button");
assert.equal(path(page), "/");

// Before something dangerous it is shown again, and what was typed is not typed twice.
await page.goto(`${base}/users/invite`);
await fill(page, { user_name: "max", full_name: "Max Planck" });
windowsEnd();
await send(page, "#invite");
assert.match(await text(page), /What you sent is kept/);
await keep(page, "step-up");
await press(page, "form[data-passkey=get] button");
assert.match(await text(page), /Hand over this link/);
await page.goto(`${base}/profile`);
windowsEnd();
await press(page, "form[action='/profile/recovery-codes'] button");
await fill(page, { password, code: totp(secret, Date.now() + 30_000) });
await send(page, "#step-up");
assert.match(await text(page), /What you sent has waited/);
await keep(page, "step-up-done");
await press(page, "main form[action='/profile/recovery-codes'] button");
assert.match(await text(page), /Keep your recovery codes/);

// A script that stumbles over the same door goes through it and comes back.
await page.goto(`${base}/profile`);
windowsEnd();
await press(page, "form[data-passkey=create] button");
assert.equal(page.url(), `${base}/step-up?next=%2Fprofile`);
await press(page, "form[data-passkey=get] button");
assert.equal(path(page), "/profile");

// Without scripts the page says what to do instead.
const plain = await opened({ javaScriptEnabled: false });
await plain.goto(`${base}/login`);
await fill(plain, { user_name: "eva", password });
await send(plain, "form[action='/login']");
assert.equal(path(plain), "/login/second-factor");
assert.match(await plain.innerText("noscript, main"), /use an authenticator app/);
assert.equal(await plain.locator("form[data-passkey] button").isVisible(), false);

// At another address of the same server there are none, and the page says where there are.
const elsewhere = await opened();
const address = base.replace("localhost", "127.0.0.1");
await elsewhere.goto(`${address}/login`);
await fill(elsewhere, { user_name: "eva", password });
await send(elsewhere, "form[action='/login']");
assert.ok((await elsewhere.innerText("main")).includes(`Passkeys belong to the address ${base}`));
await keep(elsewhere, "second-factor-elsewhere");

await ended();
