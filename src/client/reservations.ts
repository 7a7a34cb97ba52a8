/** Holding an amount while the work goes on, and settling it at what the work took. */
import type { FunctionReturnType } from "convex/server";
import type { ComponentApi } from "../component/_generated/component.js";
import {
  asObject,
  assertAmount,
  assertCount,
  assertId,
  assertKeys,
  assertProperties,
  type Properties,
  refuse,
} from "../core/arguments.js";
import type { Catalog, CatalogIds } from "../core/catalog.js";
import { assert, tallyError } from "../core/errors.js";
import { checkAnswer, type CheckAnswer } from "../core/checkAnswers.js";
import type { Watcher } from "./callbacks.js";
import type { MutationContext, QueryContext } from "./contexts.js";
import { signedIn, type Identity } from "./identity.js";
import { assertCustomerPage, type PageArgs } from "./pages.js";
import { requestOf, type Known } from "./requests.js";
import { defaultPlans } from "./versions.js";

export interface ReserveArgs<FeatureId extends string = string> {
  featureId: FeatureId;
  /** Units to hold: the most that the work may take. */
  value: number;
  entityId?: string;
  /** How long it holds unless it is settled: 15 minutes unless told, 24 hours at most. */
  ttlMs?: number;
  /** 1 to 255 characters, unique for the customer; made for you unless told. A repeat finds the same hold. */
  reservationId?: string;
  properties?: Properties;
}

/** What a settled reservation charged. */
export type Settled = Omit<Settlement, "crossings">;
type Settlement = FunctionReturnType<ComponentApi["reservations"]["confirm"]>;

/** A hold, by which it is settled; its id is enough to settle it in another function. */
export interface Reservation {
  /** Null if it was refused. */
  reservationId: string | null;
  /** Whether the amount is held. */
  allowed: boolean;
  /** The same hold was made before, and is still open. */
  replayed: boolean;
  /** Why it is not: the check's answer. */
  refusal: CheckAnswer | null;
  /** Milliseconds since 1970, as last extended; null if it was refused. */
  expiresAt: number | null;
  /** Notes that `total` units are used so far: what is charged if nobody settles. */
  report: (total: number) => Promise<void>;
  /**
   * Holds `value` units more, or until `ttlMs` from now. Answers whether it holds all of that: if the
   * balance cannot pay, nothing is changed; if its day ends sooner, it holds until then (`expiresAt`).
   */
  extend: (more: More) => Promise<boolean>;
  /** Charges `total` units (those held, unless told) and gives the rest back. */
  confirm: (...total: [total?: number]) => Promise<Settled>;
  /** Charges what was reported, and gives the rest back. */
  release: () => Promise<Settled>;
}

const MINUTE_MS = 60_000;
/** Longer than nearly all work takes, and short enough that a lost hold is soon free. */
const DEFAULT_TTL_MS = 15 * MINUTE_MS;
const MAX_TTL_MS = 24 * 60 * MINUTE_MS;
const RESERVE_OPTIONS = ["featureId", "value", "entityId", "ttlMs", "reservationId", "properties"];

interface Settling {
  customerId: string;
  reservationId: string;
}

/**
 * What a use took: less gives the rest back to the very grants that paid, more is charged as far as the
 * balance goes and answered as `uncovered`. A repeat is answered from the first time.
 */
interface ConfirmArgs extends Settling {
  /** Those held, unless told. */
  value?: number;
}

/**
 * What is to be held more, until a day from the hold's start at most. The answer says whether all of that
 * is held: if the balance cannot pay, nothing is changed; if the day ends sooner, it holds until then.
 */
interface More {
  value?: number;
  ttlMs?: number;
}

type Held = Extract<
  FunctionReturnType<ComponentApi["reservations"]["reserve"]>,
  { kind: "held" }
>["holds"][number];

/** Customers' reservations, by id: for the function that settles what another one has begun. */
export class Reservations<Ids extends CatalogIds = CatalogIds> {
  constructor(
    private readonly component: ComponentApi,
    private readonly catalog: Catalog,
    private readonly watcher?: Watcher,
  ) {}

  /** Holds an amount for a customer. Throws `feature_not_found`, `entity_not_found`, `invalid_amount`, `idempotency_conflict`. */
  async reserve<Id extends string>(
    ctx: MutationContext,
    args: { customerId: string } & ReserveArgs<Id> & Known<Id, Ids["metered"]>,
  ): Promise<Reservation> {
    const { customerId, ...rest } = asObject(args as { customerId: string } & ReserveArgs, "reserve");
    assertId(customerId, "customerId");
    const [held] = await this.hold(ctx, { customerId }, [rest]);
    assert(held !== undefined, "one hold has one answer");
    return held;
  }

  /** One crossing for all: if one of them is refused, none is held, and all answer why. */
  async hold(
    ctx: MutationContext,
    identity: Identity | null,
    args: readonly ReserveArgs[],
  ): Promise<Reservation[]> {
    const holds = args.map((one) => this.holdOf(one, identity?.entityId));
    const { customerId, name, email } = signedIn(identity);
    const { reserve } = this.component.reservations;
    const call = { customerId, holds, ...this.watching() };
    let result = await ctx.runMutation(reserve, call);
    if (result.kind === "unknown_customer") {
      const provision = { plans: await defaultPlans(this.catalog), name, email };
      result = await ctx.runMutation(reserve, { ...call, provision });
    }
    assert(result.kind !== "unknown_customer", "a customer who is provisioned is known");
    if (result.kind === "refused") {
      const refusal = checkAnswer(result.decision, customerId);
      return holds.map(() => refused(refusal));
    }
    await this.watcher?.tell(ctx, customerId, result.crossings);
    return result.holds.map((held) => this.handle(ctx, customerId, held));
  }

