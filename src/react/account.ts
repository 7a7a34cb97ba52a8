/** What is known of whoever is signed in, and what the rules say of it: they are those of the deployment. */
import type { BalanceView, CustomerView, FeatureView } from "../client/api.js";
import { advanceAll } from "../core/advance.js";
import { answer, listed, summarize, type Decision, type Summary } from "../core/answers.js";
import { nextChangeAt, type Balance } from "../core/balances.js";
import { defaultOnInsufficient, draw, type OnInsufficient } from "../core/draws.js";
import { shown, tallyError } from "../core/errors.js";
import type { Clock } from "./clock.js";

/** What a customer has of a feature: its own balance and the credits that pay for it, in the feature's unit. */
export interface FeatureBalance extends Summary {
  featureId: string;
  /** The feature's. */
  name: string;
  entityId?: string;
}

/** What can be waited for at most: beyond, timers fire at once. */
const MAX_WAIT_MS = 2 ** 31 - 1;

export class Account {
  private readonly rows: readonly Balance[];
  private readonly listeners = new Set<() => void>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private at: number;
  private changesAt: number;
  /** The moment that the listeners know of. */
  private told: number;

  constructor(
    readonly customer: CustomerView,
    private readonly balances: readonly BalanceView[],
    private readonly clock: Clock,
  ) {
    this.rows = balances.flatMap(({ state, others }) => [state, ...(others === undefined ? [] : [others])]);
    this.at = Math.max(0, ...this.rows.map(({ advancedAt }) => advancedAt));
    this.changesAt = this.nextChange();
    this.told = this.at;
  }

  /** The instant to decide at: the last boundary that was seen to pass, or that of the data. So it changes only when answers may. */
  readonly moment = (): number => {
    const now = this.clock.now();
    if (now >= this.changesAt) {
      this.at = now;
      this.changesAt = this.nextChange();
    }
    return this.at;
  };

  /** Calls `listener` whenever `moment` changes. */
  readonly subscribe = (listener: () => void): (() => void) => {
    if (this.listeners.size === 0) this.start();
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size === 0) this.stop();
    };
  };

  /** Throws `feature_not_found`. */
  feature(featureId: string): FeatureView {
    const { features } = this.customer;
    const feature = features.find(({ id }) => id === featureId);
    if (feature !== undefined) return feature;
    const known = features.map(({ id }) => shown(id)).join(", ") || "none";
    throw tallyError(
      "feature_not_found",
      `No feature ${shown(featureId)} is in the catalog; it has ${known}.`,
    );
  }

  /** One that the catalog no longer has is called by its id. */
  planName(planId: string): string {
    return this.customer.plans.find(({ id }) => id === planId)?.name ?? planId;
  }

  /** As `api.check` answers it at `at`. */
  decide(featureId: string, units: number, at: number): Decision {
    const { rows, scope } = this.advanced(featureId, at);
    return answer(rows, { ...scope, units });
  }

  balance(featureId: string, at: number): FeatureBalance {
    const { rows, scope } = this.advanced(featureId, at);
    const { entityId } = scope;
    const { name } = this.feature(featureId);
    return { featureId, name, ...(entityId !== undefined && { entityId }), ...summarize(rows, scope) };
  }

  /** The balances as a draw of the deployment's would leave them. */
  drawn(featureId: string, units: number, onInsufficient: OnInsufficient | undefined): BalanceView[] {
    const { given, rows, scope } = this.advanced(featureId, this.clock.now());
    const { consumable } = this.feature(featureId);
    const policy = onInsufficient ?? defaultOnInsufficient(rows, scope, consumable);
    const after = draw(rows, { ...scope, units }, policy).rows;
    return this.balances.map((view) => {
      const row = after[given.indexOf(view.state)];
      return row === undefined ? view : { ...view, ...listed(row, scope.now), state: row };
    });
  }

  /** The rows that can pay for a feature, as of `at`. */
  private advanced(featureId: string, at: number) {
    const { pools } = this.feature(featureId);
    const given = this.rows.filter((row) => pools.some((pool) => pool.featureId === row.featureId));
    const { rows, now } = advanceAll(given, at);
    return { given, rows, scope: { pools, entityId: this.customer.entityId, now } };
  }

  private nextChange(): number {
    const { rows } = advanceAll(this.rows, this.at);
    return Math.min(Infinity, ...rows.map((row) => nextChangeAt(row) ?? Infinity));
  }

  private start(): void {
    // Timers stand still while a computer sleeps.
    globalThis.document?.addEventListener("visibilitychange", this.wake);
    this.arm();
  }

  private stop(): void {
    globalThis.document?.removeEventListener("visibilitychange", this.wake);
    clearTimeout(this.timer);
  }

  private arm(): void {
    clearTimeout(this.timer);
    if (this.changesAt === Infinity) return;
    const wait = this.changesAt - this.clock.now();
    this.timer = setTimeout(this.wake, Math.min(Math.max(wait, 1), MAX_WAIT_MS));
  }

  private readonly wake = (): void => {
    const now = this.moment();
    const isNews = now !== this.told;
    this.told = now;
    if (isNews) for (const listener of this.listeners) listener();
    this.arm();
  };
}

/** Accounts by the answers that they are made of: all hooks of a page share one, its clock and its timer. */
export class Accounts {
  private readonly known = new WeakMap<readonly BalanceView[], Account>();

  constructor(readonly clock: Clock) {}

  of(customer: CustomerView, balances: readonly BalanceView[]): Account {
    const known = this.known.get(balances);
    if (known?.customer === customer) return known;
    const instants = balances.map(({ state }) => state.advancedAt);
    if (known === undefined && instants.length > 0) this.clock.observe(Math.max(...instants));
    const account = new Account(customer, balances, this.clock);
    this.known.set(balances, account);
    return account;
  }
}
