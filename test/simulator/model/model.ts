/**
 * The rules of Tally once more, slowly: written from their description and not from `src/core`, on
 * whole numbers instead of decimals, instant by instant instead of lazily, from a log instead of
 * counters. A step either changes the world and answers, or throws and is to be thrown away with it.
 */
import type { Step, UseStep } from "../steps.js";
import { featureOf, type Terms } from "../terms.js";
import { nano } from "./amounts.js";
import { setControls } from "./controls.js";
import { openCustomer, removeCustomer } from "./customers.js";
import { createEntity, removeEntity } from "./entities.js";
import { grant, revoke, setByHand } from "./grants.js";
import { confirm, extend, refuseDoubt, release, report, reserve, sweepHolds } from "./holds.js";
import { attach, cancel, resume } from "./plans.js";
import { refund } from "./refunds.js";
import { passTo } from "./time.js";
import { checkAll, Exceeded, useAll, type Request } from "./uses.js";
import { copyOf, Refusal, type World } from "./world.js";

/** What a step answers, as far as it is compared: the deployment's answer comes in the same shape. */
export type Answer = unknown;

/** Does one step to `world`, in place. */
export function apply(world: World, step: Step): Answer {
  switch (step.do) {
    case "pass":
      passTo(world, world.now + step.ms);
      return null;
    case "create":
      openCustomer(world, step.customer, null);
      return null;
    case "remove":
      removeCustomer(world, step.customer);
      return null;
    case "entity":
      return createEntity(world, step.customer, step.entity, step.feature);
    case "leave":
      return removeEntity(world, step.customer, { entity: step.entity, key: step.key ?? null });
    case "check":
      return checkAll(
        world,
        step.customer,
        step.asks.map(({ feature, entity = null, required }) => ({ feature, entity, units: nano(required) })),
      );
    case "track":
    case "consume":
      return useAll(
        world,
        step.customer,
        step.uses.map((use) => requestOf(use, step.do === "consume")),
      );
    case "event":
      return useAll(world, step.customer, usesOfEvent(world.terms, step));
    case "send":
      return checkAndSend(world, step);
    case "reserve": {
      const { customer, feature, entity = null, value, ttl, hold } = step;
      return refusedAsAnswer(() =>
        reserve(world, customer, { feature, entity, units: nano(value), ttl, id: hold }),
      );
    }
    case "report":
      report(world, step.customer, step.hold, nano(step.total));
      return null;
    case "extend":
      return extend(world, step.customer, step.hold, nano(step.value), step.ttl ?? null);
    case "confirm":
      return confirm(world, step.customer, step.hold, step.total === undefined ? null : nano(step.total));
    case "release":
      return release(world, step.customer, step.hold);
    case "refund": {
      const { label, key, value, refundKey = null } = step;
      const units = value === undefined ? null : nano(value);
      return refund(world, step.customer, { label, key, units, refundKey });
    }
    case "grant": {
      const { feature, entity = null, amount = null, startsAt = null, expiresAt = null } = step;
      const { priority = null, every = null, anchor = null, key = null } = step;
      const ask = { feature, entity, amount, startsAt, expiresAt, priority, every, anchor, key };
      return grant(world, step.customer, ask);
    }
    case "set": {
      const { customer, feature, entity = null, pot = null, target, key = null } = step;
      return setByHand(world, customer, { feature, entity, pot, target, key });
    }
    case "revoke": {
      const { customer, feature, entity = null, pot, key = null } = step;
      return revoke(world, customer, { feature, entity, pot, key });
    }
    case "attach":
      return attach(world, step.customer, {
        plan: step.plan,
        entity: step.entity ?? null,
        when: step.when ?? null,
        quantities: step.quantities ?? {},
        trial: step.trial ?? null,
        fingerprint: step.fingerprint ?? null,
        carriesUsage: step.carriesUsage === true,
        carriesBalance: step.carriesBalance === true,
        key: step.key ?? null,
      });
    case "cancel": {
      const { customer, plan, entity = null, when, key = null } = step;
      return cancel(world, customer, { plan, entity, when, key });
    }
    case "resume": {
      const { customer, plan, entity = null, key = null } = step;
      return resume(world, customer, { plan, entity, key });
    }
    case "control": {
      const { customer, feature, entity = null, change } = step;
      setControls(world, customer, { feature, entity }, change);
      return null;
    }
    case "sweep":
      if (step.what === "holds") sweepHolds(world);
      return null;
    case "together":
      return applyTogether(world, step);
    case "bad":
      throw new Refusal(step.refusal);
  }
}

const requestOf = (use: UseStep, rejects: boolean): Request => ({
  feature: use.feature,
  entity: use.entity ?? null,
  units: nano(use.value),
  key: use.key ?? null,
  policy: rejects ? "reject" : (use.policy ?? null),
  label: use.label ?? null,
});

/** Each feature that lists the event's name is charged the same: the first under the app's key. */
function usesOfEvent(terms: Terms, step: Extract<Step, { do: "event" }>): Request[] {
  const charged = terms.features.filter(({ events = [] }) => events.includes(step.event));
  return charged.map(({ id }, index) => ({
    feature: featureOf(terms, id).id,
    entity: step.entity ?? null,
    units: nano(step.value),
    key: step.key === undefined ? null : index === 0 ? step.key : `${step.key} event ${id}`,
    policy: step.policy ?? null,
    label: null,
  }));
}

/** A check that deducts: it says no instead of throwing. */
function checkAndSend(world: World, step: Extract<Step, { do: "send" }>): Answer {
  const { customer, feature, entity = null, value, key = null } = step;
  const request = { feature, entity, units: nano(value), key, policy: "reject" as const, label: null };
  return refusedAsAnswer(() => {
    const [use] = useAll(world, customer, [request]);
    if (use?.balance != null) return { allowed: true, reason: null, ...use.balance };
    const [now] = checkAll(world, customer, [{ feature, entity, units: 0n }]);
    return { ...now, allowed: true, reason: null };
  });
}

/** An answer that says no: whatever was begun on the way is not kept. */
class SaysNo extends Error {
  constructor(readonly answer: Answer) {
    super();
  }
}

function refusedAsAnswer(call: () => Answer): Answer {
  try {
    return call();
  } catch (error) {
    if (error instanceof Exceeded) throw new SaysNo(error.decision);
    throw error;
  }
}

export type Outcome =
  | { kind: "answered"; answer: Answer; world: World }
  /** Nothing has changed. */
  | { kind: "refused"; refusal: string };

/** Does one step to a copy of `world`. Throws `KnownWrong` and `Unknown`: the step is not to be taken. */
export function tried(world: World, step: Step): Outcome {
  const draft = copyOf(world);
  try {
    const answer = apply(draft, step);
    refuseDoubt(draft);
    return { kind: "answered", answer, world: draft };
  } catch (error) {
    if (error instanceof SaysNo) return { kind: "answered", answer: error.answer, world };
    if (error instanceof Refusal) return { kind: "refused", refusal: error.kind };
    throw error;
  }
}

/** Each is refused or not by itself; if the app throws at the end, none of it has happened. */
function applyTogether(world: World, { steps, throws }: Extract<Step, { do: "together" }>): Answer {
  const answers = steps.map((step) => {
    const outcome = tried(world, step);
    if (outcome.kind === "refused") return { refused: outcome.refusal };
    Object.assign(world, outcome.world);
    return outcome.answer;
  });
  if (throws) throw new SaysNo(answers);
  return answers;
}
