/** Buying, changing and leaving plans: what is sold and for how much is decided here, by the catalog alone. */
import type { FunctionReturnType } from "convex/server";
import type { MutationContext, QueryContext } from "../client/contexts.js";
import type { Identity } from "../client/identity.js";
import { assertQuantities, type When } from "../client/subscriptions.js";
import { versionOf } from "../client/versions.js";
import type { ComponentApi } from "../component/_generated/component.js";
import { assertId, refuse } from "../core/arguments.js";
import { isTallyError, shown, tallyError } from "../core/errors.js";
import { fromMinor } from "../core/money.js";
import {
  isSameInterval,
  orderOf,
  prorate,
  proratedTotal,
  recurringTotal,
  whenToChange,
  type Order,
} from "../core/orders.js";
import { lastBoundary, nextBoundary } from "../core/periods.js";
import type { Plan } from "../core/terms.js";
import { isTopUp } from "../core/topUps.js";
import { wordOf, type Facts, type Shop } from "./facts.js";
import type { HeldSubscription, PaymentProvider, PreviewLine, Sold } from "./provider.js";
import { soldBy } from "./sold.js";
import { trialDaysOf } from "./trials.js";

/** A plan or a top-up of the catalog, by either name. */
export interface BuyArgs {
  planId?: string;
  /** The same, in the older vocabulary. */
  productId?: string;
  /** Units bought in advance, by feature: what is included is among them. */
  quantities?: Record<string, number>;
  /** The part of the customer that is to have it for itself. */
  entityId?: string;
  /** Where to go then: of an allowed origin. */
  successUrl?: string;
}

/** What trusted code may ask for besides. */
export interface TrustedBuyArgs extends BuyArgs {
  /** False: without the trial that the plan has. */
  trial?: false;
}

/** A plan that is to end: with the period that is paid, unless told. */
export interface EndArgs {
  planId: string;
  entityId?: string;
  when?: When;
}

export interface Bought {
  /** Where to pay; null if nothing is to be paid any more. */
  url: string | null;
  /** It is had (or decided) already. */
  done: boolean;
}

/** What a checkout would do, in whole currency units. */
export interface Previewed {
  currency: string;
  /** What is paid at once, credits below 0; of something new, with what it is. */
  lines: (PreviewLine & { featureId?: string; units?: number })[];
  total: number;
  /** When the plan begins: now, or with the end of what is paid already. */
  when: "now" | "period_end";
  startsAt: number;
  /** What is paid next, if anything is, should nothing change. */
  next: { at: number; total: number } | null;
  /** Whether the payer is sent to a page of the provider's; else it is done at once. */
  redirects: boolean;
}

type Standing = FunctionReturnType<ComponentApi["purchases"]["standing"]>;
type Held = NonNullable<Standing["current"]>;
/** A plan that the provider bills. */
type Billed = Held & { externalId: string; paidUntil: number };

const DAY_MS = 24 * 60 * 60_000;

export class Checkouts {
  constructor(
    private readonly tally: Shop,
    private readonly provider: PaymentProvider,
    private readonly facts: Facts,
    private readonly currency: string,
    private readonly pagesUrl: () => string,
  ) {}

  /**
   * Where to pay for a plan or top-up; or it is done at once: a free plan, a change that is paid off-session,
   * one that costs less and waits for the end of what is paid. Throws `plan_not_found`, `entity_not_found`,
   * `payment_failed`, `not_supported`.
   */
  async buy(
    ctx: MutationContext,
    payer: Identity,
    args: TrustedBuyArgs & { successUrl: string },
  ): Promise<Bought> {
    const wanted = this.wanted(args);
    const { plan, order, entityId } = wanted;
    if (isTopUp(plan)) {
      if (order.total === 0) throw notForSale(plan, "it costs nothing");
      const standing = await this.standing(ctx, payer, plan, entityId);
      return await this.session(ctx, payer, wanted, "top_up", standing, args.successUrl);
    }
    const standing = await this.standing(ctx, payer, plan, entityId);
    const billed = billedOf(standing);
    if (order.lines.length === 0) return await this.takeFree(ctx, payer, wanted, standing);
    if (order.every === null) throw notForSale(plan, "it is paid once, and what it gives resets");
    if (billed !== null) return await this.change(ctx, payer, wanted, standing, billed, args.successUrl);
    const trialDays = this.trialDays(plan, standing, args);
    if (trialDays !== undefined && plan.trial?.cardRequired !== true) {
      const { customerId } = payer;
      await this.tally.subscriptions.attach(ctx, { customerId, planId: plan.id, entityId, trial: true });
      return DONE;
    }
    return await this.session(ctx, payer, { ...wanted, trialDays }, "plan", standing, args.successUrl);
  }

