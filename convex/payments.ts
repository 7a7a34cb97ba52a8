/**
 * What the app sells, through a provider that moves no money. `stripe({ apiKey, webhookSecrets })` in its place sells
 * the same for real. Two variables of the deployment:
 *
 * - `DEMO_PAYMENTS`: "true" where anyone may have everything for nothing; without it nothing is sold
 * - `APP_ORIGINS`: where the page is, such as `https://app.example.com`; of several, with commas between them
 */
import { v } from "convex/values";
import { demo, Payments } from "../src/payments/index.js";
import { userQuery } from "./_helpers/builders.js";
import { tally } from "./billing.js";

declare const process: { env: { DEMO_PAYMENTS?: string; APP_ORIGINS?: string } };

export const payments = new Payments(tally, {
  provider: demo({ enabled: () => process.env.DEMO_PAYMENTS === "true" }),
  allowedOrigins: () => (process.env.APP_ORIGINS ?? "").split(",").filter((origin) => origin !== ""),
});

// What browsers may do: for whoever is signed in and may manage the account's billing.
export const { checkout, preview, confirm, cancel, resume, portal } = payments.api();

/** What the account has bought, or has tried to, the latest first; nobody but who pays for it is told. */
export const mine = userQuery({
  args: {},
  returns: v.array(
    v.object({
      purchaseId: v.string(),
      createdAt: v.number(),
      planId: v.string(),
      kind: v.string(),
      status: v.string(),
      /** In minor units: what was paid, or else what is asked for. */
      amount: v.number(),
      currency: v.string(),
    }),
  ),
  handler: async (ctx) => {
    const { identity } = ctx;
    if (identity === null || identity.canManageBilling === false) return [];
    const { page } = await payments.purchases(ctx, { customerId: identity.customerId, limit: 20 });
    return page.map(({ purchaseId, createdAt, planId, kind, status, ...money }) => ({
      purchaseId,
      createdAt,
      planId,
      kind,
      status,
      amount: money.paid ?? money.amount,
      currency: money.paidCurrency ?? money.currency,
    }));
  },
});
