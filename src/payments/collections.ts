/**
 * Money that is taken while the payer is away: for overage of periods that are over, and for top-ups that
 * customers have asked for in advance. Each is claimed, asked of the provider, and marked; what is lost in
 * between is asked for again under the same key.
 */
import type { FunctionReturnType } from "convex/server";
import type { MutationContext } from "../client/contexts.js";
import type { ComponentApi } from "../component/_generated/component.js";
import { isTallyError } from "../core/errors.js";
import type { Facts, Shop } from "./facts.js";
import type { Charge, PaymentProvider } from "./provider.js";

/** How many payments were made, refused, and are asked for again because nobody knows. */
export interface Collected {
  paid: number;
  declined: number;
  unanswered: number;
}

type Invoice = NonNullable<FunctionReturnType<ComponentApi["invoices"]["claim"]>>;
type Result =
  | { kind: "paid"; paymentId: string }
  | { kind: "declined"; problem: string }
  | { kind: "unanswered"; problem: string };

/** Actions end after ten minutes: what is left is for the next run. */
const ENOUGH_MS = 5 * 60_000;

export class Collections {
  constructor(
    private readonly tally: Shop,
    private readonly provider: PaymentProvider,
    private readonly facts: Facts,
    private readonly currency: string,
  ) {}

  /** All that is due: by a cron. Two at once take each other nothing away, and nothing twice. */
  async collect(ctx: MutationContext): Promise<Collected> {
    this.provider.assertEnabled?.();
    const collected: Collected = { paid: 0, declined: 0, unanswered: 0 };
    const until = Date.now() + ENOUGH_MS;
    await this.topUpAll(ctx, collected, until);
    await this.invoiceAll(ctx, collected, until);
    return collected;
  }

  /** What is due of one customer's automatic top-ups. */
  async topUp(ctx: MutationContext, customerId: string): Promise<Collected> {
    this.provider.assertEnabled?.();
    const collected: Collected = { paid: 0, declined: 0, unanswered: 0 };
    const { due } = this.tally.component.autoTopUps;
    const { page } = await ctx.runQuery(due, { provider: this.provider.name, customerId });
    for (const one of page) await this.topUpOne(ctx, one, collected);
    return collected;
  }

  private async topUpAll(ctx: MutationContext, collected: Collected, until: number): Promise<void> {
    const { due } = this.tally.component.autoTopUps;
    let cursor: string | null = null;
    do {
      const found: FunctionReturnType<typeof due> = await ctx.runQuery(due, {
        provider: this.provider.name,
        cursor,
        limit: 100,
      });
      for (const one of found.page) if (Date.now() < until) await this.topUpOne(ctx, one, collected);
      cursor = found.cursor;
    } while (cursor !== null && Date.now() < until);
  }

  private async topUpOne(
    ctx: MutationContext,
    named: { customerId: string; featureId: string },
    collected: Collected,
  ): Promise<void> {
    const { begin, conclude } = this.tally.component.autoTopUps;
    await this.guarded(`The top-up of "${named.featureId}"`, collected, async () => {
      const order = await ctx.runMutation(begin, { ...named, provider: this.provider.name });
      if (order === null) return;
      const { planId, purchaseId, ...asked } = order;
      const description = this.tally.catalog.plans.get(planId)?.name ?? planId;
      const result = await this.ask({ ...asked, purchaseId, description });
      const { provision } = await this.facts.terms();
      await ctx.runMutation(conclude, { ...named, purchaseId, provision, result });
      collected[result.kind]++;
    });
  }

  private async invoiceAll(ctx: MutationContext, collected: Collected, until: number): Promise<void> {
    const { due } = this.tally.component.invoices;
    const seen = new Set<string>();
    while (Date.now() < until) {
      const charges = await ctx.runQuery(due, {});
      const unseen = charges.filter((chargeId) => !seen.has(chargeId));
      if (unseen.length === 0) return;
      for (const chargeId of unseen) {
        seen.add(chargeId);
        if (Date.now() < until) await this.invoice(ctx, chargeId, collected);
      }
    }
  }

  private async invoice(ctx: MutationContext, chargeId: string, collected: Collected): Promise<void> {
    const { claim, conclude } = this.tally.component.invoices;
    await this.guarded(`The charge ${chargeId}`, collected, async () => {
      const { currency } = this;
      const invoice = await ctx.runMutation(claim, { chargeId, provider: this.provider.name, currency });
      if (invoice === null) return;
      const { accountId, amount, declined, askedAt } = invoice;
      const result = await this.ask({
        accountId,
        amount,
        currency: invoice.currency,
        description: this.described(invoice),
        // What was refused is asked for anew; what was not answered, as it was.
        idempotencyKey: `tally:charge:${chargeId}:${declined}`,
        purchaseId: chargeId,
        ...(askedAt !== undefined && { askedAt }),
      });
      await ctx.runMutation(conclude, { invoice, result });
      collected[result.kind]++;
    });
  }

  /** "Messages, 1 Jan 2026 to 1 Feb 2026". */
  private described({ featureId, from, to }: Invoice): string {
    const day = (at: number) => new Date(at).toISOString().slice(0, 10);
    return `${this.tally.catalog.features.get(featureId)?.name ?? featureId}, ${day(from)} to ${day(to)}`;
  }

  /** Whatever is thrown says nothing of whether it was paid. */
  private async ask(charge: Charge): Promise<Result> {
    try {
      const answer = await this.provider.charge(charge);
      if (answer.result === "paid") return { kind: "paid", paymentId: answer.paymentId };
      return { kind: "declined", problem: `declined: ${answer.reason}`.slice(0, MAX_PROBLEM) };
    } catch (error) {
      return { kind: "unanswered", problem: reasonOf(error) };
    }
  }

  /** One that fails must not keep all others; it is due again, and said. */
  private async guarded(what: string, collected: Collected, run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (error) {
      collected.unanswered++;
      console.error(`${what} was not brought to its end, and is due again.`, reasonOf(error));
    }
  }
}

const MAX_PROBLEM = 500;

/** Nothing that is not ours is stored or logged. */
function reasonOf(error: unknown): string {
  const reason = isTallyError(error) ? error.data.message : error instanceof Error ? error.name : "";
  return `not answered: ${reason}`.slice(0, MAX_PROBLEM);
}
