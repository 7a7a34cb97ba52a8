/** What a metered action counts while it runs, and how that is settled. */
import { assertAmount, PLACES, refuse } from "../core/arguments.js";
import { usageExceeded } from "../core/errors.js";
import type { MutationContext } from "./contexts.js";
import type { Identity } from "./identity.js";
import type { Reservation, Reservations, ReserveArgs } from "./reservations.js";

/** Counts the use of a metered action. With several features metered, name the one that is meant. */
export interface ActionMeter {
  /** `units` more are used. */
  add: (units: number, featureId?: string) => void;
  /** `total` units are used so far; kept, so that they are charged even if the action dies here. */
  report: (total: number, featureId?: string) => Promise<void>;
}

interface Counted {
  featureId: string;
  reservation: Reservation;
  /** Undefined until the action counts: then all that is held is charged if it succeeds. */
  total: number | undefined;
}

/**
 * Holds what an action may use, lets it count, and settles: at what it counted; at what is held if
 * it succeeds without counting; at nothing if it fails before it has counted.
 */
export async function runMetered<Result>(
  ctx: MutationContext,
  reservations: Reservations,
  identity: Identity | null,
  uses: readonly ReserveArgs[],
  run: (meter: ActionMeter) => Promise<Result>,
): Promise<Result> {
  const named = uses.map(({ featureId }) => featureId);
  if (new Set(named).size < named.length) refuse("meter", "must name each feature once", named.join(", "));
  const counted: Counted[] = [];
  try {
    const holds = uses.length === 0 ? [] : await reservations.hold(ctx, identity, uses);
    for (const [index, reservation] of holds.entries()) {
      if (reservation.refusal !== null) throw usageExceeded(reservation.refusal);
      counted.push({ featureId: named[index] ?? "", reservation, total: undefined });
    }
    const result = await run(meterOf(counted));
    for (const { reservation, total } of counted) {
      await (total === undefined ? reservation.confirm() : reservation.confirm(total));
    }
    return result;
  } catch (error) {
    for (const { reservation, total } of counted)
      await reservation.confirm(total ?? 0).catch(() => undefined);
    throw error;
  }
}

function meterOf(counted: readonly Counted[]): ActionMeter {
  const find = (featureId: string | undefined): Counted | undefined => {
    // What is not metered may be counted: the handler need not know.
    if (counted.length === 0) return undefined;
    const [first] = counted;
    const named =
      featureId === undefined && counted.length === 1
        ? first
        : counted.find((each) => each.featureId === featureId);
    return (
      named ??
      refuse("featureId", `must be one of ${counted.map((each) => each.featureId).join(", ")}`, featureId)
    );
  };
  return {
    add: (units, featureId) => {
      assertAmount(units, "units");
      const meter = find(featureId);
      // Rounded where amounts end, so that many small parts do not gather the errors of binary fractions.
      if (meter !== undefined) meter.total = Number(((meter.total ?? 0) + units).toFixed(PLACES));
    },
    report: async (total, featureId) => {
      assertAmount(total, "total");
      const meter = find(featureId);
      if (meter === undefined) return;
      meter.total = total;
      await meter.reservation.report(total);
    },
  };
}
