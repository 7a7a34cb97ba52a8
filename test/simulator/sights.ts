/** What a step has shown: so that a run which meets nothing worth meeting is no proof. */
import type { Outcome } from "./model/model.js";
import { owed, type Customer, type Use, type World } from "./model/world.js";
import type { Step } from "./steps.js";

export function sightsOf(step: Step, before: World, outcome: Outcome): string[] {
  if (outcome.kind === "refused") return [`${step.do}: ${outcome.refusal}`];
  const { world } = outcome;
  const sights = [step.do as string];
  if (world.charges.length > before.charges.length) sights.push("a charge");
  if (isReplayed(outcome.answer)) sights.push(`${step.do}: replayed`);
  for (const customer of world.customers.values()) {
    const known = before.customers.get(customer.id);
    for (const use of customer.uses.slice(known?.uses.length ?? 0)) sights.push(...sightsOfUse(use));
    if (known !== undefined) sights.push(...sightsOfPots(known, customer));
  }
  return sights;
}

const isReplayed = (answer: unknown): boolean => JSON.stringify(answer).includes('replayed":true');

function sightsOfUse(use: Use): string[] {
  const pots = new Set(use.lots.map(({ pot }) => pot));
  return [
    ...(use.kind === "usage" && use.uncovered > 0n ? ["a use that is not covered"] : []),
    ...(use.kind === "usage" && pots.size > 1 ? ["a use of several grants"] : []),
    ...(use.lapsed !== undefined && use.lapsed > 0n ? ["a return that has lapsed"] : []),
    ...(use.refundOf !== undefined ? ["a return to its grants"] : []),
    ...(use.expired === true ? ["a hold that was swept"] : []),
    ...(use.lateTotal !== undefined ? ["a late confirmation"] : []),
    ...(use.unlimited ? ["a use without limit"] : []),
    ...(use.entity !== null && use.kind === "usage" ? ["an entity's use"] : []),
  ];
}

function sightsOfPots(before: Customer, after: Customer): string[] {
  const known = new Set(before.pots.map(({ serial }) => serial));
  const fresh = after.pots.filter(({ serial }) => !known.has(serial));
  return [
    ...(fresh.some(({ leftOf }) => leftOf !== null) ? ["a rollover"] : []),
    ...(fresh.some(({ source }) => source === "leftover" || source.startsWith("ended "))
      ? ["what is left of a plan"]
      : []),
    ...(fresh.some(({ heirOf }) => heirOf !== null) ? ["a plan that begins later"] : []),
    ...(after.pots.some((pot) => pot.carries && owed(pot) > 0n) ? ["a debt"] : []),
    ...(after.pots.some((pot) => pot.usageBased !== null && owed(pot) > 0n) ? ["overage"] : []),
    ...(after.subscriptions.some(({ trialEnds }) => trialEnds !== null) ? ["a trial"] : []),
  ];
}