  /** What `buy` would cost, and when; nothing is changed. */
  async preview(ctx: QueryContext, payer: Identity, args: TrustedBuyArgs): Promise<Previewed> {
    const { plan, order, entityId } = this.wanted(args);
    const standing = await this.standing(ctx, payer, plan, entityId);
    const billed = billedOf(standing);
    const now = Date.now();
    const shownOf = (lines: Previewed["lines"]) =>
      lines.map(({ name, amount, featureId, units }) => ({
        name,
        amount: this.whole(amount),
        ...(featureId !== undefined && { featureId, units }),
      }));
    if (billed !== null && !isTopUp(plan)) {
      const from = this.orderOfHeld(billed);
      const when = isSamePlan(billed, plan, order, from)
        ? "now"
        : order.total === 0
          ? "period_end"
          : whenToChange(from, order);
      const { lines, total } =
        when === "now" && !isSamePlan(billed, plan, order, from)
          ? await this.previewOf(standing, billed, plan, order, now)
          : { lines: [], total: 0 };
      const keeps = isSameInterval(from, order);
      const at =
        keeps || when === "period_end" || order.every === null
          ? billed.paidUntil
          : nextBoundary({ ...order.every, anchor: now }, now);
      const next = order.total === 0 ? null : { at, total: this.whole(recurringTotal(order)) };
      const startsAt = when === "now" ? now : billed.paidUntil;
      return {
        currency: this.currency,
        lines: shownOf(lines),
        total: this.whole(total),
        when,
        startsAt,
        next,
        redirects: isPastDue(billed),
      };
    }
    const trialDays = isTopUp(plan) ? undefined : this.trialDays(plan, standing, args);
    const lines = soldBy(plan, order, this.tally.catalog).lines.filter(
      ({ every }) => trialDays === undefined || every === null,
    );
    const at =
      trialDays !== undefined
        ? now + trialDays * DAY_MS
        : order.every === null
          ? null
          : nextBoundary({ ...order.every, anchor: now }, now);
    return {
      currency: this.currency,
      lines: shownOf(lines),
      total: this.whole(lines.reduce((sum, { amount }) => sum + amount, 0)),
      when: "now",
      startsAt: now,
      next: at === null ? null : { at, total: this.whole(recurringTotal(order)) },
      redirects: order.lines.length > 0 && (trialDays === undefined || plan.trial?.cardRequired === true),
    };
  }

  /** Ends a plan, with the period that is paid unless told. Throws `plan_not_found`. */
  async cancel(ctx: MutationContext, payer: Identity, { planId, entityId, when = "period_end" }: EndArgs) {
    const plan = this.tally.catalog.plan(planId);
    const standing = await this.standing(ctx, payer, plan, entityId);
    const billed = billedOf(standing);
    if (billed?.planId !== plan.id) {
      const { customerId } = payer;
      return await this.tally.subscriptions
        .cancel(ctx, { customerId, planId, entityId, when })
        .then(({ endsAt }) => ({ endsAt }));
    }
    const held = this.heldBy(billed, standing);
    if (when === "now") {
      const { externalId, periodStart, periodEnd } = held;
      await this.provider.end(externalId);
      const now = Date.now();
      await this.facts.follow(ctx, { externalId, status: "canceled", periodStart, periodEnd }, now);
      return { endsAt: now };
    }
    const told = await this.provider.setCanceled(held, true);
    await this.facts.follow(ctx, told, Date.now());
    return { endsAt: told.cancelAt ?? told.periodEnd };
  }

