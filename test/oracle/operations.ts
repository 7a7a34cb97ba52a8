/** What each operation of a case is here: calls of the public client, in a deployment of the case's own. */
import { lastBoundary, nextBoundary, type Interval } from "../../src/core/periods.js";
import { priceOfUsage } from "../../src/core/prices.js";
import { entityFeatureOf } from "./catalogs.js";
import type {
  Attachment,
  Controls,
  ExpectedState,
  Loose,
  OperationOf,
  PlainOperation,
  Setup,
} from "./cases.js";
import type { Clock } from "./clock.js";
import { CUSTOMER, kindOf, type Deployment } from "./deployment.js";
import { intervene, sweeps } from "./interventions.js";
import { dateOf, instant } from "./parsing.js";
import { RowNames } from "./rows.js";
import { stateOf, type Held } from "./state.js";
import { NoVerb } from "./verbs.js";
import { checkAnswer, errorCode, type Answer } from "./wire.js";

type Handlers = {
  [Name in PlainOperation["op"]]: (operation: OperationOf<Name>) => Promise<Answer>;
};

const customerId = CUSTOMER;
const done = { ok: true };
const owner = (entityId: string | undefined) => ({
  customerId,
  ...(entityId !== undefined && { entityId }),
});

/** One customer, on whom the operations of one case are performed. */
export class Subject {
  readonly names: RowNames;
  /** What was held by each lock, and since when: the wire logs a lock and its settlement apart. */
  private readonly held = new Map<string, Held>();

  constructor(
    private readonly deployment: Deployment,
    private readonly setup: Setup,
    private readonly clock: Clock,
  ) {
    this.names = new RowNames(setup);
  }

  /** Gives the customer what he has at the start, its grants in the given order or the other way round. */
  async begin(reversed: boolean): Promise<void> {
    const { attach = [], entities = [], loose = [], controls, org } = this.setup;
    await this.deployment.mutate((ctx) => this.tally.customers.create(ctx, { customerId }));
    for (const entityId of entities) {
      const featureId = entityFeatureOf(this.setup);
      await this.deployment.mutate((ctx) =>
        this.tally.entities.create(ctx, { customerId, entityId, featureId }),
      );
    }
    const grants = [
      ...attach.map((attachment) => () => this.attach(attachment)),
      ...loose.map((grant) => () => this.grant(grant)),
    ];
    for (const give of reversed ? grants.reverse() : grants) await give();
    if (controls) await this.control(controls, undefined);
    if (org?.persist_free_overage) throw new NoVerb("overage of an unpriced plan is not kept as a debt");
  }

  /** Performs an operation, and answers as the wire would. */
  async perform(operation: PlainOperation): Promise<Answer> {
    // One after the other: no two are at the same instant.
    this.clock.advanceTo(this.clock.now + 1);
    try {
      // Each handler takes the operations of its own name.
      const handle = this.handlers[operation.op] as (operation: PlainOperation) => Promise<Answer>;
      return await handle(operation);
    } catch (error) {
      if (error instanceof NoVerb) throw error;
      return { ok: false, error: errorCode(kindOf(error), operation.op) };
    }
  }

  /** What the customer has, as far as `expected` asks for it. */
  async state(expected: ExpectedState): Promise<Answer> {
    return await stateOf(this.deployment, this.names, this.held, expected);
  }

