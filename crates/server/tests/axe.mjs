// Looks at every page of the gallery as a browser does: no message in the console (a policy broken, a hash that is
// wrong), nothing that axe-core finds, nothing wider than the window; and takes a picture of each.
//
//   cargo test -p server --lib web::gallery
//   NODE_MODULES=DIR node crates/server/tests/axe.mjs GALLERY [PAGE...]
//
// DIR holds the npm packages `axe-core` and `playwright-core`; the browser is Debian's `chromium`, or $CHROMIUM.
// Ends with 1 when something was found. Pictures are put beside the pages, in `pictures/`; PICTURES=no spares the time.
import { createRequire } from "node:module";
import { createServer } from "node:http";
import { mkdirSync, readFileSync, readdirSync } from "node:fs";
import { extname, join, normalize, resolve } from "node:path";

const require = createRequire(join(resolve(process.env.NODE_MODULES ?? "node_modules"), "x.js"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [folder, ...wanted] = process.argv.slice(2);
if (!folder) throw new Error("which gallery? node axe.mjs target/gallery");
const pictures = join(folder, "pictures");
mkdirSync(pictures, { recursive: true });

// The policy of the server itself.
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
  + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const TYPES = { ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".ico": "image/x-icon" };
const server = createServer((request, response) => {
  const path = normalize(new URL(request.url, "http://localhost").pathname).replace(/^(\.\.[/\\])+/, "");
  try {
    const bytes = readFileSync(join(folder, path));
    response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream", "content-security-policy": POLICY });
    response.end(bytes);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const root = `http://127.0.0.1:${server.address().port}/`;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const found = new Map();
const report = (fault, where) => found.set(fault, [...(found.get(fault) ?? []), where]);
const pages = readdirSync(folder).filter((file) => file.endsWith(".html")).map((file) => file.slice(0, -5))
  .filter((page) => wanted.length === 0 || wanted.some((one) => page === one || page.startsWith(`${one}.`)));
if (pages.length === 0) throw new Error(`no page in ${folder}: run the gallery test first`);

for (const [width, height] of [[1280, 800], [390, 844]]) {
  for (const colorScheme of ["light", "dark"]) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: "reduce", timezoneId: "UTC", bypassCSP: false });
    const page = await context.newPage();
    let where = "";
    page.on("console", (message) => { if (["error", "warning"].includes(message.type())) report(`console: ${message.text()}`, where); });
    page.on("pageerror", (error) => report(`script: ${error.message}`, where));
    for (const name of pages) {
      // All four ways only with many things to show; else once wide and once narrow, once light and once dark.
      if (/\.(nothing|one)$/.test(name) && (width === 1280) !== (colorScheme === "light")) continue;
      if (/\.hostile$/.test(name) && (width === 1280) === (colorScheme === "light")) continue;
      where = `${name} ${width} ${colorScheme}`;
      await page.goto(`${root}${name}.html`, { waitUntil: "load" });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (wide > 0) report(`scrolls sideways`, `${where} by ${wide}`);
      // Evaluated by the debugger, as the policy keeps page scripts out.
      await page.evaluate(axe);
      const result = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
      for (const violation of result.violations) {
        for (const node of violation.nodes.slice(0, 3)) report(`${violation.id}: ${node.html.slice(0, 160)} ${node.any[0]?.message ?? ""}`, where);
      }
      if (process.env.PICTURES !== "no") await page.screenshot({ path: join(pictures, `${name}.${width}.${colorScheme}.png`), fullPage: true });
    }
    await context.close();
  }
}
await browser.close();
server.close();
for (const [fault, places] of found) console.log(`${fault}\n    ${places.length} times: ${places.slice(0, 4).join("; ")}`);
console.log(`${pages.length} pages, two widths, light and dark, in ${Math.round(performance.now() / 1000)} s: ${found.size} faults`);
process.exitCode = found.size === 0 ? 0 : 1;