  /** What ending a plan would credit, and when it would end; nothing is changed. */
  async previewCancel(ctx: QueryContext, payer: Identity, { planId, entityId, when }: EndArgs) {
    const plan = this.tally.catalog.plan(planId);
    const billed = billedOf(await this.standing(ctx, payer, plan, entityId));
    const now = Date.now();
    const nothing = { currency: this.currency, lines: [], total: 0, next: null, redirects: false };
    if (billed?.planId !== plan.id || when !== "now")
      return { ...nothing, when: when ?? "period_end", startsAt: billed?.paidUntil ?? now };
    const from = this.orderOfHeld(billed);
    const credits = prorate(from, { ...from, lines: [], total: 0 }, periodOf(billed), now);
    const { lines } = soldBy(billed.plan, { ...from, lines: credits }, this.tally.catalog);
    return {
      ...nothing,
      lines: lines.map(({ name, amount }) => ({
        name: `Unused time of ${name}`,
        amount: this.whole(amount),
      })),
      total: this.whole(proratedTotal(credits)),
      when,
      startsAt: now,
    };
  }

  /** Takes a cancellation back, or a change that waits. Throws `plan_not_found`. */
  async resume(ctx: MutationContext, payer: Identity, named: { planId: string; entityId?: string }) {
    const plan = this.tally.catalog.plan(named.planId);
    const standing = await this.standing(ctx, payer, plan, named.entityId);
    const billed = billedOf(standing);
    if (billed?.planId !== plan.id) {
      const { customerId } = payer;
      const { resumed } = await this.tally.subscriptions.resume(ctx, { customerId, ...named });
      return { resumed };
    }
    if (billed.endsAt === undefined) return { resumed: false };
    await this.goOn(ctx, payer, standing, billed);
    return { resumed: true };
  }

  /** Throws `not_supported` of somebody who has never bought. */
  async portal(ctx: QueryContext, { customerId }: Identity, backTo: string): Promise<{ url: string }> {
    const { find } = this.tally.component.billingAccounts;
    const accountId = await ctx.runQuery(find, { customerId, provider: this.provider.name });
    if (accountId !== null)
      return await this.provider.portal({ accountId, returnUrl: backTo, pagesUrl: this.pagesUrl });
    throw tallyError(
      "not_supported",
      "Nothing was bought on this account yet: there are no invoices to show.",
    );
  }

  /** The provider's page where somebody keeps a means of payment, whether he has bought or not. */
  async setUp(ctx: MutationContext, payer: Identity, backTo: string): Promise<{ url: string }> {
    const { find } = this.tally.component.billingAccounts;
    const known = await ctx.runQuery(find, { customerId: payer.customerId, provider: this.provider.name });
    const accountId = known ?? (await this.openAccount(ctx, payer));
    return await this.provider.portal({ accountId, returnUrl: backTo, pagesUrl: this.pagesUrl });
  }

  private wanted({ planId, productId, quantities, entityId }: BuyArgs): Wanted {
    if ((planId === undefined) === (productId === undefined))
      refuse("checkout", "takes either planId or productId", planId ?? productId);
    const plan = this.tally.catalog.plan(planId ?? productId ?? "");
    if (plan.archived) throw notForSale(plan, "it is archived");
    if (entityId !== undefined) assertId(entityId, "entityId");
    if (quantities !== undefined) assertQuantities(quantities, plan);
    return { plan, quantities, entityId, order: orderOf(plan, quantities, this.currency) };
  }

  private async standing(
    ctx: QueryContext,
    { customerId }: Identity,
    { id: planId, group, addOn }: Plan,
    entityId: string | undefined,
  ): Promise<Standing> {
    const { standing } = this.tally.component.purchases;
    const provider = this.provider.name;
    return await ctx.runQuery(standing, { customerId, entityId, provider, planId, group, addOn });
  }

  private trialDays(
    plan: Plan,
    { hadTrial, current }: Standing,
    { trial }: TrustedBuyArgs,
  ): number | undefined {
    return trial === false || hadTrial || current?.planId === plan.id
      ? undefined
      : trialDaysOf(plan, Date.now());
  }

