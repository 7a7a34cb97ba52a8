import type { ComponentApi } from "../component/_generated/component.js";
import {
  assertAmount,
  assertCount,
  assertFlag,
  assertId,
  assertInstant,
  assertKeys,
  refuse,
} from "../core/arguments.js";
import type { Catalog, CatalogIds } from "../core/catalog.js";
import { INTERVALS, type Interval } from "../core/periods.js";
import type { MutationContext } from "./contexts.js";
import { assertOwned, type Provenance } from "./provenance.js";
import type { Known } from "./requests.js";
import { defaultPlans } from "./versions.js";

/**
 * An amount outside of plans: a gift, a correction, a top-up paid elsewhere. It merges into an earlier
 * grant of equal terms. With `idempotencyKey` it is given once.
 */
export interface GrantArgs<FeatureId extends string = string> extends Provenance {
  customerId: string;
  featureId: FeatureId;
  entityId?: string;
  /** Units granted, above 0; left out of a boolean or `unlimited` grant. */
  amount?: number;
  unlimited?: boolean;
  /** Milliseconds since 1970. */
  startsAt?: number;
  expiresAt?: number;
  /** Lower burns first; 0 unless told. */
  priority?: number;
  /**
   * The amount comes anew at each interval, counted from `anchor` (milliseconds since 1970, past or
   * to come), or from when the grant starts: what is left by then is gone.
   */
  reset?: { interval: Interval; intervalCount?: number; anchor?: number };
}

/**
 * What is to be left, used or granted, by hand: of an entity's own balance; without `entityId`, of all
 * that a use without one can draw on, entities' items of the plan included. Where so much is to be left,
 * nothing is owed any more. It may exceed what was granted: then usage shows below 0.
 */
export interface SetArgs<FeatureId extends string = string> extends Provenance {
  customerId: string;
  featureId: FeatureId;
  entityId?: string;
  /** One grant, as `breakdown` names it; all of the feature together unless told. */
  grantId?: string;
  /** Exactly one: what is to be left … */
  remaining?: number;
  /** … or to be used … */
  usage?: number;
  /** … or to be granted (of one grant). */
  granted?: number;
}

export interface RevokeArgs<FeatureId extends string = string> extends Provenance {
  customerId: string;
  featureId: FeatureId;
  entityId?: string;
  grantId: string;
}

const GRANT_OPTIONS = ["featureId", "amount", "unlimited", "startsAt", "expiresAt", "priority", "reset"];

/** Amounts outside of plans. */
export class Grants<Ids extends CatalogIds> {
  constructor(
    private readonly component: ComponentApi,
    private readonly catalog: Catalog,
  ) {}

  /**
   * Gives a customer an amount of a feature, or credits. Throws `feature_not_found`, `invalid_amount`,
   * `too_many_grants`, `idempotency_conflict`.
   */
  async grant<Id extends string>(ctx: MutationContext, args: GrantArgs<Id> & Known<Id, Ids["feature"]>) {
    const given: GrantArgs = args;
    assertOwned(given, GRANT_OPTIONS, "grants.grant");
    const { featureId, startsAt, expiresAt, priority, amount: _amount, unlimited, reset, ...rest } = given;
    if (typeof featureId !== "string") refuse("featureId", "must be a string", featureId);
    assertFlag(unlimited, "unlimited");
    const endless = this.catalog.feature(featureId).type === "boolean" || unlimited === true;
    const amount = endless ? endlessAmount(given) : grantedAmount(given);
    if (startsAt !== undefined) assertInstant(startsAt, "startsAt");
    if (expiresAt !== undefined) assertExpiry(expiresAt, startsAt);
    if (priority !== undefined) assertCount(priority, "priority", -1000, 1000);
    return await ctx.runMutation(this.component.grants.grant, {
      ...rest,
      provision: { plans: await defaultPlans(this.catalog) },
      featureId,
      amount,
      ...(endless && { unlimited: true as const }),
      startsAt,
      expiresAt,
      priority,
      reset: reset === undefined ? undefined : everyOf(reset),
    });
  }

  /** Sets an amount by hand. Throws `customer_not_found`, `entity_not_found`, `idempotency_conflict`. */
  async set<Id extends string>(ctx: MutationContext, args: SetArgs<Id> & Known<Id, Ids["metered"]>) {
    const given: SetArgs = args;
    assertOwned(given, ["featureId", "grantId", "remaining", "usage", "granted"], "grants.set");
    const { remaining: _remaining, usage: _usage, granted: _granted, ...rest } = given;
    const [own] = this.catalog.pools(given.featureId);
    if (given.grantId !== undefined) assertId(given.grantId, "grantId");
    return await ctx.runMutation(this.component.grants.set, {
      ...rest,
      ...(own?.perEntity && { perEntity: true }),
      target: targetOf(given),
    });
  }

  /** Ends a grant now. Throws `invalid_argument`, `customer_not_found`, `idempotency_conflict`. */
  async revoke<Id extends string>(ctx: MutationContext, args: RevokeArgs<Id> & Known<Id, Ids["feature"]>) {
    const given: RevokeArgs = args;
    assertOwned(given, ["featureId", "grantId"], "grants.revoke");
    this.catalog.feature(given.featureId);
    assertId(given.grantId, "grantId");
    return await ctx.runMutation(this.component.grants.revoke, given);
  }
}

/** Checks what is to be set, and answers it as the component takes it. */
function targetOf(given: SetArgs): { remaining: number } | { usage: number } | { granted: number } {
  const { remaining, usage, granted } = given;
  if ([remaining, usage, granted].filter((each) => each !== undefined).length !== 1) {
    refuse("grants.set", "takes exactly one of remaining, usage and granted", given);
  }
  if (remaining !== undefined) assertAmount(remaining, "remaining");
  if (usage !== undefined) assertAmount(usage, "usage", { negative: true });
  if (granted !== undefined) assertAmount(granted, "granted");
  if (remaining !== undefined) return { remaining };
  return usage === undefined ? { granted: granted ?? 0 } : { usage };
}

function endlessAmount({ amount }: GrantArgs): number {
  if (amount !== undefined) refuse("amount", "must be left out of a boolean or unlimited grant", amount);
  return 0;
}

function grantedAmount({ amount }: GrantArgs): number {
  assertAmount(amount, "amount");
  if (amount === 0) refuse("amount", "must be above 0", amount);
  return amount;
}

function assertExpiry(expiresAt: unknown, startsAt: number | undefined): void {
  assertInstant(expiresAt, "expiresAt");
  if (expiresAt <= Math.max(Date.now(), startsAt ?? 0)) {
    refuse("expiresAt", "must be in the future, and after startsAt", new Date(expiresAt).toISOString());
  }
}

function everyOf(reset: NonNullable<GrantArgs["reset"]>) {
  assertKeys(reset, ["interval", "intervalCount", "anchor"], "reset");
  const { interval, intervalCount: count = 1, anchor } = reset;
  if (!INTERVALS.includes(interval)) {
    refuse("reset.interval", `must be one of ${INTERVALS.join(", ")}`, interval);
  }
  assertCount(count, "reset.intervalCount", 1, 1000);
  if (anchor !== undefined) assertInstant(anchor, "reset.anchor");
  return { interval, count, anchor };
}
