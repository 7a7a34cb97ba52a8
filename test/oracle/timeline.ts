/** Plays a case of grants over time: each thing at its instant, on the real component. */
import { exact, nearest, total } from "../../src/core/amounts.js";
import type { Clock } from "./clock.js";
import { CUSTOMER, Deployment, kindOf } from "./deployment.js";
import type { GrantOperation, GrantSetup, TimeSetup } from "./grantCases.js";
import { lengthOf, METERED, METERED_PLAN, meteredCatalog, termsOf } from "./grantTerms.js";
import { intervene, sweeps, type Modules } from "./interventions.js";
import { Observations } from "./observations.js";
import { dateOf, FormatError, instant } from "./parsing.js";
import { NoVerb } from "./verbs.js";
import type { Answer } from "./wire.js";

const customerId = CUSTOMER;
const featureId = METERED;
const planId = METERED_PLAN;
/** Of what happens at one instant: what changes grants, then what looks, then what uses. */
type Rank = 0 | 1 | 2;

interface Step {
  at: number;
  rank: Rank;
  run: () => Promise<void>;
}

export interface Playing {
  /** Grants of one instant are created the other way round. */
  reversed: boolean;
  /** The query at which the component writes what time has changed; the others write nothing. */
  written?: string;
}

export class Timeline {
  private readonly deployment: Deployment;
  private readonly steps: Step[] = [];
  private readonly seen: Observations;
  private readonly from: number;
  private readonly points: Record<string, Answer> = {};

  constructor(
    private readonly setup: TimeSetup,
    private readonly ops: readonly GrantOperation[],
    private readonly clock: Clock,
    modules: Modules,
    private readonly playing: Playing,
  ) {
    if (setup.aggregation === "LATEST") throw new NoVerb("latest");
    if (setup.from === undefined) throw new FormatError("setup.from is missing");
    this.from = instant(setup.from);
    this.deployment = new Deployment(meteredCatalog, modules);
    this.seen = new Observations(this.deployment, featureId);
  }

  /** Plays all, in order; answers what was asked on the way. */
  async play(): Promise<Answer> {
    this.plan();
    const steps = this.steps
      .map((step, index) => ({ step, index }))
      .sort((a, b) => a.step.at - b.step.at || a.step.rank - b.step.rank || a.index - b.index)
      .map(({ step }) => step);
    this.clock.now = Math.min(this.from, ...steps.map(({ at }) => at));
    await this.mutate((ctx) => this.tally.subscriptions.attach(ctx, { customerId, planId }));
    let refused = false;
    let before = "";
    try {
      for (const step of steps) {
        await this.pass(step.at);
        before = await this.fingerprint();
        await step.run();
      }
    } catch (error) {
      if (error instanceof NoVerb) throw error;
      kindOf(error);
      refused = true;
    }
    return {
      ...this.points,
      segmentCount: this.seen.segments.length,
      segments: this.seen.segments,
      windows: this.seen.windows,
      error: refused,
      sideEffects: before !== (await this.fingerprint()),
    };
  }

  private plan(): void {
    const { grants, start } = this.setup;
    for (const grant of this.playing.reversed ? [...grants].reverse() : grants) this.planGrant(grant);
    if (start !== undefined) this.planStart(start);
    this.step(this.from, 1, () => this.seen.beginSegment());
    for (const operation of this.ops) this.planOperation(operation);
  }

  private planGrant(grant: GrantSetup): void {
    const effectiveAt = instant(grant.effectiveAt);
    const ended = grant.voidedAt ?? grant.deletedAt;
    const endedAt = ended === undefined ? undefined : instant(ended);
    const createdAt =
      grant.createdAt === undefined
        ? Math.min(effectiveAt, this.from, endedAt ?? Infinity)
        : instant(grant.createdAt);
    this.step(createdAt, 0, async () => {
      const { grantId } = await this.mutate((ctx) =>
        this.tally.grants.grant(ctx, { customerId, featureId, ...termsOf(grant, createdAt) }),
      );
      this.seen.grantIds.set(grant.id, grantId);
    });
    if (endedAt !== undefined) {
      this.step(endedAt, 0, async () => {
        const grantId = this.grantId(grant.id);
        await this.mutate((ctx) => this.tally.grants.revoke(ctx, { customerId, featureId, grantId }));
        if (endedAt > this.from && endedAt < this.end) await this.seen.beginSegment();
      });
    }
  }