  private readonly handlers: Handlers = {
    track: (operation) => this.track(operation),
    check: (operation) => this.check(operation),
    read: ({ expect = {} }) => this.state(expect),
    lock: (operation) => this.lock(operation),
    finalize: (operation) => this.finalize(operation),
    expire_lock: async ({ id: reservationId }) => {
      await this.deployment.mutate((ctx) => ctx.runMutation(intervene.expireReservation, { reservationId }));
      await this.deployment.mutate((ctx) => ctx.runMutation(sweeps.reservations, {}));
      return done;
    },
    reset: async ({ periods = 1 }) => {
      // What was due before is written, so that it is not moved again.
      await this.deployment.mutate((ctx) => ctx.runMutation(sweeps.resets, {}));
      await this.deployment.mutate((ctx) => ctx.runMutation(intervene.makeResetsDue, { periods }));
      return await this.state({});
    },
    expire_row: async ({ row }) => {
      const stored = await this.deployment.query((ctx) => ctx.runQuery(intervene.rows, {}));
      for (const grantId of this.names.grantsOf(row, stored)) {
        await this.deployment.mutate((ctx) => ctx.runMutation(intervene.expireGrant, { grantId }));
      }
      return done;
    },
    update: (operation) => this.update(operation),
    set_usage: async ({ feature: featureId, value: usage, entity }) => {
      await this.deployment.mutate((ctx) =>
        this.tally.grants.set(ctx, { ...owner(entity), featureId, usage }),
      );
      return done;
    },
    grant: (grant) => this.grant(grant),
    attach: (operation) => this.change(operation),
    controls: ({ set, entity }) => this.control(set, entity),
    settle: () => Promise.resolve(done),
    cycle_end: ({ anchor, now, interval, count = 1 }) =>
      Promise.resolve({ at: dateOf(nextBoundary(recurrence(interval, count, anchor), instant(now))) }),
    cycle_start: ({ anchor, now, interval, count = 1 }) =>
      Promise.resolve({ at: dateOf(lastBoundary(recurrence(interval, count, anchor), instant(now))) }),
    price: ({ tiers, behavior, units, usage, included }) =>
      Promise.resolve({
        amount: priceOfUsage(
          {
            tiers: tiers.map(({ to, amount, flat_amount }) => ({
              to,
              amount,
              ...(flat_amount !== undefined && { flatAmount: flat_amount }),
            })),
            tierBehavior: behavior,
            billingUnits: units,
          },
          usage,
          included,
        ),
      }),
    token_cost: () => Promise.reject(new NoVerb("no price list of models")),
  };

  private get tally() {
    return this.deployment.tally;
  }

  private async missing(verb: string): Promise<never> {
    throw new NoVerb(`${verb} is not there yet`);
  }

  private async track(operation: OperationOf<"track">): Promise<Answer> {
    const { feature: featureId, event, value, entity, overage, key, header_key } = operation;
    if (event !== undefined || featureId === undefined) return await this.missing("track by event name");
    const idempotencyKey = key ?? header_key;
    const tracked = await this.deployment.mutate((ctx) =>
      this.tally.track(ctx, {
        ...owner(entity),
        featureId,
        ...(value !== undefined && { value }),
        ...(overage !== undefined && { onInsufficient: overage }),
        ...(idempotencyKey !== undefined && { idempotencyKey }),
      }),
    );
    // A repeat is answered from the first call; the wire answers it with this error.
    if (tracked.replayed) return { ok: false, error: errorCode("idempotency_conflict") };
    const { type } = this.deployment.catalog.feature(featureId);
    return { ok: true, balance: type === "boolean" ? null : tracked.balance };
  }

  private async check(operation: OperationOf<"check">): Promise<Answer> {
    const { feature: featureId, required = 1, entity, send_event: sendEvent } = operation;
    const look = (id: string, requiredBalance: number) =>
      this.deployment.query((ctx) =>
        this.tally.check(ctx, { ...owner(entity), featureId: id, requiredBalance }),
      );
    const answer = await checkAnswer(
      this.deployment.catalog,
      await look(featureId, required),
      { featureId, required },
      async (id, cost) => (await look(id, cost)).allowed,
    );
    if (sendEvent !== true) return answer;
    const sent = await this.deployment.mutate((ctx) =>
      this.tally.check(ctx, { ...owner(entity), featureId, requiredBalance: required, sendEvent: true }),
    );
    return { ...answer, allowed: sent.allowed };
  }

