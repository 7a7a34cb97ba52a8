import { DirectAggregate } from "@convex-dev/aggregate";
import type { ComponentApi as AggregateApi } from "@convex-dev/aggregate/_generated/component.js";
import aggregateTest from "@convex-dev/aggregate/test";
import { RateLimiter } from "@convex-dev/rate-limiter";
import type { ComponentApi as RateLimiterApi } from "@convex-dev/rate-limiter/_generated/component.js";
import rateLimiterTest from "@convex-dev/rate-limiter/test";
import { ShardedCounter } from "@convex-dev/sharded-counter";
import type { ComponentApi as ShardedCounterApi } from "@convex-dev/sharded-counter/_generated/component.js";
import shardedCounterTest from "@convex-dev/sharded-counter/test";
import { componentsGeneric } from "convex/server";
import type { AppCtx, Deployment, Operation } from "./operation.js";

const components = componentsGeneric() as unknown as {
  aggregate: AggregateApi;
  rateLimiter: RateLimiterApi;
  shardedCounter: ShardedCounterApi;
};

const AGGREGATE_ITEMS = 1_000;
const ITEMS_PER_TRANSACTION = 100;

/** Mounts the components that the table compares with. */
export function registerPeers(t: Deployment): void {
  aggregateTest.register(t);
  rateLimiterTest.register(t);
  shardedCounterTest.register(t);
}

/** What an app without a metering component would build on. */
export const peerOperations: Operation[] = [
  {
    name: "rate-limiter: limit, unsharded",
    // The first call of a key inserts its row; what counts is every later one.
    prepare: (t) => t.mutation(limit),
    operation: limit,
  },
  {
    name: "sharded-counter: add, 16 shards",
    prepare: fillShards,
    operation: (ctx) => counter().add(ctx, "messages"),
  },
  {
    name: "aggregate: insert, 1,000 items, spread keys",
    prepare: fillAggregate,
    operation: (ctx, call) => insertItem(ctx, AGGREGATE_ITEMS + call),
  },
];

const rateLimiter = new RateLimiter(components.rateLimiter, {
  messages: { kind: "fixed window", rate: 1_000_000, period: 3_600_000 },
});

function limit(ctx: AppCtx) {
  return rateLimiter.limit(ctx, "messages", { key: "customer_1" });
}

/** One per call: it remembers its shard, as it would within one mutation. */
function counter() {
  return new ShardedCounter<"messages">(components.shardedCounter);
}

async function fillShards(t: Deployment) {
  for (let shard = 0; shard < 16; shard++) {
    await t.mutation((ctx) =>
      ctx.runMutation(components.shardedCounter.public.add, {
        name: "messages",
        count: 1,
        shard,
      }),
    );
  }
}

const aggregate = new DirectAggregate<{ Key: number; Id: string }>(components.aggregate);

async function fillAggregate(t: Deployment) {
  for (let first = 0; first < AGGREGATE_ITEMS; first += ITEMS_PER_TRANSACTION) {
    await t.mutation(async (ctx) => {
      for (let item = first; item < first + ITEMS_PER_TRANSACTION; item++) {
        await insertItem(ctx, item);
      }
    });
  }
}

/** Keys spread over the tree: ascending ones would meet in its last leaf, and always conflict. */
function insertItem(ctx: AppCtx, item: number) {
  const key = (item * 7_919) % 100_003;
  return aggregate.insert(ctx, { key, id: `item_${item}`, sumValue: 1 });
}
