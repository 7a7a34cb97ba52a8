import { httpRouter } from "convex/server";
import { registerRoutes } from "../../../src/http/index.js";
import { payments, tally } from "./billing.js";

/** The secrets of the deployment of the test that runs. */
export const secrets: { current?: string; next?: string } = {};

const http = httpRouter();
registerRoutes(http, tally, { secretKey: () => [secrets.current, secrets.next], payments });
payments.registerRoutes(http);

export default http;
