/** What each operation of a case is here: calls of the public client, in a deployment of the case's own. */
import { exact, nearest } from "../../src/core/amounts.js";
import { lastBoundary, nextBoundary, type Interval } from "../../src/core/periods.js";
import { priceOfUsage } from "../../src/core/prices.js";
import { entityFeatureOf } from "./catalogs.js";
import type {
  Attachment,
  Case,
  Controls,
  Loose,
  Operation,
  OperationOf,
  PlainOperation,
  Setup,
} from "./cases.js";
import { CUSTOMER, kindOf, type Deployment } from "./deployment.js";
import { intervene } from "./interventions.js";
import { dateOf, instant } from "./parsing.js";
import { RowNames } from "./rows.js";
import { stateOf } from "./state.js";
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

  constructor(
    private readonly deployment: Deployment,
    private readonly setup: Setup,
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

  /** Performs an operation; answers what it answered, and each operation in it. */
  async perform(operation: PlainOperation): Promise<Answer> {
    try {
      // Each handler takes the operations of its own name.
      const handle = this.handlers[operation.op] as (operation: PlainOperation) => Promise<Answer>;
      return await handle(operation);
    } catch (error) {
      if (error instanceof NoVerb) throw error;
      return { ok: false, error: errorCode(kindOf(error)) };
    }
  }

  private readonly handlers: Handlers = {
    track: (operation) => this.track(operation),
    check: (operation) => this.check(operation),
    read: ({ expect = {} }) => stateOf(this.deployment, this.names, expect),
    lock: () => this.missing("reservations"),
    finalize: () => this.missing("reservations"),
    expire_lock: () => this.missing("reservations"),
    reset: async ({ periods = 1 }) => {
      await this.deployment.mutate((ctx) => ctx.runMutation(intervene.makeResetsDue, { periods }));
      return await stateOf(this.deployment, this.names, {});
    },
    expire_row: async ({ row }) => {
      const stored = await this.deployment.query((ctx) => ctx.runQuery(intervene.rows, {}));
      for (const grantId of this.names.grantsOf(row, stored)) {
        await this.deployment.mutate((ctx) => ctx.runMutation(intervene.expireGrant, { grantId }));
      }
      return done;
    },
    update: () => this.missing("grants.set"),
    set_usage: () => this.missing("grants.set"),
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
    return { ok: true, balance: tracked.balance?.breakdown.length === 0 ? null : tracked.balance };
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

/** All operations of a case that are performed, those within others included, one after the other. */
export function flattened(operations: readonly Operation[]): PlainOperation[] {
  return operations.flatMap((operation) => {
    if (operation.op === "parallel") return flattened(operation.ops);
    if (operation.op === "repeat") return Array(operation.times).fill(flattened([operation.of])).flat();
    return [operation];
  });
}

function recurrence(interval: string | null, count: number, anchor: string) {
  if (interval === null || interval === "one_off") throw new NoVerb("a period has a length");
  return { interval: interval as Interval, count, anchor: instant(anchor) };
}

void exact;
void nearest;
export type { Case };
