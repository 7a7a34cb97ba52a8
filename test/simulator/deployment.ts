/** The real thing: the component on convex-test behind the public client, driven step by step. */
import { convexTest } from "convex-test";
import {
  componentsGeneric,
  defineSchema,
  type GenericDataModel,
  type GenericMutationCtx,
} from "convex/server";
import type { ComponentApi } from "../../src/component/_generated/component.js";
import { isTallyError, Tally } from "../../src/client/index.js";
import { badCalls } from "./badCalls.js";
import { inspect, lastSeen, registerInspected, sweeps, type Modules, type Stored } from "./inspection.js";
import type { Step, UseStep } from "./steps.js";
import { catalogOf, type Terms } from "./terms.js";

type Context = GenericMutationCtx<GenericDataModel>;

const { tally: component } = componentsGeneric() as unknown as { tally: ComponentApi };

/** The app has no function of its own: convex-test finds its root by this path. */
const app: Modules = { "./convex/_generated/api.ts": () => Promise.resolve({}) };

export type Outcome = { kind: "answered"; answer: unknown } | { kind: "refused"; refusal: string };

/** Which grant a step means that counts them. */
export type FindGrant = (
  customer: string,
  feature: string,
  entity: string | undefined,
  place: number,
) => string;

class Rollback extends Error {
  constructor(readonly answers: unknown[]) {
    super("the app throws");
  }
}

export class Deployment {
  private readonly tally: Tally;
  private readonly t;
  /** The events of uses that a refund can name. */
  private readonly events = new Map<string, string>();

  constructor(terms: Terms, modules: Modules) {
    this.t = convexTest({ schema: defineSchema({}), modules: app });
    registerInspected(this.t, modules);
    this.tally = new Tally(component, {
      catalog: catalogOf(terms),
      identify: () => Promise.resolve(null),
    });
  }

  async stored(after: number): Promise<Stored> {
    await this.t.query((ctx) => ctx.runQuery(inspect, { after }));
    return lastSeen();
  }

  /** What the component's own audit of a customer finds: null if nothing. */
  async audited(customerId: string): Promise<unknown> {
    const audit = await this.t.query((ctx) => this.tally.audit(ctx, { customerId }));
    return audit.ok ? null : audit;
  }

  /** Runs a cron. */
  async sweep(what: keyof typeof sweeps): Promise<void> {
    await this.t.mutation((ctx) => ctx.runMutation(sweeps[what], {}));
  }

  async take(step: Step, findGrant: FindGrant): Promise<Outcome> {
    try {
      return { kind: "answered", answer: await this.perform(step, findGrant) };
    } catch (error) {
      if (isTallyError(error)) return { kind: "refused", refusal: error.data.kind };
      if (error instanceof Error && error.message.includes("the app throws"))
        return { kind: "answered", answer: this.rolledBack };
      throw error;
    }
  }

  private rolledBack: unknown[] = [];

  private async perform(step: Step, findGrant: FindGrant): Promise<unknown> {
    if (step.do === "pass") return null;
    if (step.do === "sweep") {
      for (let time = 0; time < step.times; time++) await this.sweep(step.what);
      return null;
    }
    return await this.t.mutation((ctx) => this.call(ctx, step, findGrant));
  }

