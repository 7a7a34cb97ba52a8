/** The features and plans of an app, normalized and checked once, when its module loads. */
import type { Cost } from "./amounts.js";
import type { Config, FeaturesOf, ItemDefinition, PlansOf } from "./definitions.js";
import { shown, tallyError, type TallyError } from "./errors.js";
import type { Pool } from "./order.js";
import type { Plan } from "./terms.js";
import { catalogProblems } from "./problems.js";
import { definitionsIn, featureOf, planOf } from "./vocabulary.js";

export interface Feature {
  id: string;
  name: string;
  type: "boolean" | "metered" | "credit_system";
  /** Used up, as against held (seats, storage). */
  consumable: boolean;
  eventNames: string[];
  /** Of a credit system: what each metered feature costs in it. */
  creditSchema: ({ featureId: string } & Cost)[];
  archived: boolean;
}

/** Only carries types: what the ids of a catalog are. */
export interface CatalogIds {
  /** Every feature. */
  feature: string;
  /** The features that can be used by amounts. */
  metered: string;
  plan: string;
}

interface IdsOf<C> extends CatalogIds {
  feature: FeaturesOf<C>["id"];
  metered: Exclude<FeaturesOf<C>, { type: "boolean" }>["id"];
  plan: PlansOf<C>["id"];
}

export class Catalog<Ids extends CatalogIds = CatalogIds> {
  /** Never set. */
  declare readonly ids: Ids;
  private readonly poolsByFeature = new Map<string, Pool[]>();

  constructor(
    readonly features: ReadonlyMap<string, Feature>,
    readonly plans: ReadonlyMap<string, Plan>,
  ) {
    const perEntity = new Set<string>();
    for (const plan of plans.values()) {
      for (const item of plan.items) if (item.entityFeatureId !== undefined) perEntity.add(item.featureId);
    }
    const pool = (featureId: string, cost?: Cost): Pool => ({
      featureId,
      ...(cost !== undefined && { cost }),
      ...(perEntity.has(featureId) && { perEntity: true }),
    });
    for (const id of features.keys()) this.poolsByFeature.set(id, [pool(id)]);
    for (const system of features.values()) {
      for (const { featureId, creditAmount, featureAmount } of system.creditSchema) {
        this.poolsByFeature.get(featureId)?.push(pool(system.id, { creditAmount, featureAmount }));
      }
    }
  }

  /** Throws `feature_not_found`. */
  feature(featureId: string): Feature {
    const feature = this.features.get(featureId);
    if (feature !== undefined) return feature;
    throw tallyError(
      "feature_not_found",
      `No feature ${shown(featureId)} is in the catalog; it has ${listed(this.features)}.`,
    );
  }

  /** Throws `plan_not_found`. */
  plan(planId: string): Plan {
    const plan = this.plans.get(planId);
    if (plan !== undefined) return plan;
    throw tallyError(
      "plan_not_found",
      `No plan ${shown(planId)} is in the catalog; it has ${listed(this.plans)}.`,
    );
  }

  /** The features that an event of that name charges. Throws `feature_not_found`. */
  featuresOfEvent(eventName: string): string[] {
    const charged = [...this.features.values()].filter(({ eventNames }) => eventNames.includes(eventName));
    if (charged.length > 0) return charged.map(({ id }) => id);
    throw tallyError(
      "feature_not_found",
      `No feature of the catalog is charged by events named ${shown(eventName)}.`,
    );
  }

  /** What can pay for a feature: itself at 1, then each credit system that holds it at its cost. */
  pools(featureId: string): Pool[] {
    return this.poolsByFeature.get(this.feature(featureId).id) ?? [];
  }

  /** The default plan that a customer has who has no other of `group`. */
  defaultOf(group: string): Plan | undefined {
    return this.defaultPlans().find((plan) => !plan.addOn && plan.group === group);
  }

  /**
   * A plan with other items, for one customer. Throws `invalid_argument` with every problem listed:
   * what the catalog refuses of a plan, and an item per entity of a feature that the catalog grants to none.
   */
  customized(plan: Plan, items: readonly ItemDefinition[]): Plan {
    const problems: string[] = [];
    const changed = { ...plan, items: planOf({ id: plan.id, items }, this.features, problems).items };
    problems.push(...catalogProblems([...this.features.values()], [changed]));
    for (const { featureId, entityFeatureId } of changed.items) {
      const [own] = this.poolsByFeature.get(featureId) ?? [];
      if (entityFeatureId !== undefined && own?.perEntity !== true) {
        problems.push(
          `item ${shown(featureId)}: no plan of the catalog grants it to each entity, so that calls without one would not look there`,
        );
      }
    }
    if (problems.length > 0) throw catalogError(problems);
    return changed;
  }

  /** The plans that every customer starts with. */
  defaultPlans(): Plan[] {
    return [...this.plans.values()].filter((plan) => plan.autoEnable && !plan.archived);
  }

  /** The default plans with only what they say of `features`. */
  defaultsFor(features: readonly string[]): Plan[] {
    const concerns = ({ featureId }: { featureId: string }) => features.includes(featureId);
    return this.defaultPlans().flatMap((plan) => {
      const items = plan.items.filter(concerns);
      const controls = plan.controls?.filter(concerns);
      if (items.length === 0) return [];
      return [{ ...plan, items, ...(controls && { controls }) }];
    });
  }
}

/**
 * The catalog of a config: `{ features, plans }`, or a module of named exports in the manner of
 * `autumn.config.ts`. Throws `invalid_argument` with every problem of the config listed.
 */
export function defineCatalog<const C extends Config>(config: C): Catalog<IdsOf<C>> {
  const problems: string[] = [];
  const definitions = definitionsIn(config, problems);
  const features = definitions.features.map(featureOf);
  const byId = new Map(features.map((feature) => [feature.id, feature]));
  const plans = definitions.plans.map((definition) => planOf(definition, byId, problems));
  problems.push(...catalogProblems(features, plans));
  if (problems.length > 0) {
    throw catalogError(problems);
  }
  return new Catalog<IdsOf<C>>(byId, new Map(plans.map((plan) => [plan.id, plan])));
}

function catalogError(problems: string[]): TallyError<"invalid_argument"> {
  const count = `${problems.length} problem${problems.length === 1 ? "" : "s"}`;
  const list = problems.map((problem) => `  - ${problem}`).join("\n");
  return tallyError("invalid_argument", `The catalog has ${count}:\n${list}`, { problems });
}

function listed(known: ReadonlyMap<string, unknown>): string {
  const ids = [...known.keys()];
  const first = ids.slice(0, 10).map((id) => `"${id}"`);
  return ids.length === 0 ? "none" : first.join(", ") + (ids.length > 10 ? " and others" : "");
}
