// Five wrong passwords lock a name at an address, for a time that the page tells; everybody else goes on.
//
//   NODE_MODULES=DIR node lock-out.mjs URL SET_UP_CODE PICTURES STATE
//
// The server trusts the loopback address as a proxy, so that browsers can come from several addresses.

import assert from "node:assert/strict";
import { base, ended, enrol, fill, keep, logIn, opened, password, path, press, send, setUp, text } from "./stage.mjs";

const from = (address) => opened({ extraHTTPHeaders: { "x-forwarded-for": address } });

const page = await from("192.0.2.1");
await setUp(page);
await enrol(page);

const stranger = await from("198.51.100.9");
for (let attempt = 1; attempt <= 5; attempt += 1) {
  await logIn(stranger, "eva", "wrong");
  assert.equal(path(stranger), "/login");
  assert.match(await text(stranger), /not right/, `attempt ${attempt}`);
  assert.equal(await stranger.inputValue("[name=password]"), "");
}
await keep(stranger, "login-refused");
await logIn(stranger, "eva", "wrong");
assert.match(await text(stranger), /Locked for a while/);
const until = new Date(await stranger.getAttribute(".until time", "datetime"));
const minutes = (until - Date.now()) / 60_000;
assert.ok(minutes > 25 && minutes <= 30.1, `locked for ${minutes} minutes`);
await keep(stranger, "locked");
// The right password is worth nothing there now, and a name that nobody has is treated alike.
await logIn(stranger, "eva");
assert.match(await text(stranger), /Locked for a while/);
for (let attempt = 1; attempt <= 6; attempt += 1) await logIn(stranger, "nobody", "wrong");
assert.match(await text(stranger), /Locked for a while/);

// Another user at the same address, and the same user at another one, are not concerned.
await logIn(stranger, "max", "wrong");
assert.match(await text(stranger), /not right/);
const other = await from("203.0.113.4");
await logIn(other, "eva");
assert.equal(path(other), "/login/second-factor");

// An administrator sees the block and lifts it.
await page.goto(`${base}/blocks`);
assert.match(await text(page), /198\.51\.100\.9/);
await keep(page, "blocks-filled");
await press(page, page.locator("tr, li", { hasText: "eva" }).locator("form[action^='/blocks/'] button").first());
assert.match(await text(page), /The block was lifted/);
await logIn(stranger, "eva");
assert.equal(path(stranger), "/login/second-factor");

await ended();
