/** The page's own, unless told. */
export const PAGE_PORT = 5173;

/** What convex/payments.ts reads of its environment: a shop that takes no money, for a page on this machine. */
export function shopEnvironment(pagePort: number): Record<string, string> {
  const origins = ["127.0.0.1", "localhost"].map((host) => `http://${host}:${pagePort}`);
  return { DEMO_PAYMENTS: "true", APP_ORIGINS: origins.join(",") };
}