  private async call(ctx: Context, step: Step, findGrant: FindGrant): Promise<unknown> {
    const { tally } = this;
    switch (step.do) {
      case "pass":
      case "sweep":
        throw new Error("no call of an app's");
      case "create":
        await tally.customers.create(ctx, { customerId: step.customer });
        return null;
      case "remove":
        await tally.customers.remove(ctx, { customerId: step.customer });
        return null;
      case "entity": {
        const { customer: customerId, entity: entityId, feature: featureId } = step;
        const { created, seat } = await tally.entities.create(ctx, { customerId, entityId, featureId });
        return { created, seat: seat && trackedOf(seat) };
      }
      case "leave": {
        const { customer: customerId, entity: entityId, key } = step;
        const left = await tally.entities.remove(ctx, { customerId, entityId, ...useOptions({ key }) });
        return { replayed: left.replayed };
      }
      case "check": {
        const asks = step.asks.map(({ feature, entity, required }) => ({
          featureId: feature,
          requiredBalance: required,
          ...(entity !== undefined && { entityId: entity }),
        }));
        const answers = await tally.for(ctx, { customerId: step.customer }).check(asks);
        return answers.map(decisionOf);
      }
      case "track":
      case "consume":
        return await this.use(ctx, step);
      case "event": {
        const { customer: customerId, event: eventName, value, entity, key, policy } = step;
        const answers = await tally.track(ctx, {
          customerId,
          eventName,
          value,
          ...useOptions({ entity, key, policy }),
        });
        return answers.map(trackedOf);
      }
      case "send": {
        const { customer: customerId, feature: featureId, value, entity, key } = step;
        const answer = await tally.check(ctx, {
          customerId,
          featureId,
          requiredBalance: value,
          sendEvent: true,
          ...useOptions({ entity, key }),
        });
        return decisionOf(answer);
      }
      case "reserve": {
        const { customer: customerId, feature: featureId, value, ttl: ttlMs, hold, entity } = step;
        const { allowed, expiresAt, replayed, refusal } = await tally.reservations.reserve(ctx, {
          customerId,
          featureId,
          value,
          ttlMs,
          reservationId: hold,
          ...useOptions({ entity }),
        });
        return allowed ? { expiresAt: Math.floor(expiresAt ?? 0), replayed } : decisionOf(refusal);
      }
      case "report":
        await tally.reservations.report(ctx, { ...holdOf(step), total: step.total });
        return null;
      case "extend":
        return await tally.reservations.extend(ctx, {
          ...holdOf(step),
          value: step.value,
          ...(step.ttl !== undefined && { ttlMs: step.ttl }),
        });
      case "confirm": {
        const value = step.total === undefined ? {} : { value: step.total };
        return settledOf(await tally.reservations.confirm(ctx, { ...holdOf(step), ...value }));
      }
      case "release":
        return settledOf(await tally.reservations.release(ctx, holdOf(step)));
      case "refund": {
        const { customer: customerId, label, key, value, refundKey } = step;
        const eventId = label === undefined ? undefined : this.events.get(`${customerId} ${label}`);
        const refunded = await tally.refund(ctx, {
          customerId,
          ...(label === undefined ? { idempotencyKey: key } : { eventId }),
          ...(value !== undefined && { value }),
          ...(refundKey !== undefined && { refundKey }),
        });
        return trackedOf(refunded);
      }
      case "grant": {
        const {
          customer: customerId,
          feature: featureId,
          amount,
          every,
          anchor,
          startsAt,
          expiresAt,
          priority,
        } = step;
        const isEndless = amount === undefined && tally.catalog.feature(featureId).type !== "boolean";
        const granted = await tally.grants.grant(ctx, {
          customerId,
          featureId,
          ...(amount !== undefined && { amount }),
          ...(isEndless && { unlimited: true }),
          ...(every && {
            reset: {
              interval: every.interval,
              intervalCount: every.count,
              ...(anchor !== undefined && { anchor }),
            },
          }),
          ...(startsAt !== undefined && { startsAt }),
          ...(expiresAt !== undefined && { expiresAt }),
          ...(priority !== undefined && { priority }),
          ...useOptions(step),
        });
        return changedOf(granted);
      }
      case "set": {
        const { customer: customerId, feature: featureId, entity, pot, target } = step;
        const grantId = pot === undefined ? undefined : findGrant(customerId, featureId, entity, pot);
        return changedOf(
          await tally.grants.set(ctx, {
            customerId,
            featureId,
            ...target,
            ...(grantId !== undefined && { grantId }),
            ...useOptions(step),
          }),
        );
      }
      case "revoke": {
        const { customer: customerId, feature: featureId, entity, pot } = step;
        const grantId = findGrant(customerId, featureId, entity, pot);
        return changedOf(
          await tally.grants.revoke(ctx, { customerId, featureId, grantId, ...useOptions(step) }),
        );
      }
      case "attach": {
        const { customer: customerId, plan: planId, when, quantities, trial, fingerprint } = step;
        const attached = await tally.subscriptions.attach(ctx, {
          customerId,
          planId,
          ...(when !== undefined && { when }),
          ...(quantities !== undefined && { quantities }),
          ...(trial !== undefined && { trial }),
          ...(fingerprint !== undefined && { fingerprint }),
          ...(step.carriesUsage && { carryOverUsages: true }),
          ...(step.carriesBalance && { carryOverBalances: true }),
          ...useOptions(step),
        });
        return { replayed: attached.replayed, answer: attached.startsAt };
      }
      case "cancel": {
        const { customer: customerId, plan: planId, when } = step;
        const canceled = await tally.subscriptions.cancel(ctx, {
          customerId,
          planId,
          when,
          ...useOptions(step),
        });
        return { replayed: canceled.replayed, answer: canceled.endsAt };
      }
      case "resume": {
        const { customer: customerId, plan: planId } = step;
        const { resumed, replayed } = await tally.subscriptions.resume(ctx, {
          customerId,
          planId,
          ...useOptions(step),
        });
        return { replayed, answer: resumed };
      }
      case "control": {
        const { customer: customerId, feature: featureId, change } = step;
        return await tally.controls.set(ctx, {
          customerId,
          featureId,
          ...(change.limits !== undefined && { usageLimits: change.limits }),
          ...(change.spend !== undefined && { spendLimit: change.spend }),
          ...(change.allowed !== undefined && { overageAllowed: change.allowed }),
          ...useOptions(step),
        });
      }
      case "together": {
        const answers: unknown[] = [];
        for (const each of step.steps) answers.push(await this.caught(ctx, each, findGrant));
        this.rolledBack = answers;
        if (step.throws) throw new Rollback(answers);
        return answers;
      }
      case "bad": {
        const bad = badCalls.find(({ name }) => name === step.call);
        return await bad?.call(tally, ctx, step.customer);
      }
    }
  }

