import { httpRouter } from "convex/server";
import { registerRoutes } from "../src/http/index.js";
import { tally } from "./billing.js";
import { payments } from "./payments.js";

/** The deployment's variables: `npx convex env set TALLY_SECRET_KEY <key>`. */
declare const process: { env: Record<string, string | undefined> };

const http = httpRouter();

// Autumn's and BillingOS's own clients, for whoever has the secret; while it is replaced, either of two.
registerRoutes(http, tally, {
  secretKey: () => [process.env.TALLY_SECRET_KEY, process.env.TALLY_SECRET_KEY_NEW],
});

// The provider's webhook, /tally/webhook, and the demo's checkout page.
payments.registerRoutes(http);

export default http;
