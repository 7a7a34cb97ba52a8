/** What usage beyond the granted costs: fixed when its period closed, or still growing. */
import { v, type Infer } from "convex/values";
import { advanceAll, closedPeriodValidator } from "../core/advance.js";
import { amountOf, openPeriods } from "../core/charges.js";
import type { Balance } from "../core/balances.js";
import type { Doc } from "./_generated/dataModel.js";
import { query } from "./_generated/server.js";
import { pageArgs, pageOf } from "./cursors.js";
import { assertEntity } from "./rows.js";
import { chargeFields } from "./schema.js";

const { customerId: _customer, ...shownFields } = chargeFields;
const listedChargeValidator = v.object({ chargeId: v.string(), createdAt: v.number(), ...shownFields });
const pageValidator = v.object({
  page: v.array(listedChargeValidator),
  cursor: v.union(v.string(), v.null()),
});

function listedCharge(charge: Doc<"charges">): Infer<typeof listedChargeValidator> {
  const { _id, _creationTime, customerId: _, ...fields } = charge;
  return { chargeId: _id, createdAt: _creationTime, ...fields };
}

/** What was fixed when a customer's periods closed, the latest end first. */
export const list = query({
  args: { customerId: v.string(), ...pageArgs },
  returns: pageValidator,
  handler: async (ctx, { customerId, ...args }) => {
    const { page, cursor } = await pageOf(
      ctx,
      { table: "charges", index: "by_customer", prefix: [customerId], order: "desc" },
      args,
    );
    return { page: page.map(listedCharge), cursor };
  },
});

/** All of one status, those that are asked for last first: they were refused most often. */
export const listByStatus = query({
  args: { status: chargeFields.status, ...pageArgs },
  returns: v.object({
    page: v.array(v.object({ customerId: v.string(), ...listedChargeValidator.fields })),
    cursor: v.union(v.string(), v.null()),
  }),
  handler: async (ctx, { status, ...args }) => {
    const from = { table: "charges", index: "by_status", order: "desc" } as const;
    const { page, cursor } = await pageOf(ctx, { ...from, prefix: [status] }, args);
    return {
      page: page.map((charge) => ({ customerId: charge.customerId, ...listedCharge(charge) })),
      cursor,
    };
  },
});

const previewedValidator = v.object({
  ...closedPeriodValidator.fields,
  /** When the period ends (or has ended) and is charged; null if only a change of plan will end it. */
  to: v.union(v.number(), v.null()),
  /** The period goes on: what it owes may still grow. */
  open: v.boolean(),
});

/**
 * What a customer (or one entity of his) owes now beyond the charges that are listed: for periods
 * that go on, and for those that are over and that no write has stored yet. By feature and entity.
 */
export const preview = query({
  args: { customerId: v.string(), entityId: v.optional(v.string()), ...pageArgs },
  returns: v.object({
    page: v.array(previewedValidator),
    /** Of the page, in whole currency units. */
    total: v.number(),
    cursor: v.union(v.string(), v.null()),
  }),
  handler: async (ctx, { customerId, entityId, ...args }) => {
    await assertEntity(ctx, customerId, entityId);
    const now = Date.now();
    const rows = await pageOf(ctx, { table: "balances", index: "by_owner", prefix: [customerId] }, args);
    const own = rows.page.filter((row) => entityId === undefined || row.entityId === entityId);
    const page = own.flatMap((row) => owedBy(row, now));
    return { page, total: amountOf(page), cursor: rows.cursor };
  },
});

function owedBy(stored: Balance, at: number): Infer<typeof previewedValidator>[] {
  const { rows, closed, now } = advanceAll([stored], at);
  return [
    ...closed.map((period) => ({ ...period, open: false })),
    ...rows.flatMap((row) => openPeriods(row, now)).map((period) => ({ ...period, open: true })),
  ];
}