  /** A plan that costs nothing: at once, or when what is paid is over. */
  private async takeFree(
    ctx: MutationContext,
    { customerId }: Identity,
    { plan, entityId }: Wanted,
    standing: Standing,
  ): Promise<Bought> {
    if (plan.items.some(({ price }) => price !== undefined && price.billingMethod === "usage_based"))
      throw notForSale(plan, "it is paid by use, which a checkout cannot take ahead");
    const billed = billedOf(standing);
    if (billed !== null) {
      const told = await this.provider.setCanceled(this.heldBy(billed, standing), true);
      await this.facts.follow(ctx, told, Date.now());
      return DONE;
    }
    const { current } = standing;
    // An add-on is added as often as it is attached: one that is free, once.
    if (current?.planId === plan.id && (plan.addOn || current.endsAt === undefined)) return DONE;
    const isPaid = (current?.plan.price?.amount ?? 0) > 0;
    const when = isPaid ? { when: "period_end" as const } : {};
    await this.tally.subscriptions.attach(ctx, { customerId, planId: plan.id, entityId, ...when });
    return DONE;
  }

  /** A session of the provider's for a purchase that is recorded first: its id is the key for both. */
  private async session(
    ctx: MutationContext,
    payer: Identity,
    { plan, order, quantities, entityId, trialDays }: Wanted,
    kind: "plan" | "top_up",
    standing: Standing,
    successUrl: string,
  ): Promise<Bought> {
    const { purchases } = this.tally.component;
    const { provision } = await this.facts.terms();
    const opened = await ctx.runMutation(purchases.open, {
      ...this.ordered(payer, entityId, provision),
      kind,
      plan,
      version: await versionOf(plan),
      quantities,
      ...(trialDays !== undefined && { trial: true as const }),
      amount: trialDays === undefined ? order.total : order.total - recurringTotal(order),
      currency: order.currency,
      successUrl,
    });
    if (opened.url !== null) return { url: opened.url, done: false };
    const { purchaseId } = opened;
    try {
      const accountId = standing.accountId ?? (await this.openAccount(ctx, payer));
      const session = await this.provider.createCheckout({
        purchaseId,
        accountId,
        sold: soldBy(plan, order, this.tally.catalog),
        ...(trialDays !== undefined && { trialDays }),
        successUrl,
        pagesUrl: this.pagesUrl,
      });
      await ctx.runMutation(purchases.keepSession, { purchaseId, ...session });
      return { url: session.url, done: false };
    } catch (error) {
      await this.giveUp(ctx, purchaseId, error);
      throw error;
    }
  }

  private ordered(
    { customerId, name, email }: Identity,
    entityId: string | undefined,
    provision: Awaited<ReturnType<Facts["terms"]>>["provision"],
  ) {
    return { customerId, entityId, provider: this.provider.name, provision: { ...provision, name, email } };
  }

  /** What the provider has refused is over; what it could not answer may have come about, and is asked for again under its key. */
  private async giveUp(ctx: MutationContext, purchaseId: string, error: unknown): Promise<void> {
    if (!isTallyError(error, "payment_failed")) return;
    const { giveUp } = this.tally.component.purchases;
    await ctx.runMutation(giveUp, {
      purchaseId,
      status: "failed",
      problem: error.data.message.slice(0, 500),
    });
  }

  private async openAccount(ctx: MutationContext, { customerId, name, email }: Identity): Promise<string> {
    const accountId = await this.provider.createAccount({ customerId, name, email });
    const { keep } = this.tally.component.billingAccounts;
    return await ctx.runMutation(keep, { customerId, provider: this.provider.name, accountId });
  }

  /** A plan in place of one that the provider bills already. */
  private async change(
    ctx: MutationContext,
    payer: Identity,
    wanted: Wanted,
    standing: Standing,
    billed: Billed,
    successUrl: string,
  ): Promise<Bought> {
    const { plan, order } = wanted;
    const from = this.orderOfHeld(billed);
    if (isPastDue(billed)) {
      // What is owed comes first.
      return { ...(await this.portal(ctx, payer, successUrl)), done: false };
    }
    if (isSamePlan(billed, plan, order, from)) {
      if (billed.endsAt !== undefined) await this.goOn(ctx, payer, standing, billed);
      return DONE;
    }
    const when = whenToChange(from, order);
    if (when === "period_end" && !isSameInterval(from, order)) {
      throw notForSale(
        plan,
        `the customer has paid for a longer period of "${billed.planId}": cancel that, and buy this when it is over`,
      );
    }
    // What was to follow is taken back first: what is charged now is the difference to what is paid.
    if (when === "now" && standing.next !== null) await this.goOn(ctx, payer, standing, billed);
    await this.make(ctx, payer, wanted, standing, billed, when, when === "now");
    return DONE;
  }

