/** A page of the app in a DOM, whose requests meet what a browser would let through. */
import { JSDOM } from "jsdom";
import { ORIGIN, type World } from "./deployed.js";

export interface Page {
  /** Where hooks of the older client, which shares its cache between pages, take the deployment to be. */
  backendUrl: string;
  customerId: string;
  token: string | undefined;
  /** Addresses that were opened. */
  opened: string[];
  /** Every request, by method and path. */
  requests: string[];
}

interface Opening {
  /** Who is signed in; null for nobody, a customer of his own if nobody is named. */
  as?: string | null | undefined;
  origin?: string;
}

/** Runs what happens in a page, and leaves none of it behind. */
export async function inPage(
  world: World,
  { as: subject, origin = ORIGIN }: Opening,
  run: (page: Page) => Promise<void>,
): Promise<void> {
  const { window } = dom();
  const customerId = subject ?? world.customer();
  const page: Page = {
    backendUrl: `http://${crypto.randomUUID()}.invalid`,
    customerId,
    token: subject === null ? undefined : await world.tokenFor(customerId, { name: "Ada" }),
    opened: [],
    requests: [],
  };
  window.open = (url) => {
    page.opened.push(String(url));
    return null;
  };
  const { fetch, console } = globalThis;
  globalThis.fetch = browserFetch(world, page, origin);
  // Its failures are the page's to tell.
  globalThis.console = { ...console, error: () => {}, warn: () => {} };
  try {
    await run(page);
  } finally {
    Object.assign(globalThis, { fetch, console });
  }
}

/** One document for all pages, one after the other: what is left of one must not miss it. */
function dom(): JSDOM {
  if (shared !== undefined) return shared;
  shared = new JSDOM("<!doctype html><body></body>", { url: `${ORIGIN}/account` });
  const { window } = shared;
  const { document, navigator, HTMLElement, Node } = window;
  const globals = { window, document, navigator, HTMLElement, Node, IS_REACT_ACT_ENVIRONMENT: true };
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  return shared;
}
let shared: JSDOM | undefined;

/** As the fetch of a page of that origin: it asks before it sends, and shows no answer that is not for it. */
function browserFetch(world: World, page: Page, origin: string): typeof fetch {
  const { fetch } = globalThis;
  return async (input, init = {}) => {
    const url = String(input instanceof Request ? input.url : input).replace(page.backendUrl, world.url);
    // What a server or a payer does meanwhile is none of the page's.
    if (!new URL(url).pathname.includes("/autumn/")) return await fetch(input, init);
    const { method = "GET", credentials } = init;
    page.requests.push(`${method} ${new URL(url).pathname}`);
    const headers = new Headers(init.headers);
    const asked = [...headers.keys()].toSorted().join(",");
    const preflight = await fetch(url, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": method,
        "access-control-request-headers": asked,
      },
    });
    const listed = (name: string) => (preflight.headers.get(name) ?? "").toLowerCase().split(/, */);
    const isAsked =
      preflight.ok &&
      listed("access-control-allow-methods").includes(method.toLowerCase()) &&
      asked.split(",").every((name) => name === "" || listed("access-control-allow-headers").includes(name));
    if (!isAsked) throw new TypeError("Failed to fetch: the preflight was refused");
    headers.set("origin", origin);
    const answer = await fetch(url, { ...init, headers });
    for (const { headers } of [preflight, answer]) {
      const isFor = headers.get("access-control-allow-origin") === origin;
      const takesCredentials = headers.get("access-control-allow-credentials") === "true";
      if (!isFor || (credentials === "include" && !takesCredentials)) {
        throw new TypeError("Failed to fetch: the answer is for another origin");
      }
    }
    return answer;
  };
}
