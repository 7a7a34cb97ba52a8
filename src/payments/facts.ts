/** What a provider says, carried into the component: each fact in one transaction, and as often as it likes. */
import type { MutationContext, QueryContext } from "../client/contexts.js";
import type { Identity } from "../client/identity.js";
import type { Subscriptions } from "../client/subscriptions.js";
import { defaultPlans } from "../client/versions.js";
import type { ComponentApi } from "../component/_generated/component.js";
import type { Catalog, CatalogIds } from "../core/catalog.js";
import { isTallyError, shown, tallyError } from "../core/errors.js";
import { orderOf } from "../core/orders.js";
import type { Delivery, Fact, Ordered, PaymentProvider, ProviderSubscription } from "./provider.js";
import { soldBy } from "./sold.js";
import { graceOf } from "./sync.js";
import { trialDaysOf } from "./trials.js";

/** A provider that changes its mind while it is asked is asked again, so often. */
const ATTEMPTS = 3;

type Applied = "unknown" | "unchanged" | "paid" | "quarantined" | "closed" | "stale" | "superseded";

/** What of Tally payments need. */
export interface Shop {
  component: ComponentApi;
  catalog: Catalog;
  subscriptions: Subscriptions<CatalogIds>;
}

export class Facts {
  constructor(
    private readonly tally: Shop,
    private readonly provider: PaymentProvider,
  ) {}

  /** Applies what a delivery says; false if it is not the provider's. */
  async receive(ctx: MutationContext, delivery: Pick<Delivery, "body" | "headers">): Promise<boolean> {
    const orderOf = (sessionId: string) => this.orderOf(ctx, sessionId);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      // What is asked for from now on is at least as new as this.
      const now = Date.now();
      const facts = await this.provider.read({ ...delivery, now, orderOf });
      if (facts === null) return false;
      const applied: Applied[] = [];
      for (const fact of facts) applied.push(await this.apply(ctx, fact, now));
      if (!applied.includes("stale")) return true;
    }
    throw tallyError("busy", "The subscription was changed each time it was asked for. Try again.");
  }

  /** Asks for the sessions of a customer that wait to be paid. */
  async confirm(ctx: MutationContext, { customerId }: Identity): Promise<{ credited: number }> {
    const { waiting } = this.tally.component.purchases;
    const sessions = await ctx.runQuery(waiting, { customerId, provider: this.provider.name });
    let credited = 0;
    for (const { sessionId } of sessions) {
      const now = Date.now();
      const fact = await this.provider.retrieveCheckout(sessionId);
      if (fact !== null && (await this.apply(ctx, fact, now)) === "paid") credited++;
    }
    return { credited };
  }

  async apply(ctx: MutationContext, fact: Fact, asOf: number): Promise<Applied> {
    const { purchases, credits } = this.tally.component;
    const provider = this.provider.name;
    switch (fact.kind) {
      case "checkout": {
        const { sessionId, purchaseId, result, payment, subscription } = fact;
        if (result === "open") return "unchanged";
        const { outcome, replaced = [] } = await ctx.runMutation(purchases.conclude, {
          ...(await this.terms()),
          provider,
          sessionId,
          purchaseId,
          result,
          payment,
          ...(subscription && { word: wordOf(subscription, asOf) }),
        });
        // Two plans that were bought side by side are one plan: nobody pays for both.
        for (const externalId of replaced) await this.end(externalId);
        return outcome;
      }
      case "subscription":
        return await this.follow(ctx, fact.subscription, asOf, fact.purchaseId);
      case "renewal": {
        const { externalId, payment, periodEnd } = fact;
        await ctx.runMutation(purchases.renew, { provider, externalId, payment, periodEnd });
        return "unchanged";
      }
      case "returned": {
        const { paymentId, returned } = fact;
        const { graceMs } = await this.terms();
        await ctx.runMutation(credits.giveBack, { provider, paymentId, returned, revision: asOf, graceMs });
        return "unchanged";
      }
      default:
        return fact satisfies never;
    }
  }

  /** Brings a subscription that is known here to what the provider says. */
  async follow(
    ctx: MutationContext,
    subscription: ProviderSubscription,
    asOf: number,
    purchaseId?: string,
  ): Promise<Applied> {
    const { outcome } = await ctx.runMutation(this.tally.component.purchases.follow, {
      ...(await this.terms()),
      provider: this.provider.name,
      purchaseId,
      word: wordOf(subscription, asOf),
    });
    if (outcome === "superseded") await this.end(subscription.externalId);
    return outcome;
  }

  /** Should the provider not answer, its next word of the subscription is the next try. */
  private async end(externalId: string): Promise<void> {
    try {
      await this.provider.end(externalId);
    } catch (error) {
      const why = isTallyError(error) ? error.data.message : "";
      console.error(`The subscription ${shown(externalId)} was replaced, and could not be ended.`, why);
    }
  }

  /** What is being bought in a session, as the server has recorded it. */
  async orderOf(ctx: QueryContext, sessionId: string): Promise<Ordered | null> {
    const { ordered } = this.tally.component.purchases;
    const found = await ctx.runQuery(ordered, { provider: this.provider.name, sessionId });
    if (found === null) return null;
    const { purchaseId, plan, quantities, currency, trial, status, successUrl = "" } = found;
    const sold = soldBy(plan, orderOf(plan, quantities, currency), this.tally.catalog);
    const trialDays = trial ? trialDaysOf(plan, Date.now()) : undefined;
    return { purchaseId, sold, status, successUrl, ...(trialDays !== undefined && { trialDays }) };
  }

  /** What every change of a plan is made on: what a customer falls back to, and how long he may owe. */
  async terms() {
    const graceMs = graceOf(this.tally.subscriptions.policy);
    return {
      provision: { plans: await defaultPlans(this.tally.catalog) },
      ...(graceMs !== undefined && { graceMs }),
    };
  }
}

export const wordOf = (subscription: ProviderSubscription, revision: number) => ({
  ...subscription,
  revision,
});
