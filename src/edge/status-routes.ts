import { createHash } from "node:crypto";
import type { StatusDocument } from "../agent/status-document.ts";
import type { Route } from "./http-routes.ts";
import { renderSparingly } from "./rendered-body.ts";
import { renderStatusPage } from "./status-page/render-page.ts";
import { STYLES } from "./status-page/styles.ts";

/** `/status.json` and the page `/`. Both show the same; neither asks anything of anybody. */
export function statusRoutes(status: () => StatusDocument): readonly Route[] {
  const json = renderSparingly(() => ({
    status: 200,
    text: `${JSON.stringify({ schema: "mirrorlet.status/v1", ...status() })}\n`,
  }));
  const page = (refresh: boolean) =>
    renderSparingly(() => ({ status: 200, text: renderStatusPage(status(), { refresh }) }));
  const [following, held] = [page(true), page(false)];
  const headers = pageHeaders();
  return [
    {
      path: "/status.json",
      listener: "agent",
      handle: async ({ incoming }) => ({ contentType: "application/json", ...(await json.get(incoming)) }),
    },
    {
      path: "/",
      listener: "agent",
      async handle({ incoming, query }) {
        const sent = await (query.get("refresh") === "off" ? held : following).get(incoming);
        return { contentType: "text/html; charset=utf-8", ...sent, headers: { ...headers, ...sent.headers } };
      },
    },
  ];
}

/** Nothing may run, load, frame or post; the page's own style and icon are all there is. */
function pageHeaders(): Readonly<Record<string, string>> {
  const style = createHash("sha256").update(STYLES).digest("base64");
  return {
    "content-security-policy": `default-src 'none'; style-src 'sha256-${style}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
  };
}
