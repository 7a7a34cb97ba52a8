/**
 * The format of `autumn.json`: what a customer has, what is done, and what must come of it. An
 * operation, a field or an expectation that is not known here makes a case fail.
 */
import { v, type Infer } from "convex/values";
import { FormatError, listAt, objectAt, parsed } from "./parsing.js";
import {
  amount,
  attachment,
  controlsValidator,
  entity,
  intervalValidator,
  loose,
  setupValidator,
  text,
  tierValidator,
  type Setup,
} from "./setups.js";

const amounts = {
  granted: v.optional(amount),
  remaining: v.optional(amount),
  usage: v.optional(amount),
  overage: v.optional(amount),
  /** What is left, less what is owed. */
  net: v.optional(amount),
  unlimited: v.optional(v.boolean()),
};
const balanceValidator = v.object({
  ...amounts,
  /** What is left of each rollover, the first to expire first. */
  rollovers: v.optional(v.array(amount)),
  rows: v.optional(v.record(text, v.object({ ...amounts, balance: v.optional(amount) }))),
});
const balancesValidator = v.record(text, balanceValidator);

const state = {
  /** Of the customer, his entities' counted in. */
  balances: v.optional(balancesValidator),
  /** Of what an entity can use: its own and the customer's. */
  entities: v.optional(v.record(text, balancesValidator)),
  /** What the limit of each feature has counted. */
  usage_limits: v.optional(v.record(text, amount)),
  /** The values that were recorded, in order. */
  events: v.optional(v.array(amount)),
  invoices: v.optional(v.array(amount)),
};
const stateValidator = v.object(state);
export type ExpectedState = Infer<typeof stateValidator>;

/** `amount`, `at` and `credits` are of the last operation's answer. */
const expectValidator = v.object({
  ...state,
  amount: v.optional(amount),
  at: v.optional(text),
  credits: v.optional(amount),
});

/** `error`: as the wire calls it. */
const outcome = { ok: v.optional(v.boolean()), error: v.optional(text) };
const expect = v.optional(v.object(outcome));

const recurrence = {
  anchor: text,
  now: text,
  interval: intervalValidator,
  count: v.optional(amount),
  /** The cycle neither ends nor starts before. */
  floor: v.optional(text),
};

