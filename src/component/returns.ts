/** Draws that come back: into the rows that they came from, and off the charges of periods that are over. */
import type { ClosedPeriod } from "../core/advance.js";
import type { Draw } from "../core/draws.js";
import { findGrant, type Grant } from "../core/balances.js";
import type { ChargeCorrection } from "../core/ledgerEvents.js";
import { grantOf } from "../core/plans.js";
import { chargeOf, restore, type Charged, type Restored } from "../core/refunds.js";
import type { Scope } from "../core/order.js";
import type { Item } from "../core/terms.js";
import type { Doc } from "./_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "./_generated/server.js";
import { termsOf } from "./planVersions.js";
import type { Row } from "./rows.js";
import type { WorkingRows } from "./workingRows.js";

/** A charge as it is stored; not yet, where the period closes with this very call. */
type OpenCharge = Charged & { stored?: Doc<"charges"> };

/** Returns `units` of `draws` (made `at` that instant, unless they say), the last first. The rows are saved by the caller. */
export async function returnDraws(
  ctx: MutationCtx,
  customerId: string,
  working: WorkingRows,
  drawn: { draws: readonly Draw[]; at: number; entityIsGone?: boolean },
  units: number,
  scope: Scope,
): Promise<Returned> {
  const open = await openCharges(ctx, customerId, working, drawn);
  const restored = restore(working.rows, drawn.draws, drawn.at, units, scope, open, drawn.entityIsGone);
  working.apply(restored);
  for (const charge of restored.charges) {
    if (charge.stored === undefined) working.correct(charge);
    else await correct(ctx, charge.stored, charge);
  }
  const charged = restored.charges.map(({ grantId, to, overage, amount }) => {
    const was = open.find((charge) => charge.grantId === grantId && charge.to === to);
    const before = { overage: was?.overage ?? 0, amount: was?.amount ?? 0 };
    return { grantId, to, before, after: { overage, amount } };
  });
  return { ...restored, charged };
}

interface Returned extends Restored<Row, OpenCharge> {
  /** What became of charges, as the event of it says. */
  charged: ChargeCorrection[];
}

/** The charges, open still, of the periods that draws were made in. */
async function openCharges(
  ctx: QueryCtx,
  customerId: string,
  working: WorkingRows,
  { draws, at: drawnAt }: { draws: readonly Draw[]; at: number },
): Promise<OpenCharge[]> {
  const open = new Map<string, OpenCharge>();
  for (const past of draws) {
    if (!mayBeCharged(working, past)) continue;
    const at = past.at ?? drawnAt;
    const stored = await findCharge(ctx, customerId, past, at);
    const closed = stored ?? chargeOf(working.closed, past, at);
    if (closed === undefined || (stored !== null && stored.status !== "open")) continue;
    const terms = await termsOfCharge(ctx, customerId, working, closed);
    if (terms === null) continue;
    const { grantId, to, overage, amount } = closed;
    open.set(`${grantId} ${to}`, { grantId, to, overage, amount, terms, ...(stored && { stored }) });
  }
  return [...open.values()];
}

/** A charge of nothing is none. */
async function correct(
  ctx: MutationCtx,
  { _id }: Doc<"charges">,
  { overage, amount }: Charged,
): Promise<void> {
  if (overage === 0) await ctx.db.delete("charges", _id);
  else await ctx.db.patch("charges", _id, { overage, amount });
}

/** Nothing is read for a draw of a period that goes on, or from a grant that charges nothing. */
function mayBeCharged({ rows, stored, now }: WorkingRows, { grantId, until = Infinity }: Draw): boolean {
  const home = findGrant(rows, grantId);
  if (home !== undefined) return home.grant.overage !== undefined && until <= now;
  const ended = findGrant(stored, grantId);
  return ended === undefined || ended.grant.overage !== undefined;
}

async function findCharge(
  ctx: QueryCtx,
  customerId: string,
  { grantId, until }: Draw,
  at: number,
): Promise<Doc<"charges"> | null> {
  return await ctx.db
    .query("charges")
    .withIndex("by_grant", (q) => {
      const later = q.eq("customerId", customerId).eq("grantId", grantId).gt("to", at);
      return until === undefined ? later : later.lte("to", until);
    })
    .first();
}

/** Priced by the grant if it is still there, by the terms that it came with if not; what was included was fixed with the charge. */
async function termsOfCharge(
  ctx: QueryCtx,
  customerId: string,
  working: WorkingRows,
  { grantId, source, featureId, entityId, granted }: ClosedPeriod,
): Promise<Charged["terms"] | null> {
  const grant =
    findGrant([...working.rows, ...working.stored], grantId)?.grant ??
    (await grantOfTerms(ctx, customerId, source, featureId, entityId));
  return grant?.overage === undefined ? null : { ...grant, granted, overage: grant.overage };
}

async function grantOfTerms(
  ctx: QueryCtx,
  customerId: string,
  source: string,
  featureId: string,
  entityId: string | undefined,
): Promise<Grant | undefined> {
  const subscription = await ctx.db
    .query("subscriptions")
    .withIndex("by_customer", (q) => q.eq("customerId", customerId).eq("subscriptionId", source))
    .unique();
  if (subscription === null) return undefined;
  const plan = await termsOf(ctx, subscription);
  // What a plan of one entity's own gives to each entity, it gave to that one.
  const isGiven = (item: Item) =>
    subscription.entityId !== undefined || (item.entityFeatureId !== undefined) === (entityId !== undefined);
  const { anchor, startsAt: now, quantities } = subscription;
  return plan.items
    .filter((item) => item.featureId === featureId && isGiven(item))
    .map((item) => grantOf(plan, item, { source, now, anchor, quantities, nextGrantId: () => "" }))
    .find(({ overage }) => overage !== undefined);
}
