/** One run: each step is done to the model and to the deployment, and what comes of it compared. */
import { Clock } from "../oracle/clock.js";
import {
  compareAnswers,
  compareCharges,
  compareEvents,
  compareState,
  differencesOf,
  type Difference,
} from "./comparison.js";
import { Deployment, type FindGrant } from "./deployment.js";
import { Ledger, violations } from "./invariants.js";
import type { Modules, Stored } from "./inspection.js";
import { Matching } from "./matching.js";
import { potAt } from "./model/grants.js";
import { tried, type Outcome } from "./model/model.js";
import { nextBoundary, passTo } from "./model/time.js";
import { copyOf, KnownWrong, newWorld, Unknown, type World } from "./model/world.js";
import { sightsOf } from "./sights.js";
import type { Step } from "./steps.js";
import type { Terms } from "./terms.js";

export interface Options {
  modules: Modules;
  /** Runs beside the run a second one, in which crons run at every boundary: (j). */
  hasTwin?: boolean;
  /** Steps from one audit of the component's own to the next: it reads all events of a customer. */
  auditEvery?: number;
  /** Breaks something on purpose: what the deployment is told instead of the step. */
  fault?: (step: Step) => Step;
}

export type Taken =
  | { kind: "agreed"; seen: string[] }
  /** It was not done: for a reason that is known, or because what it refers to is not there. */
  | { kind: "left out"; reason: string }
  | { kind: "failed"; differences: Difference[] };

const NOTHING: Stored = { balances: [], reservations: [], charges: [], subscriptions: [], events: [] };

export class Session {
  world: World;
  private readonly clock = new Clock();
  private readonly deployment: Deployment;
  private readonly twin: Deployment | null;
  private readonly matching = new Matching();
  private stored = NOTHING;
  private count = 0;
  private readonly ledger = new Ledger();

  constructor(
    terms: Terms,
    start: number,
    private readonly options: Options,
  ) {
    this.clock.now = start;
    this.world = newWorld(terms, start);
    this.deployment = new Deployment(terms, options.modules);
    this.twin = options.hasTwin === true ? new Deployment(terms, options.modules) : null;
  }

  end(): void {
    this.clock.restore();
  }

  async take(step: Step): Promise<Taken> {
    const before = this.world;
    let outcome: Outcome;
    try {
      outcome = tried(this.world, step);
    } catch (error) {
      if (error instanceof KnownWrong) return { kind: "left out", reason: error.message };
      if (error instanceof Unknown) return { kind: "left out", reason: "refers to what is not there" };
      throw error;
    }
    const differences = await this.differences(step, outcome).catch((error: unknown) => [
      { what: "the deployment", expected: "an answer, or a typed refusal", got: String(error) },
    ]);
    if (differences.length > 0) return { kind: "failed", differences };
    return { kind: "agreed", seen: sightsOf(step, before, outcome) };
  }

  private async differences(step: Step, outcome: Outcome): Promise<Difference[]> {
    const before = this.world;
    const after = outcome.kind === "answered" ? outcome.world : before;
    const find: FindGrant = (customer, feature, entity, place) =>
      this.grantAt(before, customer, { feature, entity: entity ?? null }, place);
    if (step.do === "pass") await this.passTwin(before, after.now);
    this.clock.now = after.now;
    const got = await this.deployment.take(this.options.fault?.(step) ?? step, find);
    if (this.twin !== null) await this.twin.take(step, find);
    this.world = after;
    if (step.do === "remove" && got.kind === "answered") {
      this.matching.forget(step.customer);
      this.ledger.forget(step.customer);
    }

    const earlier = this.stored;
    this.stored = await this.deployment.stored(this.ledger.last);
    this.ledger.read(this.stored.events);
    const state = compareState(after, this.stored, this.matching);
    if (state.length > 0) return [...this.answers(step, outcome, got, before), ...state];
    return [
      ...this.answers(step, outcome, got, before),
      ...this.newEvents(before, after),
      ...compareCharges(after, this.stored, this.matching, step.do === "sweep" && step.what === "resets"),
      ...violations({
        step,
        world: after,
        before: earlier,
        stored: this.stored,
        ledger: this.ledger,
        matching: this.matching,
      }),
      ...(await this.auditDifferences(after)),
      ...(await this.twinDifferences()),
    ];
  }

  private answers(
    step: Step,
    outcome: Outcome,
    got: Awaited<ReturnType<Deployment["take"]>>,
    before: World,
  ): Difference[] {
    if (outcome.kind === "refused" || got.kind === "refused") {
      const said = (one: Outcome | typeof got) => (one.kind === "refused" ? one.refusal : "an answer");
      return differencesOf("refusal", said(outcome), said(got));
    }
    const compare = (customer: string, expected: unknown, answer: unknown) =>
      // Of one who has not begun, it is told what he would have: by ids that nobody keeps.
      compareAnswers(expected, answer, customer, before.customers.has(customer) ? this.matching : null);
    if (step.do !== "together") {
      return compare("customer" in step ? step.customer : "", outcome.answer, got.answer);
    }
    return step.steps.flatMap(({ customer }, index) =>
      compare(customer, at(outcome.answer, index), at(got.answer, index)),
    );
  }

  private newEvents(before: World, after: World): Difference[] {
    return [...after.customers.values()].flatMap((customer) => {
      const known = before.customers.get(customer.id)?.uses.length ?? 0;
      const got = this.stored.events.filter(({ customerId }) => customerId === customer.id);
      return compareEvents(customer, customer.uses.slice(known), got, this.matching);
    });
  }

  private grantAt(
    world: World,
    customer: string,
    scope: { feature: string; entity: string | null },
    place: number,
  ): string {
    const pot = potAt(world.customers.get(customer), scope, place);
    return this.matching.idOf(customer, pot.serial) ?? "no such grant";
  }

  /** (i) The component's own replay of its events from the first one on finds nothing. */
  private async auditDifferences(world: World): Promise<Difference[]> {
    if (++this.count % (this.options.auditEvery ?? 10) !== 0) return [];
    const audits = [...world.customers.keys()].map(async (id) =>
      differencesOf(`(i) audit of ${id}`, null, await this.deployment.audited(id)),
    );
    return (await Promise.all(audits)).flat();
  }

  /** In the twin the cron runs at every boundary on the way, and right after. */
  private async passTwin(from: World, until: number): Promise<void> {
    if (this.twin === null) return;
    const world = copyOf(from);
    for (let boundaries = 0; boundaries < MOST_BOUNDARIES; boundaries++) {
      const next = Math.min(...[...world.customers.values()].map((each) => nextBoundary(each, world.now)));
      if (next > until) break;
      passTo(world, next);
      this.clock.now = next;
      await this.twin.sweep("resets");
    }
    this.clock.now = until;
    await this.twin.sweep("resets");
  }

  /** (j) Looking makes no difference. */
  private async twinDifferences(): Promise<Difference[]> {
    if (this.twin === null) return [];
    const other = await this.twin.stored(Infinity);
    const rows = ({ balances }: Stored) =>
      Object.fromEntries(
        balances.map(({ customerId, featureId, entityId, grants, limits, overage }) => [
          JSON.stringify([customerId, featureId, entityId]),
          { grants, limits, overage },
        ]),
      );
    return differencesOf("(j) swept at every boundary, or not", rows(other), rows(this.stored));
  }
}

/** Hourly periods over years are looked at now and then only. */
const MOST_BOUNDARIES = 40;

const at = (list: unknown, index: number): unknown => (Array.isArray(list) ? list[index] : undefined);
