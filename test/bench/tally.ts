import { components } from "../../convex/_generated/api.js";
import { defineCatalog, isTallyError, Tally } from "../../src/client/index.js";
import type { AppCtx, Deployment, Operation } from "./operation.js";

/** The most that one call may use; sizes are in bytes. */
export interface Budget {
  databaseQueries: number;
  documentsRead: number;
  bytesRead: number;
  documentsWritten: number;
  bytesWritten: number;
  crossings: number;
}

export interface BudgetedOperation extends Operation {
  budget: Budget;
}

/** One metered feature paid from a row of its own, one from credits, one not at all. */
const catalog = defineCatalog({
  features: [
    { id: "messages", type: "metered" },
    { id: "images", type: "metered" },
    { id: "exports", type: "metered" },
    {
      id: "credits",
      type: "credit_system",
      creditSchema: [{ meteredFeatureId: "images", creditCost: 10 }],
    },
  ],
  plans: [
    {
      id: "free",
      autoEnable: true,
      items: [
        {
          featureId: "messages",
          included: 1_000_000,
          reset: { interval: "month" },
        },
        {
          featureId: "credits",
          included: 1_000_000,
          reset: { interval: "month" },
        },
      ],
    },
  ],
});

const tally = new Tally(components.tally, {
  catalog,
  identify: () => Promise.resolve(null),
});

/** Features that the default plan gives a row of. */
const PLAN_FEATURES = 2;

const customerId = "customer_1";
const verbs = (ctx: AppCtx) => tally.for(ctx, { customerId });
const begin = (t: Deployment) => t.mutation((ctx) => tally.customers.create(ctx, { customerId }));

const CHECK: Budget = {
  databaseQueries: 1,
  documentsRead: 1,
  bytesRead: 600,
  documentsWritten: 0,
  bytesWritten: 0,
  crossings: 1,
};
const USE: Budget = {
  databaseQueries: 1,
  documentsRead: 2,
  bytesRead: 1_200,
  documentsWritten: 2,
  bytesWritten: 900,
  crossings: 1,
};

/** Tally's verbs, each with what it may cost: a change of these numbers is a change of the design. */
export const tallyOperations: BudgetedOperation[] = [
  {
    name: "tally: check",
    prepare: begin,
    operation: (ctx) => verbs(ctx).check({ featureId: "messages" }),
    budget: CHECK,
  },
  {
    name: "tally: check, paid by credits",
    prepare: begin,
    operation: (ctx) => verbs(ctx).check({ featureId: "images" }),
    budget: { ...CHECK, databaseQueries: 2 },
  },
  {
    name: "tally: check, not in the plan",
    prepare: begin,
    operation: (ctx) => verbs(ctx).check({ featureId: "exports" }),
    budget: { ...CHECK, databaseQueries: 2, bytesRead: 150 },
  },
  {
    name: "tally: check, unknown customer",
    prepare: () => Promise.resolve(),
    operation: (ctx) => tally.for(ctx, { customerId: "nobody_000" }).check({ featureId: "messages" }),
    budget: { ...CHECK, databaseQueries: 2, documentsRead: 0, bytesRead: 0 },
  },
  {
    name: "tally: track",
    prepare: begin,
    operation: (ctx) => verbs(ctx).track({ featureId: "messages" }),
    budget: USE,
  },
  {
    name: "tally: track, paid by credits",
    prepare: begin,
    operation: (ctx) => verbs(ctx).track({ featureId: "images" }),
    budget: { ...USE, databaseQueries: 2 },
  },
  {
    name: "tally: track, with a key",
    prepare: begin,
    operation: (ctx, call) => trackOnce(ctx, call),
    budget: { ...USE, databaseQueries: 2, bytesWritten: 950 },
  },
  {
    name: "tally: track, key replayed",
    prepare: async (t) => {
      await begin(t);
      await t.mutation((ctx) => trackOnce(ctx, 0));
    },
    operation: (ctx) => trackOnce(ctx, 0),
    budget: { ...CHECK, bytesRead: 350 },
  },
  {
    name: "tally: consume",
    prepare: begin,
    operation: (ctx) => verbs(ctx).consume({ featureId: "messages" }),
    budget: USE,
  },
  {
    name: "tally: consume, refused",
    prepare: begin,
    operation: (ctx) => refused(verbs(ctx).consume({ featureId: "messages", value: 2_000_000 })),
    budget: CHECK,
  },
  {
    name: "tally: track, first of a customer",
    // Somebody has the plan already: the very first customer stores its terms.
    prepare: begin,
    operation: (ctx, call) =>
      tally.for(ctx, { customerId: `newcomer_${callName(call)}` }).track({ featureId: "messages" }),
    budget: {
      databaseQueries: 6,
      documentsRead: 4,
      bytesRead: 1_200,
      documentsWritten: PLAN_FEATURES + 4,
      bytesWritten: 1_200 + 400 * PLAN_FEATURES,
      crossings: 2,
    },
  },
];

function trackOnce(ctx: AppCtx, call: number) {
  return verbs(ctx).track({
    featureId: "messages",
    idempotencyKey: `idempotency-key-${callName(call)}`,
  });
}

/** Of one length, so that all calls are of one size. */
function callName(call: number): string {
  return String(call).padStart(4, "0");
}

async function refused(use: Promise<unknown>): Promise<void> {
  try {
    await use;
  } catch (error) {
    if (isTallyError(error, "usage_exceeded")) {
      return;
    }
    throw error;
  }
  throw new Error("The balance was to be too small for this use.");
}
