/**
 * What can happen in a run. Steps are plain data: they are printed when a run fails, and taken away
 * one by one to find the shortest run that still does. So they name things by what stays the same
 * without the steps before them: a customer, a key, a hold; a use by its label.
 */
import type { Every } from "./model/calendar.js";
import type { ControlAsk } from "./model/controls.js";
import type { Target } from "./model/grants.js";
import type { When } from "./model/plans.js";
import type { Policy } from "./model/draws.js";

interface Of {
  customer: string;
  entity?: string;
}

export interface UseStep {
  feature: string;
  entity?: string;
  value: number;
  key?: string;
  policy?: Policy;
  /** What a refund knows it by. */
  label?: string;
}

export type Step =
  | { do: "pass"; ms: number }
  | { do: "create"; customer: string }
  | { do: "remove"; customer: string }
  | { do: "entity"; customer: string; entity: string; feature: string }
  | { do: "leave"; customer: string; entity: string; key?: string }
  | { do: "check"; customer: string; asks: { feature: string; entity?: string; required: number }[] }
  | { do: "track" | "consume"; customer: string; uses: UseStep[] }
  | ({ do: "event"; event: string; value: number; key?: string; policy?: Policy } & Of)
  | ({ do: "send"; feature: string; value: number; key?: string } & Of)
  | ({ do: "reserve"; feature: string; value: number; ttl: number; hold: string } & Of)
  | { do: "report"; customer: string; hold: string; total: number }
  | { do: "extend"; customer: string; hold: string; value: number; ttl?: number }
  | { do: "confirm"; customer: string; hold: string; total?: number }
  | { do: "release"; customer: string; hold: string }
  | { do: "refund"; customer: string; label?: string; key?: string; value?: number; refundKey?: string }
  | ({
      do: "grant";
      feature: string;
      /** Without end, if absent. */
      amount?: number;
      startsAt?: number;
      expiresAt?: number;
      priority?: number;
      every?: Every;
      /** Where the periods are counted from. */
      anchor?: number;
      key?: string;
    } & Of)
  | ({ do: "set"; feature: string; pot?: number; target: Target; key?: string } & Of)
  | ({ do: "revoke"; feature: string; pot: number; key?: string } & Of)
  | ({
      do: "attach";
      plan: string;
      when?: When;
      quantities?: Record<string, number>;
      trial?: { length: number; unit: "day" | "month" | "year" };
      fingerprint?: string;
      carriesUsage?: true;
      carriesBalance?: true;
      key?: string;
    } & Of)
  | ({ do: "cancel"; plan: string; when: When; key?: string } & Of)
  | ({ do: "resume"; plan: string; key?: string } & Of)
  | ({ do: "control"; feature: string; change: ControlAsk } & Of)
  | { do: "sweep"; what: "resets" | "holds"; times: number }
  /** Several in one mutation of the app's; it catches what is refused, and may throw at the end. */
  | { do: "together"; steps: UsingStep[]; throws: boolean }
  /** A call that no app should make. */
  | { do: "bad"; customer: string; call: string; refusal: string };

/** What an app does with a customer's amounts in one go. */
export type UsingStep = Extract<
  Step,
  { do: "track" | "consume" | "event" | "reserve" | "confirm" | "release" | "check" }
>;

/** One step on one line. */
export function shown(step: Step): string {
  const { do: verb, ...rest } = step;
  return `${verb} ${JSON.stringify(rest)}`;
}