/** What every operation takes, but for those that hold others. */
const operations = {
  track: v.object({
    op: v.literal("track"),
    feature: v.optional(text),
    event: v.optional(text),
    value: v.optional(amount),
    entity,
    overage: v.optional(v.union(v.literal("cap"), v.literal("reject"), v.literal("overflow"))),
    key: v.optional(text),
    header_key: v.optional(text),
    properties: v.optional(v.record(text, v.union(text, amount, v.boolean(), v.null()))),
    expect: v.optional(v.object({ ...outcome, balance: v.optional(v.null()) })),
  }),
  check: v.object({
    op: v.literal("check"),
    feature: text,
    required: v.optional(amount),
    entity,
    send_event: v.optional(v.boolean()),
    expect: v.optional(
      v.object({
        ...outcome,
        allowed: v.optional(v.boolean()),
        /** What is required in the unit of the feature that answers; and that feature. As on the wire. */
        required: v.optional(amount),
        feature: v.optional(text),
        /** No flag is false or null. */
        flag: v.optional(v.union(v.boolean(), v.null())),
        balance: v.optional(
          v.union(
            v.null(),
            v.object({
              ...amounts,
              overage_allowed: v.optional(v.boolean()),
              reset_interval: v.optional(text),
            }),
          ),
        ),
      }),
    ),
  }),
  read: v.object({ op: v.literal("read"), expect: v.optional(stateValidator) }),
  lock: v.object({
    op: v.literal("lock"),
    id: text,
    feature: text,
    value: v.optional(amount),
    entity,
    expect: v.optional(v.object({ ...outcome, allowed: v.optional(v.boolean()) })),
  }),
  finalize: v.object({
    op: v.literal("finalize"),
    id: text,
    action: v.union(v.literal("confirm"), v.literal("release")),
    value: v.optional(amount),
    expect,
  }),
  expire_lock: v.object({ op: v.literal("expire_lock"), id: text }),
  reset: v.object({ op: v.literal("reset"), periods: v.optional(amount) }),
  expire_row: v.object({ op: v.literal("expire_row"), row: text }),
  update: v.object({
    op: v.literal("update"),
    feature: text,
    entity,
    filter: v.optional(v.object({ interval: v.optional(intervalValidator), row: v.optional(text) })),
    remaining: v.optional(amount),
    usage: v.optional(amount),
    granted: v.optional(amount),
    included: v.optional(amount),
    included_grant: v.optional(amount),
    add: v.optional(amount),
    add_to_balance: v.optional(amount),
    expect,
  }),
  set_usage: v.object({ op: v.literal("set_usage"), feature: text, value: amount, entity, expect }),
  grant: v.object({ op: v.literal("grant"), ...loose, expect }),
  attach: v.object({
    op: v.literal("attach"),
    ...attachment,
    replaces: v.optional(text),
    carry_usages: v.optional(v.boolean()),
    carry_balances: v.optional(v.boolean()),
    expect,
  }),
  controls: v.object({ op: v.literal("controls"), set: controlsValidator, entity }),
  /** What runs in the background has its turn. */
  settle: v.object({ op: v.literal("settle") }),
  cycle_end: v.object({ op: v.literal("cycle_end"), ...recurrence }),
  cycle_start: v.object({ op: v.literal("cycle_start"), ...recurrence }),
  price: v.object({
    op: v.literal("price"),
    behavior: v.union(v.literal("graduated"), v.literal("volume")),
    tiers: v.array(tierValidator),
    usage: amount,
    units: v.optional(amount),
    included: v.optional(amount),
  }),
  token_cost: v.object({
    op: v.literal("token_cost"),
    input_per_m: amount,
    output_per_m: amount,
    /** In percent. */
    markup: v.optional(amount),
    input: amount,
    output: amount,
  }),
};
type Plain = typeof operations;
export type PlainOperation = { [Name in keyof Plain]: Infer<Plain[Name]> }[keyof Plain];
export type OperationOf<Name extends PlainOperation["op"]> = Extract<PlainOperation, { op: Name }>;

const parallelValidator = v.object({
  op: v.literal("parallel"),
  /** How many of the operations were answered so. */
  expect: v.optional(
    v.object({
      ok: v.optional(amount),
      failed: v.optional(amount),
      allowed: v.optional(amount),
      denied: v.optional(amount),
    }),
  ),
});
const repeatValidator = v.object({ op: v.literal("repeat"), times: amount });

export type Operation =
  | PlainOperation
  | (Infer<typeof parallelValidator> & { ops: Operation[] })
  | (Infer<typeof repeatValidator> & { of: Operation });

export interface Case {
  id: string;
  setup: Setup;
  ops: Operation[];
  expect: Infer<typeof expectValidator>;
}

const about = v.object({
  id: text,
  source: text,
  tag: v.optional(v.union(v.literal("derived"), v.literal("autumn-quirk"), v.literal("autumn-disabled"))),
  note: v.optional(text),
});

/** Throws `FormatError`. */
export function parseCase(value: unknown): Case {
  const { setup, ops, expect: expected, ...rest } = objectAt(value, "the case");
  const { id } = parsed(about, rest, "the case");
  return {
    id,
    setup: parsed(setupValidator, setup, "setup"),
    ops: listAt(ops, "ops").map((operation, index) => parseOperation(operation, `ops[${index}]`)),
    expect: parsed(expectValidator, expected, "expect"),
  };
}

function parseOperation(value: unknown, where: string): Operation {
  const operation = objectAt(value, where);
  const { op, ops, of, ...rest } = operation;
  if (op === "parallel") {
    const nested = listAt(ops, `${where}.ops`).map((each, index) =>
      parseOperation(each, `${where}.ops[${index}]`),
    );
    return { ...parsed(parallelValidator, { op, ...rest }, where), ops: nested };
  }
  if (op === "repeat") {
    return {
      ...parsed(repeatValidator, { op, ...rest }, where),
      of: parseOperation(of, `${where}.of`),
    };
  }
  if (typeof op !== "string" || !Object.hasOwn(operations, op)) {
    throw new FormatError(`${where}: unknown op ${JSON.stringify(op)}`);
  }
  return parsed(operations[op as PlainOperation["op"]], operation, where) as PlainOperation;
}
