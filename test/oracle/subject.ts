/** The customer of a case: what he is given at the start, and what he has. */
import type { ControlArgs } from "../../src/client/index.js";
import { entityFeatureOf, quantitiesOf } from "./catalogs.js";
import type { ExpectedState, OperationOf } from "./cases.js";
import type { Attachment, Controls, Loose, Setup } from "./setups.js";
import { CUSTOMER as customerId, type Deployment } from "./deployment.js";
import { intervene } from "./interventions.js";
import { Locks } from "./locks.js";
import { RowNames } from "./rows.js";
import { stateOf } from "./state.js";
import { instant } from "./parsing.js";
import { NoVerb } from "./verbs.js";
import { ownerOf, type Answer } from "./wire.js";

const done = { ok: true };

export class Subject {
  readonly names: RowNames;
  readonly locks: Locks;

  constructor(
    readonly deployment: Deployment,
    private readonly setup: Setup,
  ) {
    this.names = new RowNames(setup);
    this.locks = new Locks(deployment);
  }

  /** Gives him what the setup says, its grants in the given order or the other way round. */
  async begin(reversed: boolean): Promise<void> {
    const { attach = [], entities = [], loose = [], controls, org } = this.setup;
    if (org?.reverse_deduction_order === true) throw new NoVerb("order");
    const { deployment } = this;
    await deployment.mutate((ctx) => deployment.tally.customers.create(ctx, { customerId }));
    const featureId = entityFeatureOf(this.setup);
    for (const entityId of entities) {
      await deployment.mutate((ctx) =>
        deployment.tally.entities.create(ctx, { customerId, entityId, featureId }),
      );
    }
    const grants = [
      ...attach.map((attachment) => () => this.attach(attachment)),
      ...loose.map((grant) => () => this.grant(grant)),
    ];
    for (const give of reversed ? grants.reverse() : grants) await give();
    if (controls) await this.control(controls, undefined);
  }

  /** A plan comes in place of what he has of its group. */
  async attach(operation: Attachment | OperationOf<"attach">): Promise<Answer> {
    const { plan: planId, entity, quantities } = operation;
    const { carry_usages = undefined, carry_balances = undefined } = "op" in operation ? operation : {};
    const { deployment, setup } = this;
    await deployment.mutate((ctx) =>
      deployment.tally.subscriptions.attach(ctx, {
        ...ownerOf(entity),
        planId,
        ...(quantities && { quantities: quantitiesOf(setup, planId, quantities) }),
        ...(carry_usages !== undefined && { carryOverUsages: carry_usages }),
        ...(carry_balances !== undefined && { carryOverBalances: carry_balances }),
      }),
    );
    return done;
  }

  async grant(loose: Loose): Promise<Answer> {
    const { row, feature: featureId, included, interval, entity, expires_at: expiresAt } = loose;
    const { deployment } = this;
    const isHad = deployment.catalog.feature(featureId).type === "boolean";
    const amount = loose.unlimited === true ? { unlimited: true } : { amount: included ?? NaN };
    const recurs = interval !== null && interval !== "one_off";
    const { grantId } = await deployment.mutate((ctx) =>
      deployment.tally.grants.grant(ctx, {
        ...ownerOf(entity),
        featureId,
        ...(isHad ? {} : amount),
        ...(recurs && { reset: { interval, intervalCount: loose.interval_count } }),
        ...(expiresAt !== undefined && { expiresAt: instant(expiresAt) }),
      }),
    );
    if (row !== undefined) this.names.add(row, grantId);
    return done;
  }

  /** Sets what is given, of the customer or of one of his entities. */
  async control(controls: Controls, entityId: string | undefined): Promise<Answer> {
    const { deployment } = this;
    for (const [featureId, change] of changesOf(controls)) {
      await deployment.mutate((ctx) =>
        deployment.tally.controls.set(ctx, { ...ownerOf(entityId), featureId, ...change }),
      );
    }
    return done;
  }

  /** What he has, as far as `expected` asks for it. */
  async state(expected: ExpectedState): Promise<Answer> {
    return await stateOf(this.deployment, this.names, this.locks.held, expected);
  }

  /** The grants that are a row now. */
  async grantsOf(row: string): Promise<Set<string>> {
    return this.names.grantsOf(row, await this.stored());
  }

  async stored() {
    return await this.deployment.query((ctx) => ctx.runQuery(intervene.rows, {}));
  }
}

type Change = Omit<ControlArgs, "customerId" | "featureId" | "entityId">;

/** What changes of each feature. */
function changesOf(controls: Controls): Map<string, Change> {
  if (controls.usage_alerts !== undefined) throw new NoVerb("alert");
  if (controls.usage_limits?.some(({ filter }) => filter !== undefined)) throw new NoVerb("filter");
  if (controls.auto_topups !== undefined) throw new NoVerb("topUp");
  const changes = new Map<string, Change>();
  const change = (featureId: string, changed: Change) =>
    changes.set(featureId, { ...changes.get(featureId), ...changed });
  for (const { feature, enabled } of controls.overage_allowed ?? []) {
    change(feature, { overageAllowed: enabled });
  }
  for (const { feature, enabled, overage_limit: limit, limit_type } of controls.spend_limits ?? []) {
    const spendLimit = limit_type === "usage_percentage" ? { percent: limit } : limit;
    change(feature, { spendLimit: enabled ? spendLimit : "none" });
  }
  for (const { feature, limit: max, interval, anchor, enabled = true } of controls.usage_limits ?? []) {
    const others = changes.get(feature)?.usageLimits ?? [];
    const limit = { max, interval, ...(anchor !== undefined && { anchor }) };
    change(feature, { usageLimits: enabled ? [...others, limit] : others });
  }
  return changes;
}