  /** What is to end (or to be another plan) goes on as it is. */
  private async goOn(
    ctx: MutationContext,
    payer: Identity,
    standing: Standing,
    billed: Billed,
  ): Promise<void> {
    const { next } = standing;
    if (next?.externalId === undefined) {
      const told = await this.provider.setCanceled(this.heldBy(billed, standing), false);
      await this.facts.follow(ctx, told, Date.now());
      return;
    }
    const { plan, quantities } = billed;
    const wanted = { plan, quantities, order: this.orderOfHeld(billed) };
    await this.make(ctx, payer, wanted, standing, billed, "now", false);
  }

  /** Records a change, has the provider make it, and makes it. */
  private async make(
    ctx: MutationContext,
    payer: Identity,
    { plan, order, quantities, entityId }: Wanted,
    standing: Standing,
    billed: Billed,
    when: "now" | "period_end",
    isPaidNow: boolean,
  ): Promise<void> {
    const { purchases } = this.tally.component;
    const now = Date.now();
    const terms = await this.facts.terms();
    const held = this.heldBy(billed, standing);
    const amount = isPaidNow
      ? proratedTotal(prorate(this.orderOfHeld(billed), order, periodOf(billed), now))
      : 0;
    const { purchaseId } = await ctx.runMutation(purchases.open, {
      ...this.ordered(payer, entityId, terms.provision),
      kind: "change",
      plan,
      version: await versionOf(plan),
      quantities,
      replaces: billed.planId,
      when,
      externalId: billed.externalId,
      amount,
      currency: order.currency,
    });
    try {
      const to = soldBy(plan, order, this.tally.catalog);
      const { subscription, payment } = await this.provider.change({ purchaseId, held, to, isPaidNow }, now);
      const word = wordOf(subscription, Date.now());
      await ctx.runMutation(purchases.concludeChange, { ...terms, purchaseId, payment, word });
    } catch (error) {
      await this.giveUp(ctx, purchaseId, error);
      throw error;
    }
  }

  private async previewOf(standing: Standing, billed: Billed, plan: Plan, order: Order, now: number) {
    const [held, to] = [this.heldBy(billed, standing), soldBy(plan, order, this.tally.catalog)];
    return await this.provider.previewChange({ held, to }, now);
  }

  private orderOfHeld({ plan, quantities }: Held): Order {
    return orderOf(plan, quantities, this.currency);
  }

  private heldBy(billed: Billed, { accountId }: Standing): HeldSubscription {
    const { plan, externalId } = billed;
    const { start: periodStart, end: periodEnd } = periodOf(billed);
    const sold: Sold = soldBy(plan, this.orderOfHeld(billed), this.tally.catalog);
    return { externalId, accountId: accountId ?? "", sold, periodStart, periodEnd };
  }

  private whole(minor: number): number {
    return fromMinor(minor, this.currency);
  }
}

interface Wanted {
  plan: Plan;
  order: Order;
  quantities?: Record<string, number>;
  entityId?: string;
  trialDays?: number;
}

const DONE: Bought = { url: null, done: true };

/** A payment that is missing for so long is not waited for any more: the plan can be bought anew. */
const LATE_MS = 60 * DAY_MS;

function billedOf({ current }: Standing): Billed | null {
  const { externalId, paidUntil } = current ?? {};
  if (current === null || externalId === undefined || paidUntil === undefined) return null;
  if (paidUntil < Date.now() - LATE_MS) return null;
  return { ...current, externalId, paidUntil };
}

const isPastDue = ({ pastDueAt = Infinity }: Billed): boolean => pastDueAt <= Date.now();

/** The period that is paid. */
function periodOf({ plan, periodStart: anchor, paidUntil: end }: Billed): { start: number; end: number } {
  const every = plan.price?.every ?? null;
  return { start: every === null ? anchor : lastBoundary({ ...every, anchor }, end - 1), end };
}

/** Whether nothing would change but what is decided for later. */
function isSamePlan(billed: Billed, plan: Plan, order: Order, from: Order): boolean {
  return billed.planId === plan.id && recurringTotal(order) === recurringTotal(from);
}

const notForSale = (plan: Plan, why: string) =>
  tallyError("not_supported", `Plan ${shown(plan.id)} is not for sale: ${why}. Nothing was changed.`, {
    planId: plan.id,
  });
