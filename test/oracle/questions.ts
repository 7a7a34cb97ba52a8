/** The cases about grants that ask no balance: in which order they burn, when they are there, who has access. */
import { lastBoundary, nextBoundary } from "../../src/core/periods.js";
import { defineCatalog, feature, item, plan } from "../../src/client/index.js";
import type { Clock } from "./clock.js";
import { CUSTOMER, Deployment, kindOf } from "./deployment.js";
import type { GrantCase, GrantOperation, GrantSetup, Span } from "./grantCases.js";
import { METERED as featureId, meteredCatalog, recurrenceOf } from "./grantTerms.js";
import type { Modules } from "./interventions.js";
import { dateOf, FormatError, instant } from "./parsing.js";
import { Timeline, type Playing } from "./timeline.js";
import { NoVerb } from "./verbs.js";
import type { Answer } from "./wire.js";

const customerId = CUSTOMER;

type CaseOf<Kind extends GrantCase["kind"]> = Extract<GrantCase, { kind: Kind }>;

/** What is answered to the question of a case. */
export async function answerTo(
  asked: GrantCase,
  clock: Clock,
  modules: Modules,
  reversed: boolean,
): Promise<Answer> {
  const playing = { reversed };
  switch (asked.kind) {
    case "burn":
    case "error":
    case "history":
      return await timelineAnswer(asked, clock, modules, playing);
    case "order":
      return { ids: await burnOrder(asked, clock, modules, reversed) };
    case "grantWindow":
      return await windowAnswer(asked, clock, modules);
    case "period":
      return periodAnswer(asked);
    case "access":
      return await accessAnswer(asked, modules);
    case "threshold":
      throw new NoVerb("alert");
    default:
      return asked satisfies never;
  }
}

async function timelineAnswer(
  { setup, ops, expect }: CaseOf<"burn" | "error" | "history">,
  clock: Clock,
  modules: Modules,
  playing: Playing,
): Promise<Answer> {
  const play = (how: Playing) => new Timeline(setup, ops, clock, modules, how).play();
  const answer = await play(playing);
  const { equal } = expect;
  if (!Array.isArray(equal)) return answer;
  const ways: string[] = [];
  for (const way of equal as string[]) {
    const [, label, written] = /^(\S+) (?:via (\S+)|direct)$/.exec(way) ?? [];
    if (label === undefined) throw new FormatError(`${JSON.stringify(way)} is no way to a point`);
    const result = await play({ ...playing, ...(written !== undefined && { written }) });
    ways.push(JSON.stringify(result[label]));
  }
  // Both ways are named again where they led to the same.
  return { ...answer, equal: new Set(ways).size === 1 ? equal : ways };
}

/** The order in which grants burn is that of a check's breakdown: of those that are there together. */
async function burnOrder(
  { setup, ops }: CaseOf<"order">,
  clock: Clock,
  modules: Modules,
  reversed: boolean,
): Promise<string[]> {
  only("order", ops);
  const starts = setup.grants.map(({ effectiveAt }) => instant(effectiveAt));
  const ends = setup.grants.flatMap(({ expiresAt }) => (expiresAt == null ? [] : [instant(expiresAt)]));
  const together = Math.max(...starts);
  if (together >= Math.min(...ends, Infinity)) throw new NoVerb("orderAlone");
  const deployment = new Deployment(meteredCatalog, modules);
  const names = new Map<string, string>();
  const created = (grant: GrantSetup) => instant(grant.createdAt ?? grant.effectiveAt);
  const grants = (reversed ? [...setup.grants].reverse() : [...setup.grants]).sort(
    (a, b) => created(a) - created(b),
  );
  clock.now = Math.min(...grants.map(created));
  for (const grant of grants) {
    clock.advanceTo(created(grant));
    names.set(await give(deployment, grant, grant.amount, grant.priority), grant.id);
  }
  clock.advanceTo(together);
  const { breakdown } = await deployment.query((ctx) =>
    deployment.tally.check(ctx, { customerId, featureId }),
  );
  return breakdown.map(({ grantId }) => names.get(grantId) ?? grantId);
}

async function give(deployment: Deployment, span: Span, amount: number, priority = 0): Promise<string> {
  const { effectiveAt, expiresAt } = span;
  const startsAt = instant(effectiveAt);
  const { grantId } = await deployment.mutate((ctx) =>
    deployment.tally.grants.grant(ctx, {
      customerId,
      featureId,
      amount,
      priority,
      ...(startsAt > Date.now() && { startsAt }),
      ...(expiresAt != null && { expiresAt: instant(expiresAt) }),
    }),
  );
  return grantId;
}