  private holdOf(args: ReserveArgs, ownEntity: string | undefined) {
    assertKeys(args, RESERVE_OPTIONS, "reserve");
    const { ttlMs = DEFAULT_TTL_MS, reservationId, properties, ...use } = args;
    if (!("value" in use)) refuse("value", "must say how much to hold", undefined);
    const { pools, entityId, units } = requestOf(this.catalog, use, ownEntity, { verb: "consume" });
    assertCount(ttlMs, "ttlMs", 1, MAX_TTL_MS);
    if (reservationId !== undefined) assertId(reservationId, "reservationId");
    if (properties !== undefined) assertProperties(properties);
    return { pools, entityId, units, ttlMs, reservationId, properties };
  }

  /** Notes that `total` units are used so far. Throws `reservation_not_found`, `reservation_closed`. */
  async report(ctx: MutationContext, args: Settling & { total: number }): Promise<void> {
    assertSettling(args, ["total"], "reservations.report");
    assertAmount(args.total, "total");
    await ctx.runMutation(this.component.reservations.report, args);
  }

  /** Holds more. Throws `reservation_not_found`, `reservation_closed`. */
  async extend(ctx: MutationContext, args: Settling & More): Promise<boolean> {
    return (await this.extended(ctx, args)).isWhole;
  }

  private async extended(ctx: MutationContext, args: Settling & More) {
    assertSettling(args, ["value", "ttlMs"], "reservations.extend");
    const { value = 0, ttlMs, ...settling } = args;
    if ("value" in args) assertAmount(args.value, "value");
    if (ttlMs !== undefined) assertCount(ttlMs, "ttlMs", 1, MAX_TTL_MS);
    const result = await ctx.runMutation(this.component.reservations.extend, {
      ...settling,
      units: value,
      ttlMs,
      ...this.watching(),
    });
    if (result.kind === "refused") return { isWhole: false };
    await this.watcher?.tell(ctx, args.customerId, result.crossings);
    return { isWhole: !result.isShortened, expiresAt: result.expiresAt };
  }

  /** Charges what was used. Throws `reservation_not_found`, `reservation_closed`. */
  async confirm(ctx: MutationContext, args: ConfirmArgs): Promise<Settled> {
    assertSettling(args, ["value"], "reservations.confirm");
    const { value: total, ...settling } = args;
    if ("value" in args && total === undefined) {
      throw tallyError(
        "invalid_amount",
        "value is undefined: pass a number, or leave value out to charge what is held. Nothing was changed.",
      );
    }
    if (total !== undefined) assertAmount(total, "value");
    const { confirm } = this.component.reservations;
    const settlement = await ctx.runMutation(confirm, { ...settling, total, ...this.watching() });
    return await this.settled(ctx, args.customerId, settlement);
  }

  /** Charges what was reported, and gives the rest back. */
  async release(ctx: MutationContext, args: Settling): Promise<Settled> {
    assertSettling(args, [], "reservations.release");
    const { release } = this.component.reservations;
    const settlement = await ctx.runMutation(release, { ...args, ...this.watching() });
    return await this.settled(ctx, args.customerId, settlement);
  }

  /** A customer's open reservations, by id. */
  async list(ctx: QueryContext, args: { customerId: string } & PageArgs) {
    assertCustomerPage(args, [], "reservations.list");
    return await ctx.runQuery(this.component.reservations.list, args);
  }

  private watching() {
    return this.watcher && { watch: this.watcher.watch };
  }

  private async settled(
    ctx: MutationContext,
    customerId: string,
    { crossings, ...settled }: Settlement,
  ): Promise<Settled> {
    await this.watcher?.tell(ctx, customerId, crossings);
    return settled;
  }

  private handle(ctx: MutationContext, customerId: string, { reservationId, expiresAt, replayed }: Held) {
    const settling = { customerId, reservationId };
    const reservation: Reservation = {
      reservationId,
      allowed: true,
      replayed,
      refusal: null,
      expiresAt,
      report: async (total) => await this.report(ctx, { ...settling, total }),
      extend: async (more) => {
        const extended = await this.extended(ctx, { ...more, ...settling });
        if (extended.expiresAt !== undefined) reservation.expiresAt = extended.expiresAt;
        return extended.isWhole;
      },
      confirm: async (...total) =>
        await this.confirm(ctx, { ...settling, ...(total.length > 0 && { value: total[0] }) }),
      release: async () => await this.release(ctx, settling),
    };
    return reservation;
  }
}

function refused(refusal: CheckAnswer): Reservation {
  const nothingHeld = async (): Promise<never> => {
    throw tallyError(
      "reservation_not_found",
      "Nothing is held: the reservation was refused. Look at `allowed` first.",
    );
  };
  return {
    reservationId: null,
    allowed: false,
    replayed: false,
    refusal,
    expiresAt: null,
    report: nothingHeld,
    extend: nothingHeld,
    confirm: nothingHeld,
    release: nothingHeld,
  };
}

function assertSettling(args: Settling, own: readonly string[], verb: string): void {
  assertKeys(args, ["customerId", "reservationId", ...own], verb);
  assertId(args.customerId, "customerId");
  assertId(args.reservationId, "reservationId");
}
