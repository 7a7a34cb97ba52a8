/**
 * The format of `openmeter.json`: grants over time, and what is left of them at an instant. Strict,
 * as the other.
 */
import { v, type Infer } from "convex/values";
import { FormatError, listAt, objectAt, parsed } from "./parsing.js";

const text = v.string();
const amount = v.number();
const instant = v.string();

const spanFields = {
  effectiveAt: instant,
  /** Null: never. */
  expiresAt: v.optional(v.union(instant, v.null())),
  voidedAt: v.optional(instant),
  deletedAt: v.optional(instant),
};
const spanValidator = v.object(spanFields);
export type Span = Infer<typeof spanValidator>;

const grantValidator = v.object({
  id: text,
  amount,
  priority: v.optional(amount),
  ...spanFields,
  createdAt: v.optional(instant),
  /** `1D`, `2W`: the amount is full again so often. */
  recurrence: v.optional(v.object({ interval: text, anchor: v.optional(instant) })),
  /** What a programmatic reset leaves, at least and at most. */
  minRollover: v.optional(amount),
  maxRollover: v.optional(amount),
});
export type GrantSetup = Infer<typeof grantValidator>;

/** Amounts of a start may be missing or no numbers: then all must be refused. */
const doubtful = v.optional(v.union(amount, v.null(), v.literal("NaN")));
const startValidator = v.object({
  balances: v.optional(v.record(text, amount)),
  overage: v.optional(amount),
  usage: doubtful,
  grantUsage: doubtful,
  since: v.optional(instant),
});

const timeSetup = v.object({
  from: v.optional(instant),
  measureUsageFrom: v.optional(instant),
  aggregation: v.optional(v.union(v.literal("SUM"), v.literal("LATEST"))),
  resolution: v.optional(text),
  grants: v.array(grantValidator),
  start: v.optional(startValidator),
});
export type TimeSetup = Infer<typeof timeSetup>;

const useOperation = v.object({ op: v.literal("use"), value: amount, at: instant });
const resetOperation = v.object({
  op: v.literal("reset"),
  at: text,
  preserveOverage: v.optional(v.boolean()),
  retainAnchor: v.optional(v.boolean()),
  label: v.optional(text),
});
const queryOperation = v.object({ op: v.literal("query"), at: instant, label: text });
const historyOperation = v.object({ op: v.literal("history"), from: instant, to: instant, window: text });

const pointFields = {
  /** What is left of each grant. */
  balances: v.optional(v.record(text, amount)),
  balance: v.optional(amount),
  overage: v.optional(amount),
  usage: v.optional(amount),
  /** What of the usage grants have paid. */
  grantUsage: v.optional(amount),
  totalAvailable: v.optional(amount),
  since: v.optional(instant),
};
const pointValidator = v.object(pointFields);

/** Between two instants at which time changes the balance. */
const segmentValidator = v.object({
  usage: v.optional(amount),
  balanceAtStart: v.optional(amount),
  balancesAtStart: v.optional(v.record(text, amount)),
  overageAtStart: v.optional(amount),
  overageAtEnd: v.optional(amount),
});
const timeExpectation = {
  segmentCount: v.optional(amount),
  segments: v.optional(v.array(segmentValidator)),
  /** `"end via mid"`, `"end direct"`: written at that point on the way, or not, it is the same. */
  equal: v.optional(v.array(text)),
  windows: v.optional(v.array(v.object({ usage: amount, balanceAtStart: amount }))),
  error: v.optional(v.literal(true)),
  reason: v.optional(text),
  failingOp: v.optional(amount),
  sideEffects: v.optional(v.boolean()),
};

const thresholdValidator = v.object({ type: text, value: amount });

/** What each kind of case holds. */
const kinds = {
  burn: { setup: timeSetup },
  error: { setup: timeSetup },
  history: { setup: timeSetup },
  order: { setup: v.object({ grants: v.array(grantValidator) }) },
  grantWindow: {
    setup: v.object({ grant: v.optional(spanValidator), grants: v.optional(v.record(text, spanValidator)) }),
  },
  period: {
    setup: v.object({
      anchor: instant,
      interval: text,
      effectiveFrom: v.optional(instant),
      measureUsageFrom: v.optional(instant),
      tz: v.optional(text),
    }),
  },
  access: {
    setup: v.object({
      entitlements: v.optional(
        v.array(
          v.object({
            feature: text,
            type: v.union(v.literal("boolean"), v.literal("static"), v.literal("metered")),
            config: v.optional(v.record(text, text)),
            issueAfterReset: v.optional(amount),
            isSoftLimit: v.optional(v.boolean()),
          }),
        ),
      ),
      values: v.optional(v.array(v.object({ balance: amount, isSoftLimit: v.boolean() }))),
    }),
  },
  threshold: { setup: v.object({ thresholds: v.array(thresholdValidator) }) },
};
type Kinds = typeof kinds;
type Kind = keyof Kinds;