  /** An app that goes on when it is refused. */
  private async caught(ctx: Context, step: Step, findGrant: FindGrant): Promise<unknown> {
    try {
      return await this.call(ctx, step, findGrant);
    } catch (error) {
      if (isTallyError(error)) return { refused: error.data.kind };
      throw error;
    }
  }

  private async use(ctx: Context, step: Extract<Step, { do: "track" | "consume" }>): Promise<unknown> {
    const { customer, uses } = step;
    const requests = uses.map((use) => ({ featureId: use.feature, value: use.value, ...useOptions(use) }));
    const [only] = requests;
    const trusted = this.tally.for(ctx, { customerId: customer });
    const isOne = requests.length === 1 && only !== undefined;
    // One by itself may be negative: an array goes by the verbs of an app's own functions.
    const answers =
      step.do === "consume"
        ? await trusted.consume(requests)
        : isOne
          ? [await this.tally.track(ctx, { customerId: customer, ...only })]
          : await trusted.track(requests);
    for (const [index, { label }] of uses.entries()) {
      const answer = answers[index];
      if (label !== undefined && answer !== undefined && !answer.replayed)
        this.events.set(`${customer} ${label}`, answer.eventId);
    }
    return answers.map(trackedOf);
  }
}

const useOptions = ({ entity, key, policy }: Partial<Pick<UseStep, "entity" | "key" | "policy">>) => ({
  ...(entity !== undefined && { entityId: entity }),
  ...(key !== undefined && { idempotencyKey: key }),
  ...(policy !== undefined && { onInsufficient: policy }),
});

const holdOf = ({ customer, hold }: { customer: string; hold: string }) => ({
  customerId: customer,
  reservationId: hold,
});

type Balance = NonNullable<Tracked["balance"]>;

function balanceOf(balance: Balance) {
  const { granted, usage, remaining, unlimited, overageAllowed, nextResetAt } = balance;
  return {
    granted,
    usage,
    remaining,
    balance: balance.balance,
    unlimited,
    overageAllowed,
    nextResetAt,
    breakdown: balance.breakdown.map((part) => ({
      pot: part.grantId,
      granted: part.granted,
      usage: part.usage,
      remaining: part.remaining,
      overage: part.overage,
    })),
  };
}

function decisionOf(answer: (Balance & { allowed: boolean; reason: string | null }) | null) {
  if (answer === null) return null;
  return { allowed: answer.allowed, reason: answer.reason, ...balanceOf(answer) };
}

type Tracked = Awaited<ReturnType<Tally["refund"]>>;

function trackedOf({ value, applied, uncovered, remaining, unlimited, replayed, balance }: Tracked) {
  return {
    value,
    applied,
    uncovered,
    remaining,
    unlimited,
    replayed,
    balance: balance && balanceOf(balance),
  };
}

const settledOf = (settled: Tracked & { late: boolean; lapsed: number }) => ({
  ...trackedOf(settled),
  late: settled.late,
  lapsed: settled.lapsed,
});

const changedOf = ({ replayed, balance }: { replayed: boolean; balance: Balance | null }) => ({
  replayed,
  balance: balance && balanceOf(balance),
});
