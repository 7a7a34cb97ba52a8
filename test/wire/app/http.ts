import { httpRouter } from "convex/server";
import { registerRoutes } from "../../../src/http/index.js";
import { payments, tally } from "./billing.js";

/** The secrets of the deployment of the test that runs. */
export const secrets: { current?: string; next?: string } = {};

const http = httpRouter();
const secretKey = () => [secrets.current, secrets.next];
const allowedOrigins = ["https://app.example.com"];
registerRoutes(http, tally, { secretKey, payments, browser: { allowedOrigins } });
// Where nothing is sold.
registerRoutes(http, tally, {
  secretKey,
  prefix: "/free",
  browser: { allowedOrigins, path: "/free/autumn", track: true },
});
payments.registerRoutes(http);

export default http;
