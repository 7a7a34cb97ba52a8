/** What each operation of a case is here: calls of the public client, answered as the wire would. */
import { cycleEnd, cycleStart, price } from "./calculations.js";
import type { OperationOf, PlainOperation } from "./cases.js";
import { CUSTOMER, kindOf } from "./deployment.js";
import { intervene, sweeps } from "./interventions.js";
import { FormatError } from "./parsing.js";
import type { Subject } from "./subject.js";
import { exact, nearest } from "../../src/core/amounts.js";
import { tokenCatalog } from "./catalogs.js";
import { amountsOf, checkAnswer, errorCode, ownerOf, type Answer } from "./wire.js";

type Performers = {
  [Name in PlainOperation["op"]]: (
    subject: Subject,
    operation: OperationOf<Name>,
  ) => Promise<Answer> | Answer;
};

const performers: Performers = {
  track,
  check,
  read: (subject, { expect = {} }) => subject.state(expect),
  lock: ({ locks }, operation) => locks.lock(operation),
  finalize: ({ locks }, operation) => locks.finalize(operation),
  expire_lock: ({ locks }, operation) => locks.expire(operation),
  reset,
  expire_row: expireRow,
  update,
  set_usage: setUsage,
  grant: (subject, operation) => subject.grant(operation),
  attach: (subject, operation) => subject.attach(operation),
  controls: (subject, { set, entity }) => subject.control(set, entity),
  settle: () => done,
  cycle_end: (_subject, operation) => cycleEnd(operation),
  cycle_start: (_subject, operation) => cycleStart(operation),
  price: (_subject, operation) => price(operation),
  token_cost: (subject, operation) => tokenCost(subject, operation),
};

const done = { ok: true };

/** Performs an operation. A refusal is an answer; what is no refusal is thrown on. */
export async function perform(subject: Subject, operation: PlainOperation): Promise<Answer> {
  // Each takes the operations of its own name.
  const performer = performers[operation.op] as (
    subject: Subject,
    operation: PlainOperation,
  ) => Promise<Answer> | Answer;
  try {
    return await performer(subject, operation);
  } catch (error) {
    return { ok: false, error: errorCode(kindOf(error), operation.op) };
  }
}