  private async lock({ id, feature: featureId, value = 1, entity }: OperationOf<"lock">): Promise<Answer> {
    if (value < 0) throw new NoVerb("nothing is held for what may be given back");
    const allowed = await this.deployment.mutate(async (ctx) => {
      const args = { ...owner(entity), featureId, value, reservationId: id };
      return (await this.tally.reservations.reserve(ctx, args)).allowed;
    });
    const { page } = await this.deployment.query((ctx) => this.tally.reservations.list(ctx, { customerId }));
    const held = page.find(({ reservationId }) => reservationId === id);
    if (held !== undefined) this.held.set(id, { value: held.value, at: held.createdAt });
    return { ok: true, allowed };
  }

  private async finalize({ id, action, value }: OperationOf<"finalize">): Promise<Answer> {
    if (value !== undefined && value < 0) throw new NoVerb("a hold is settled at what was used, not below 0");
    const settling = { customerId, reservationId: id };
    const { replayed } = await this.deployment.mutate((ctx) =>
      action === "release"
        ? this.tally.reservations.release(ctx, settling)
        : this.tally.reservations.confirm(ctx, { ...settling, ...(value !== undefined && { value }) }),
    );
    // A repeat is answered from the first call; the wire no longer knows the lock.
    return replayed ? { ok: false, error: errorCode("reservation_closed") } : done;
  }

  private async update(operation: OperationOf<"update">): Promise<Answer> {
    const { feature: featureId, entity, filter, remaining, usage, granted, add } = operation;
    if (add !== undefined) throw new NoVerb("a balance is set, or granted to");
    const grantId = filter && (await this.filtered(featureId, entity, filter));
    await this.deployment.mutate((ctx) =>
      this.tally.grants.set(ctx, {
        ...owner(entity),
        featureId,
        ...(grantId !== undefined && { grantId }),
        ...(remaining !== undefined && { remaining }),
        ...(usage !== undefined && { usage }),
        ...(granted !== undefined && { granted }),
      }),
    );
    return done;
  }

  /** The one grant that a filter names. */
  private async filtered(
    featureId: string,
    entity: string | undefined,
    { interval, row }: NonNullable<OperationOf<"update">["filter"]>,
  ): Promise<string> {
    const stored = await this.deployment.query((ctx) => ctx.runQuery(intervene.rows, {}));
    const ofRow = row === undefined ? undefined : this.names.grantsOf(row, stored);
    const grants = stored
      .filter((each) => each.featureId === featureId && each.entityId === entity)
      .flatMap((each) => each.grants)
      .filter(({ id }) => ofRow?.has(id) ?? true)
      .filter(
        ({ reset, rolledFrom }) =>
          rolledFrom === undefined &&
          (interval === undefined || (reset?.interval ?? "one_off") === (interval ?? "one_off")),
      );
    const [grant] = grants;
    if (grant === undefined || grants.length > 1) throw new Error(`the filter names ${grants.length} grants`);
    return grant.id;
  }

  private async grant({ row, feature: featureId, included, interval, entity }: Loose): Promise<Answer> {
    const { grantId } = await this.deployment.mutate((ctx) =>
      this.tally.grants.grant(ctx, {
        ...owner(entity),
        featureId,
        amount: included,
        ...(interval !== null && interval !== "one_off" && { reset: { interval } }),
      }),
    );
    if (row !== undefined) this.names.add(row, grantId);
    return done;
  }

  private async attach({ plan: planId, entity, quantities }: Attachment): Promise<Answer> {
    if (quantities !== undefined) return await this.missing("quantities");
    await this.deployment.mutate((ctx) => this.tally.subscriptions.attach(ctx, { ...owner(entity), planId }));
    return done;
  }

  private async change(operation: OperationOf<"attach">): Promise<Answer> {
    const { carry_usages, carry_balances } = operation;
    if (carry_usages || carry_balances) return await this.missing("carrying over");
    return await this.attach(operation);
  }

  private async control(_controls: Controls, _entityId: string | undefined): Promise<Answer> {
    return await this.missing("controls");
  }
}

function recurrence(interval: string | null, count: number, anchor: string) {
  if (interval === null || interval === "one_off") throw new NoVerb("a period has a length");
  return { interval: interval as Interval, count, anchor: instant(anchor) };
}