const operations = {
  use: useOperation,
  reset: resetOperation,
  query: queryOperation,
  history: historyOperation,
  order: v.object({ op: v.literal("order") }),
  effectivePeriod: v.object({ op: v.literal("effectivePeriod") }),
  activeAt: v.object({ op: v.literal("activeAt"), grant: v.optional(text), at: instant }),
  periodAt: v.object({ op: v.literal("periodAt"), at: instant }),
  access: v.object({ op: v.literal("access") }),
  evaluate: v.object({
    op: v.literal("evaluate"),
    value: v.object({
      balance: amount,
      usage: amount,
      overage: v.optional(amount),
      totalAvailable: v.optional(amount),
    }),
  }),
};
type Operations = typeof operations;
export type GrantOperation = { [Name in keyof Operations]: Infer<Operations[Name]> }[keyof Operations];
export type GrantOperationOf<Name extends GrantOperation["op"]> = Extract<GrantOperation, { op: Name }>;

/** Expectations of the kinds that ask for no point in time. */
const expectations = {
  order: v.object({ ids: v.array(text) }),
  grantWindow: v.object({
    from: v.optional(instant),
    to: v.optional(instant),
    results: v.optional(v.array(v.boolean())),
  }),
  period: v.object({ from: instant, to: instant }),
  access: v.object({
    access: v.optional(v.record(text, v.boolean())),
    results: v.optional(v.array(v.boolean())),
  }),
};

export type GrantCase = {
  [Name in Kind]: {
    id: string;
    kind: Name;
    setup: Infer<Kinds[Name]["setup"]>;
    ops: GrantOperation[];
    expect: Record<string, unknown>;
    /** What follows from the rules, though the source does not say it. */
    derived?: Record<string, unknown>;
  };
}[Kind];

const about = v.object({ id: text, source: text, kind: text, note: v.optional(text) });

/** Throws `FormatError`. */
export function parseGrantCase(value: unknown): GrantCase {
  const { setup, ops, expect, derived, ...rest } = objectAt(value, "the case");
  const { id, kind } = parsed(about, rest, "the case");
  if (!Object.hasOwn(kinds, kind)) throw new FormatError(`there is no kind ${JSON.stringify(kind)}`);
  const operationsOf = listAt(ops, "ops").map((each, index) => parseOperation(each, `ops[${index}]`));
  const labels = operationsOf.flatMap((each) => ("label" in each ? (each.label ?? []) : []));
  return {
    id,
    kind,
    setup: parsed(kinds[kind as Kind].setup, setup, "setup"),
    ops: operationsOf,
    expect: parseExpectations(kind as Kind, objectAt(expect, "expect"), labels, "expect"),
    ...(derived !== undefined && {
      derived: parseExpectations(kind as Kind, objectAt(derived, "derived"), labels, "derived"),
    }),
  } as GrantCase;
}

function parseOperation(value: unknown, where: string): GrantOperation {
  const { op } = objectAt(value, where);
  if (typeof op !== "string" || !Object.hasOwn(operations, op)) {
    throw new FormatError(`${where}: unknown op ${JSON.stringify(op)}`);
  }
  return parsed(operations[op as GrantOperation["op"]], value, where) as GrantOperation;
}

function parseExpectations(
  kind: Kind,
  expect: Record<string, unknown>,
  labels: readonly string[],
  where: string,
): Record<string, unknown> {
  if (kind === "threshold" || (kind === "period" && labels.length > 0)) return expect;
  if (kind in expectations) return parsed(expectations[kind as keyof typeof expectations], expect, where);
  const points = Object.fromEntries(labels.map((label) => [label, v.optional(pointValidator)]));
  return parsed(v.object({ ...timeExpectation, ...points }), expect, where);
}
