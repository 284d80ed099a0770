import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { listenHttp } from "../../../src/edge/http-server.ts";
import { statusRoutes } from "../../../src/edge/status-routes.ts";
import { type Browser, browserSkipReason, startBrowser } from "../../support/browser.ts";
import { STATES } from "./states.ts";

const skip = browserSkipReason() ?? false;
const silent = { debug() {}, info() {}, warn() {}, error() {} };
let browser: Browser;

before(async () => {
  if (skip === false) browser = await startBrowser();
});
after(async () => {
  if (skip === false) await browser.close();
});

const WIDTHS = [320, 400, 768, 1280];

/** What is wider than the window, by its text. Folded parts are opened first. */
const OVERFLOW = `(() => {
  for (const details of document.querySelectorAll("details")) details.open = true;
  const limit = document.documentElement.clientWidth;
  const wide = [...document.body.querySelectorAll("*")].filter((element) =>
    !element.closest("pre") && element.getBoundingClientRect().right > limit + 0.5);
  return { scroll: document.documentElement.scrollWidth - limit, wide: wide.map((one) => one.textContent.slice(0, 60)) };
})()`;

/** Contrast of text with what is behind it, as WCAG 2.2 reckons it; the worst and its text. */
const CONTRAST = `(() => {
  const rgb = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = rgb(color).map((one) => one / 255).map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if ((rgb(color)[3] ?? 1) > 0) return color;
    }
    return "rgb(255,255,255)";
  };
  let worst = { ratio: 21, text: "" };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const element = walker.currentNode.parentElement;
    if (text === "" || element.getClientRects().length === 0) continue;
    const [a, b] = [light(getComputedStyle(element).color), light(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < worst.ratio) worst = { ratio, text };
  }
  return worst;
})()`;

/** Headings in order, without a level left out; tables with captions; everything that is pressed has a name. */
const STRUCTURE = `(() => {
  const levels = [...document.querySelectorAll("h1,h2,h3")].map((one) => Number(one.tagName[1]));
  return {
    first: levels[0],
    jumps: levels.filter((level, index) => index > 0 && level > levels[index - 1] + 1),
    headings: levels.filter((level) => level === 1).length,
    uncaptioned: [...document.querySelectorAll("table")].filter((one) => one.caption === null).length,
    nameless: [...document.querySelectorAll("a,summary")].filter((one) => one.textContent.trim() === "").length,
    landmarks: ["header", "main", "footer"].filter((tag) => document.querySelectorAll(tag).length === 1).length,
    lang: document.documentElement.lang,
  };
})()`;

for (const [name, make] of Object.entries(STATES)) {
  test(`${name}: fits every screen, is readable in light and dark, and keeps its own policy`, {
    skip,
  }, async (t) => {
    const document = make();
    const routes = statusRoutes(() => document);
    const { address, close } = await listenHttp({
      address: "127.0.0.1:0",
      metricsAddress: undefined,
      allowedHosts: [],
      routes,
      log: silent,
    });
    t.after(close);
    // A thousand rows in every size would take the most time and show the same.
    const widths = name === "thousand" ? [400] : WIDTHS;
    for (const width of widths) {
      for (const scheme of ["light", "dark"] as const) {
        await browser.visit({ url: `http://${address}/`, width, scheme }, async (page) => {
          const at = `${width} px, ${scheme}`;
          assert.deepEqual(await page.evaluate(OVERFLOW), { scroll: 0, wide: [] }, at);
          const { ratio, text } = await page.evaluate<{ ratio: number; text: string }>(CONTRAST);
          assert.ok(ratio >= 4.5, `${at}: contrast of ${ratio.toFixed(2)} at ${JSON.stringify(text)}`);
          assert.deepEqual(page.complaints, [], at);
          const ground = await page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
          assert.equal(
            ground,
            scheme === "light" ? "rgb(246, 247, 249)" : "rgb(16, 19, 23)",
            "the style is in force",
          );
          const good = {
            first: 1,
            jumps: [],
            headings: 1,
            uncaptioned: 0,
            nameless: 0,
            landmarks: 3,
            lang: "en",
          };
          assert.deepEqual(await page.evaluate(STRUCTURE), good);
        });
      }
    }
  });
}

test("on a phone each row is a card whose cells say what they are", { skip }, async (t) => {
  const document = STATES.bypassed();
  const { address, close } = await listenHttp({
    address: "127.0.0.1:0",
    metricsAddress: undefined,
    allowedHosts: [],
    routes: statusRoutes(() => document),
    log: silent,
  });
  t.after(close);
  const shown = (width: number) =>
    browser.visit({ url: `http://${address}/`, width, scheme: "light" }, (page) =>
      page.evaluate<string>(`[...document.querySelectorAll("tbody tr:first-child")][0].innerText`),
    );
  assert.match(
    await shown(400),
    /gcr\.io\s+Verdict\s+✖ bypassed.*Evidence\s+trace, 18 s ago.*Mirrors.*Pulls/s,
  );
  assert.doesNotMatch(await shown(1280), /Verdict/);
});
