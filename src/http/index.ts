/** `convex-tally/http`: Autumn's and BillingOS's wire protocols on an app's own HTTP routes. */
export { registerRoutes, type RoutesOptions } from "./routes.js";
export type { BrowserOptions } from "./browser.js";
export type { SecretKey } from "./keys.js";