  /** What had happened before: the use is made, and the grants are set to what was left of them. */
  private planStart(start: NonNullable<TimeSetup["start"]>): void {
    const { balances = {}, usage, grantUsage, overage } = start;
    for (const amount of [usage, grantUsage]) {
      if (amount === undefined || (typeof amount === "number" && amount === 0)) continue;
      if (typeof amount !== "number") this.step(this.from, 0, () => this.use(Number(amount ?? NaN)));
    }
    if (overage !== undefined) this.step(this.from - 1, 2, () => this.use(overage));
    const live = this.setup.grants.filter((grant) => instant(grant.effectiveAt) <= this.from);
    const burnt = total(live.map((grant) => exact(grant.amount).minus(balances[grant.id] ?? grant.amount)));
    if (typeof usage === "number" && usage > 0) {
      this.planEarlierUse(nearest(exact(usage).minus(burnt)), start.since);
      if (burnt.gt(0)) this.step(this.from, 0, () => this.use(nearest(burnt)));
    }
    for (const [id, remaining] of Object.entries(balances)) {
      const grant = this.setup.grants.find((each) => each.id === id);
      // One that is still to begin is full then.
      if (grant !== undefined && (!live.includes(grant) || grant.amount === remaining)) continue;
      this.step(this.from, 0, async () => {
        const grantId = this.grantId(id);
        await this.mutate((ctx) => this.tally.grants.set(ctx, { customerId, featureId, grantId, remaining }));
      });
    }
  }

  /** What no grant of the case has paid was paid by one that is over when it begins. */
  private planEarlierUse(amount: number, since = ""): void {
    if (amount === 0) return;
    const at = instant(since);
    const grant = { customerId, featureId, amount, expiresAt: this.from };
    this.step(at, 0, async () => {
      await this.mutate((ctx) => this.tally.grants.grant(ctx, grant));
    });
    this.step(at, 2, () => this.use(amount));
  }

  /** A grant that was never made has an id that the component does not know. */
  private grantId(id: string): string {
    return this.seen.grantIds.get(id) ?? id;
  }

  private planOperation(operation: GrantOperation): void {
    switch (operation.op) {
      case "use": {
        const at = instant(operation.at);
        // What was used before is not measured.
        if (at >= this.from) this.step(at, 2, () => this.use(operation.value));
        return;
      }
      case "query":
        this.step(instant(operation.at), 1, async () => {
          if (this.playing.written === operation.label) await this.sweep();
          const { since = dateOf(this.from), overage = 0 } = this.setup.start ?? {};
          this.points[operation.label] = await this.seen.point(since, overage);
        });
        return;
      case "history":
        this.planWindows(instant(operation.from), instant(operation.to), lengthOf(operation.window));
        return;
      case "reset":
        throw new NoVerb("resetOnDemand");
      default:
        throw new FormatError(`${operation.op} is no operation of this kind`);
    }
  }

  private planWindows(from: number, to: number, length: number): void {
    for (let at = from; at < to; at += length) {
      this.step(at, 1, () => this.seen.beginWindow());
    }
  }

  private step(at: number, rank: Rank, run: () => Promise<void>): void {
    this.steps.push({ at, rank, run });
  }

  /** Lets time pass until `instant`, with a stop wherever the component says that time changes the balance. */
  private async pass(until: number): Promise<void> {
    for (;;) {
      const next = await this.query((ctx) => ctx.runQuery(intervene.nextChange, {}));
      if (next === null || next > until) break;
      this.clock.advanceTo(next);
      if (next > this.from && next < this.end) await this.seen.beginSegment();
    }
    this.clock.advanceTo(until);
  }

  private get end(): number {
    return Math.max(
      ...this.ops.map((operation) =>
        operation.op === "history" ? instant(operation.to) : "at" in operation ? instant(operation.at) : 0,
      ),
    );
  }

  private async use(value: number): Promise<void> {
    await this.mutate((ctx) => this.tally.track(ctx, { customerId, featureId, value }));
    await this.seen.count(value);
  }

  private async sweep(): Promise<void> {
    await this.mutate((ctx) => ctx.runMutation(sweeps.resets, {}));
  }

  private async fingerprint(): Promise<string> {
    return JSON.stringify(await this.query((ctx) => ctx.runQuery(intervene.rows, {})));
  }

  private get tally() {
    return this.deployment.tally;
  }

  private mutate: Deployment["mutate"] = (verb) => this.deployment.mutate(verb);
  private query: Deployment["query"] = (verb) => this.deployment.query(verb);
}