async function windowAnswer(
  { setup, ops }: CaseOf<"grantWindow">,
  clock: Clock,
  modules: Modules,
): Promise<Answer> {
  const results: boolean[] = [];
  for (const operation of ops) {
    if (operation.op === "effectivePeriod") {
      if (setup.grant === undefined) throw new FormatError("setup.grant is missing");
      return await effectivePeriod(setup.grant, clock, modules);
    }
    if (operation.op !== "activeAt") throw new FormatError(`${operation.op} is no operation of this kind`);
    const span = operation.grant === undefined ? setup.grant : setup.grants?.[operation.grant];
    if (span === undefined) throw new FormatError("there is no such grant");
    const at = instant(operation.at);
    const [active] = await activeAt(span, [at], clock, modules);
    results.push(active === true);
  }
  return { results };
}

/** From the first instant at which the grant is there, to the first at which it no longer is. */
async function effectivePeriod(span: Span, clock: Clock, modules: Modules): Promise<Answer> {
  const instants = [span.effectiveAt, span.expiresAt, span.voidedAt, span.deletedAt]
    .flatMap((text) => (text == null ? [] : [instant(text)]))
    .flatMap((at) => [at - 1, at])
    .sort((a, b) => a - b);
  const active = await activeAt(span, instants, clock, modules);
  const first = active.indexOf(true);
  if (first < 0) return { from: span.effectiveAt, to: span.effectiveAt };
  const end = instants[active.indexOf(false, first)];
  return { from: dateOf(instants[first] ?? NaN), to: end === undefined ? null : dateOf(end) };
}

/** Whether the grant is there at each of `instants`, which are in order. */
async function activeAt(
  span: Span,
  instants: readonly number[],
  clock: Clock,
  modules: Modules,
): Promise<boolean[]> {
  const deployment = new Deployment(meteredCatalog, modules);
  const ended = span.voidedAt ?? span.deletedAt;
  const endedAt = ended === undefined ? Infinity : instant(ended);
  clock.now = Math.min(instant(span.effectiveAt), endedAt, ...instants);
  const grantId = await give(deployment, span, 1).catch((error: unknown) => {
    // A grant that ends when it begins is not even made.
    kindOf(error);
    return null;
  });
  if (grantId === null) return instants.map(() => false);
  let isEnded = false;
  const active: boolean[] = [];
  for (const at of instants) {
    if (!isEnded && endedAt <= at) {
      clock.advanceTo(endedAt);
      const grant = { customerId, featureId, grantId };
      // One that is over by itself is no longer there to be ended.
      await deployment.mutate((ctx) => deployment.tally.grants.revoke(ctx, grant)).catch(kindOf);
      isEnded = true;
    }
    clock.advanceTo(at);
    const { remaining } = await deployment.query((ctx) =>
      deployment.tally.check(ctx, { customerId, featureId }),
    );
    active.push(remaining > 0);
  }
  return active;
}

function periodAnswer({ setup, ops }: CaseOf<"period">): Answer {
  if (setup.tz !== undefined) throw new NoVerb("zone");
  if (setup.effectiveFrom !== undefined) throw new NoVerb("zone");
  const [operation] = ops;
  if (operation?.op === "reset") throw new NoVerb("resetOnDemand");
  if (operation?.op !== "periodAt") throw new FormatError(`${operation?.op} is no operation of this kind`);
  const recurrence = { ...recurrenceOf(setup.interval), anchor: instant(setup.anchor) };
  const at = instant(operation.at);
  return { from: dateOf(lastBoundary(recurrence, at)), to: dateOf(nextBoundary(recurrence, at)) };
}

/** Access is what a check allows. */
async function accessAnswer({ setup, ops }: CaseOf<"access">, modules: Modules): Promise<Answer> {
  only("access", ops);
  const access: Record<string, boolean> = {};
  for (const { feature: id, type, issueAfterReset = 0, isSoftLimit } of setup.entitlements ?? []) {
    // What is configured by a static entitlement is the app's own.
    access[id] = await hasAccess(type === "metered", issueAfterReset, isSoftLimit === true, modules);
  }
  const results: boolean[] = [];
  for (const { balance, isSoftLimit } of setup.values ?? []) {
    results.push(await hasAccess(true, balance, isSoftLimit, modules));
  }
  return { access, results };
}

async function hasAccess(
  metered: boolean,
  included: number,
  isSoft: boolean,
  modules: Modules,
): Promise<boolean> {
  const price = { amount: 0, billingMethod: "usage_based" } as const;
  const catalog = defineCatalog({
    features: [feature({ id: featureId, type: metered ? "metered" : "boolean" })],
    plans: [
      plan({
        id: "plan",
        items: [item({ featureId, ...(metered && { included }), ...(isSoft && { price }) })],
      }),
    ],
  });
  const deployment = new Deployment(catalog, modules);
  await deployment.mutate((ctx) =>
    deployment.tally.subscriptions.attach(ctx, { customerId, planId: "plan" }),
  );
  const { allowed } = await deployment.query((ctx) => deployment.tally.check(ctx, { customerId, featureId }));
  return allowed;
}

function only(op: GrantOperation["op"], ops: readonly GrantOperation[]): void {
  if (ops.some((operation) => operation.op !== op)) throw new FormatError(`only ${op} can be asked here`);
}