async function track({ deployment }: Subject, operation: OperationOf<"track">): Promise<Answer> {
  const { feature: featureId, event: eventName, value, entity, overage, key, header_key } = operation;
  const idempotencyKey = key ?? header_key;
  const use = {
    ...ownerOf(entity),
    ...(value !== undefined && { value }),
    ...(overage !== undefined && { onInsufficient: overage }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
    ...(operation.properties && { properties: operation.properties }),
  };
  if ((featureId === undefined) === (eventName === undefined)) {
    throw new FormatError("a track names a feature or an event");
  }
  const tracked = await deployment.mutate(async (ctx) =>
    featureId === undefined
      ? await deployment.tally.track(ctx, { ...use, eventName: eventName ?? "" })
      : [await deployment.tally.track(ctx, { ...use, featureId })],
  );
  // A repeat is answered from the first call; the wire answers it with this error.
  if (tracked.some(({ replayed }) => replayed)) {
    return { ok: false, error: errorCode("idempotency_conflict") };
  }
  const balances = tracked.flatMap(({ featureId: id, balance }) => {
    const hasBalance = deployment.catalog.feature(id).type !== "boolean" && balance?.breakdown.length !== 0;
    return hasBalance ? [balance] : [];
  });
  return { ok: true, balance: balances.length === 0 ? null : balances };
}

async function check({ deployment }: Subject, operation: OperationOf<"check">): Promise<Answer> {
  const { feature: featureId, required = 1, entity, send_event: sendEvent } = operation;
  const look = (id: string, requiredBalance: number) =>
    deployment.query((ctx) =>
      deployment.tally.check(ctx, { ...ownerOf(entity), featureId: id, requiredBalance }),
    );
  const answer = await checkAnswer(
    deployment.catalog,
    await look(featureId, required),
    { featureId, required },
    async (id, cost) => (await look(id, cost)).allowed,
  );
  if (answer.flag === false && operation.expect?.flag === null) answer.flag = null;
  if (sendEvent !== true) return answer;
  const sent = await deployment.mutate((ctx) =>
    deployment.tally.check(ctx, {
      ...ownerOf(entity),
      featureId,
      requiredBalance: required,
      sendEvent: true,
    }),
  );
  return { ...answer, allowed: sent.allowed };
}

async function reset({ deployment }: Subject, { periods = 1 }: OperationOf<"reset">): Promise<Answer> {
  // What was due before is written, so that it is not moved again.
  await deployment.mutate((ctx) => ctx.runMutation(sweeps.resets, {}));
  await deployment.mutate((ctx) => ctx.runMutation(intervene.makeResetsDue, { periods }));
  return done;
}

async function expireRow(subject: Subject, { row }: OperationOf<"expire_row">): Promise<Answer> {
  for (const grantId of await subject.grantsOf(row)) {
    await subject.deployment.mutate((ctx) => ctx.runMutation(intervene.expireGrant, { grantId }));
  }
  return done;
}

async function setUsage(
  { deployment }: Subject,
  { feature: featureId, value: usage, entity }: OperationOf<"set_usage">,
): Promise<Answer> {
  await deployment.mutate((ctx) =>
    deployment.tally.grants.set(ctx, { ...ownerOf(entity), featureId, usage }),
  );
  return done;
}

async function update(subject: Subject, operation: OperationOf<"update">): Promise<Answer> {
  const { feature: featureId, entity, filter, usage } = operation;
  const granted = operation.granted ?? operation.included ?? operation.included_grant;
  const add = operation.add ?? operation.add_to_balance;
  const grantId = filter && (await filteredGrant(subject, operation, filter));
  const { deployment } = subject;
  const place = { ...ownerOf(entity), featureId, ...(grantId !== undefined && { grantId }) };
  await deployment.mutate(async (ctx) => {
    if (granted !== undefined) await deployment.tally.grants.set(ctx, { ...place, granted });
    if (usage !== undefined) await deployment.tally.grants.set(ctx, { ...place, usage });
    const net = async () => {
      const { breakdown } = await deployment.tally.check(ctx, { ...ownerOf(entity), featureId });
      const mine = breakdown.filter(
        (part) =>
          part.featureId === featureId &&
          (entity === undefined || part.entityId === entity) &&
          (grantId === undefined || part.grantId === grantId),
      );
      return amountsOf(mine);
    };
    const target = add === undefined ? operation.remaining : nearest(exact((await net()).net).plus(add));
    if (target === undefined) return;
    // What is owed is set as what is used.
    const below = async () => ({ usage: nearest(exact((await net()).granted).minus(target)) });
    await deployment.tally.grants.set(ctx, {
      ...place,
      ...(target < 0 ? await below() : { remaining: target }),
    });
  });
  return done;
}

/** What tokens cost is what a use of them takes from credits that hold each kind at its own cost. */
async function tokenCost({ deployment }: Subject, operation: OperationOf<"token_cost">): Promise<Answer> {
  const tally = deployment.withCatalog(tokenCatalog(operation));
  const uses = [
    { featureId: "input_tokens", value: operation.input },
    { featureId: "output_tokens", value: operation.output },
  ];
  const credits = await deployment.mutate(async (ctx) => {
    await tally.subscriptions.attach(ctx, { customerId: CUSTOMER, planId: "tokens" });
    const tracked = await tally.for(ctx, { customerId: CUSTOMER }).track(uses);
    if (tracked.some(({ uncovered }) => uncovered > 0)) throw new FormatError("so many tokens cost too much");
    const balance = await tally.check(ctx, { customerId: CUSTOMER, featureId: "credits" });
    return balance.usage;
  });
  return { credits };
}

/** The one grant that a filter names. */
async function filteredGrant(
  subject: Subject,
  { feature, entity }: OperationOf<"update">,
  { interval, row }: NonNullable<OperationOf<"update">["filter"]>,
): Promise<string> {
  const ofRow = row === undefined ? undefined : await subject.grantsOf(row);
  const grants = (await subject.stored())
    .filter(({ featureId, entityId }) => featureId === feature && entityId === entity)
    .flatMap((stored) => stored.grants)
    .filter(({ id, rolledFrom }) => rolledFrom === undefined && (ofRow?.has(id) ?? true))
    .filter(({ reset }) => interval === undefined || reset?.interval === recurring(interval));
  const [grant] = grants;
  if (grant === undefined || grants.length > 1) throw new Error(`the filter names ${grants.length} grants`);
  return grant.id;
}

const recurring = (interval: string | null) =>
  interval === null || interval === "one_off" ? undefined : interval;
