/**
 * A provider that moves no money, for development: its checkout is a page of this deployment that pays,
 * declines or gives up. Whoever reaches the deployment can buy with it: it runs only where it is enabled.
 */
import { tallyError } from "../core/errors.js";
import { prorate, proratedTotal } from "../core/orders.js";
import { nextBoundary } from "../core/periods.js";
import { demoPage } from "./demoPage.js";
import type {
  Fact,
  HeldSubscription,
  Ordered,
  PaymentProvider,
  PreviewLine,
  ProviderSubscription,
  Sold,
} from "./provider.js";

export interface DemoOptions {
  /** True, or a function that answers it when it is asked, such as by an environment variable. */
  enabled: boolean | (() => boolean);
}

const DAY_MS = 24 * 60 * 60_000;
const OUTCOMES = { pay: "paid", decline: "failed", abandon: "expired" } as const;

/**
 * ```ts
 * demo({ enabled: () => process.env.TALLY_DEMO === "true" })
 * ```
 */
export function demo({ enabled }: DemoOptions): PaymentProvider {
  const assertEnabled = () => {
    if (typeof enabled === "function" ? enabled() : enabled) return;
    throw tallyError(
      "not_supported",
      "The demo payments take no money, and are not enabled here. Enable them in development with demo({ enabled }), or use another provider.",
    );
  };
  return {
    name: "demo",
    assertEnabled,
    createAccount: ({ customerId }) => Promise.resolve(`demo_account_${customerId}`),
    createCheckout: ({ purchaseId, pagesUrl }) => {
      const sessionId = `${SESSION}${purchaseId}`;
      return Promise.resolve({
        sessionId,
        url: `${pagesUrl()}/checkout?session=${encodeURIComponent(sessionId)}`,
        expiresAt: Date.now() + DAY_MS,
      });
    },
    // It remembers nothing: what its page says is said once.
    retrieveCheckout: () => Promise.resolve(null),
    portal: ({ returnUrl }) => Promise.resolve({ url: returnUrl }),
    previewChange: (change, now) => Promise.resolve(prorated(change, now)),
    change: ({ purchaseId, held, to, isPaidNow }, now) => {
      const { total } = isPaidNow ? prorated({ held, to }, now) : { total: 0 };
      const amount = Math.max(0, total);
      const startsAnew = isPaidNow && JSON.stringify(held.sold.every) !== JSON.stringify(to.every);
      return Promise.resolve({
        subscription: startsAnew ? begun(held.externalId, to, now) : goingOn(held),
        payment: {
          ...(amount > 0 && { paymentId: `demo_payment_${purchaseId}` }),
          amount,
          currency: to.currency,
        },
      });
    },
    setCanceled: (held, isCanceled) =>
      Promise.resolve({ ...goingOn(held), ...(isCanceled && { cancelAt: held.periodEnd }) }),
    end: () => Promise.resolve(),
    charge: ({ idempotencyKey }) =>
      Promise.resolve({ result: "paid", paymentId: `demo_payment_${idempotencyKey}` }),
    async read({ body, now, orderOf }) {
      const said = saidIn(body);
      const order = said === null ? null : await orderOf(said.session);
      if (said === null || order === null) return null;
      return [factOf(said.session, order, OUTCOMES[said.outcome], now)];
    },
    page: (sessionId, order, webhookUrl) => demoPage(sessionId, order, webhookUrl),
  };
}

const SESSION = "demo_session_";

function saidIn(body: string): { session: string; outcome: keyof typeof OUTCOMES } | null {
  const said = parsed(body);
  if (typeof said !== "object" || said === null || !("session" in said && "outcome" in said)) return null;
  const outcome = (Object.keys(OUTCOMES) as (keyof typeof OUTCOMES)[]).find(
    (known) => known === said.outcome,
  );
  return typeof said.session === "string" && outcome !== undefined
    ? { session: said.session, outcome }
    : null;
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

function factOf(
  sessionId: string,
  { purchaseId, sold, trialDays }: Ordered,
  result: (typeof OUTCOMES)[keyof typeof OUTCOMES],
  now: number,
): Fact {
  const about = { kind: "checkout", sessionId, purchaseId, result } as const;
  if (result !== "paid") return about;
  const isTrial = trialDays !== undefined;
  const amount = isTrial ? 0 : sold.total;
  const subscription =
    sold.every === null ? undefined : begun(`demo_subscription_${purchaseId}`, sold, now, trialDays);
  return {
    ...about,
    payment: {
      ...(amount > 0 && { paymentId: `demo_payment_${purchaseId}` }),
      amount,
      currency: sold.currency,
    },
    ...(subscription && { subscription }),
  };
}

function begun(externalId: string, { every }: Sold, now: number, trialDays?: number): ProviderSubscription {
  const end = every === null ? now : nextBoundary({ ...every, anchor: now }, now);
  const isTrial = trialDays !== undefined;
  return {
    externalId,
    status: isTrial ? "trialing" : "active",
    periodStart: now,
    periodEnd: isTrial ? now + trialDays * DAY_MS : end,
  };
}

const goingOn = ({ externalId, periodStart, periodEnd }: HeldSubscription): ProviderSubscription => ({
  externalId,
  status: "active",
  periodStart,
  periodEnd,
});

/** As the rules of core prorate: the rest of the period, credited at the old price and charged at the new one. */
function prorated(
  { held, to }: { held: HeldSubscription; to: Sold },
  now: number,
): { lines: PreviewLine[]; total: number } {
  const period = { start: held.periodStart, end: held.periodEnd };
  const lines = prorate(held.sold, to, period, now);
  const nameOf = ({ isCredit, featureId }: (typeof lines)[number]) => {
    const { lines: sold, name } = isCredit ? held.sold : to;
    const line = sold.find((each) => each.featureId === featureId);
    return `${isCredit ? "Unused time of" : "Remaining time of"} ${line?.name ?? name}`;
  };
  return {
    lines: lines.map((line) => ({ name: nameOf(line), amount: line.amount })),
    total: proratedTotal(lines),
  };
}
