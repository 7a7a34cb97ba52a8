/** `convex-tally/http`: Autumn's and BillingOS's wire protocols on an app's own HTTP routes, and metered routes of its own. */
export { registerRoutes, type RoutesOptions } from "./routes.js";
export type { BrowserOptions } from "./browser.js";
export { httpAction, type MeteredContext, type MeteredHttpAction } from "./metered.js";
export type { Limiter, RateLimit, RateLimits } from "./rateLimits.js";
export type { SecretKey } from "./keys.js";
