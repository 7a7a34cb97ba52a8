import { httpRouter } from "convex/server";
import { payments } from "./billing.js";

const http = httpRouter();
payments.registerRoutes(http);

export default http;
