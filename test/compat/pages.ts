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
  const { window } = new JSDOM("<!doctype html><body></body>", { url: `${origin}/account` });
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
  const globals: Record<string, unknown> = {
    window,
    document: window.document,
    navigator: window.navigator,
    HTMLElement: window.HTMLElement,
    Node: window.Node,
    fetch: browserFetch(world, page, origin),
    IS_REACT_ACT_ENVIRONMENT: true,
    // Its failures are the page's to tell.
    console: { ...console, error: () => {}, warn: () => {} },
  };
  const before = Object.keys(globals).map(
    (name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const,
  );
  for (const [name, value] of Object.entries(globals)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  try {
    await run(page);
  } finally {
    for (const [name, descriptor] of before) {
      if (descriptor === undefined) Reflect.deleteProperty(globalThis, name);
      else Object.defineProperty(globalThis, name, descriptor);
    }
    window.close();
  }
}

/** As the fetch of a page of that origin: it asks before it sends, and shows no answer that is not for it. */
function browserFetch(world: World, page: Page, origin: string): typeof fetch {
  const { fetch } = globalThis;
  return async (input, init = {}) => {
    const url = String(input instanceof Request ? input.url : input).replace(page.backendUrl, world.url);
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
