import { httpRouter } from "convex/server";
import { registerRoutes } from "../../../../src/http/index.js";
import { payments, tally } from "./billing.js";

declare const process: { env: Record<string, string | undefined> };

const http = httpRouter();
payments.registerRoutes(http);
registerRoutes(http, tally, {
  secretKey: () => process.env.TALLY_SECRET_KEY,
  payments,
  browser: { allowedOrigins: ["https://app.example.com"] },
});
// Another mount, of an app that lets its users note what they use.
registerRoutes(http, tally, {
  secretKey: () => process.env.TALLY_SECRET_KEY,
  payments,
  prefix: "/tracking",
  browser: { allowedOrigins: ["https://app.example.com"], path: "/tracking/autumn", track: true },
});

export default http;
