/**
 * The format of `autumn.json`: what a customer has, what is done, and what must come of it. An
 * operation, a field or an expectation that is not known here makes a case fail.
 */
import { v, type Infer } from "convex/values";
import { FormatError, listAt, objectAt, parsed } from "./parsing.js";

const text = v.string();
const amount = v.number();
const entity = v.optional(text);

const intervalValidator = v.union(
  v.literal("minute"),
  v.literal("hour"),
  v.literal("day"),
  v.literal("week"),
  v.literal("month"),
  v.literal("quarter"),
  v.literal("semi_annual"),
  v.literal("year"),
  v.literal("one_off"),
  v.null(),
);

const featureValidator = v.object({
  type: v.union(v.literal("boolean"), v.literal("metered"), v.literal("credit_system")),
  usage: v.optional(v.union(v.literal("consumable"), v.literal("non_consumable"))),
  event_names: v.optional(v.array(text)),
  /** Of a credit system: what one unit of each metered feature costs. */
  schema: v.optional(v.record(text, amount)),
});

const tierValidator = v.object({
  to: v.union(amount, v.literal("inf")),
  amount,
  flat_amount: v.optional(amount),
});

const itemValidator = v.object({
  /** A short name for the grant: by it, expectations name it. */
  row: text,
  feature: text,
  included: v.union(amount, v.null()),
  unlimited: v.optional(v.boolean()),
  interval: intervalValidator,
  interval_count: v.optional(amount),
  price: v.optional(
    v.object({
      method: v.union(v.literal("prepaid"), v.literal("usage_based")),
      amount: v.optional(amount),
      tiers: v.optional(v.array(tierValidator)),
      behavior: v.optional(v.union(v.literal("graduated"), v.literal("volume"))),
      units: v.optional(amount),
      max_purchase: v.optional(amount),
    }),
  ),
  /** Each entity of this feature gets the item for itself. */
  per: v.optional(text),
  rollover: v.optional(
    v.object({
      max: v.optional(v.union(amount, v.null())),
      pct: v.optional(amount),
      expiry: v.union(v.literal("month"), v.literal("forever")),
      length: v.optional(amount),
    }),
  ),
});
export type ItemSetup = Infer<typeof itemValidator>;

const planValidator = v.object({
  id: text,
  items: v.array(itemValidator),
  add_on: v.optional(v.boolean()),
  group: v.optional(text),
});
export type PlanSetup = Infer<typeof planValidator>;

/** `quantities`: units bought in advance, beyond what is included, by row. */
const attachment = { plan: text, entity, quantities: v.optional(v.record(text, amount)) };
const attachmentValidator = v.object(attachment);
export type Attachment = Infer<typeof attachmentValidator>;

/** A grant outside of plans. */
const loose = {
  row: v.optional(text),
  feature: text,
  included: amount,
  interval: intervalValidator,
  entity,
};
const looseValidator = v.object(loose);
export type Loose = Infer<typeof looseValidator>;

const controlsValidator = v.object({
  overage_allowed: v.optional(v.array(v.object({ feature: text, enabled: v.boolean() }))),
  spend_limits: v.optional(
    v.array(
      v.object({
        feature: text,
        overage_limit: amount,
        enabled: v.boolean(),
        limit_type: v.optional(v.union(v.literal("absolute"), v.literal("usage_percentage"))),
      }),
    ),
  ),
  usage_limits: v.optional(
    v.array(
      v.object({
        feature: text,
        limit: amount,
        interval: v.union(v.literal("day"), v.literal("week"), v.literal("month"), v.literal("year")),
        anchor: v.optional(v.union(v.literal("billing_cycle"), v.literal("utc"))),
        enabled: v.optional(v.boolean()),
      }),
    ),
  ),
  auto_topups: v.optional(
    v.array(
      v.object({
        feature: text,
        enabled: v.boolean(),
        threshold: amount,
        quantity: amount,
        purchase_limit: v.optional(v.object({ interval: text, limit: amount })),
      }),
    ),
  ),
});
export type Controls = Infer<typeof controlsValidator>;

const setupValidator = v.object({
  features: v.optional(v.record(text, featureValidator)),
  plans: v.optional(v.array(planValidator)),
  attach: v.optional(v.array(attachmentValidator)),
  entities: v.optional(v.array(text)),
  loose: v.optional(v.array(looseValidator)),
  controls: v.optional(controlsValidator),
  org: v.optional(v.object({ persist_free_overage: v.optional(v.boolean()) })),
});
export type Setup = Infer<typeof setupValidator>;

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

const recurrence = { anchor: text, now: text, interval: intervalValidator, count: v.optional(amount) };

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
        flag: v.optional(v.boolean()),
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
    add: v.optional(amount),
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
    units: amount,
    included: amount,
  }),
  token_cost: v.object({
    op: v.literal("token_cost"),
    input_per_m: amount,
    output_per_m: amount,
    markup: amount,
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
    throw new FormatError(`${where}: there is no operation ${JSON.stringify(op)}`);
  }
  return parsed(operations[op as PlainOperation["op"]], operation, where) as PlainOperation;
}
