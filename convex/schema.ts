import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

export default defineSchema({
  messages: defineTable({
    userId: v.string(),
    author: v.union(v.literal("user"), v.literal("assistant")),
    text: v.string(),
    /** The request that it answers, so that a repeat finds it. */
    requestId: v.optional(v.string()),
  })
    // eslint-disable-next-line @convex-dev/no-duplicate-indexes -- a chat is listed by time
    .index("by_user", ["userId"])
    .index("by_request", ["userId", "requestId"]),

  /** Emails that are charged and wait to be sent. */
  outbox: defineTable({ userId: v.string(), to: v.string(), body: v.string() }).index("by_user", ["userId"]),

  /** Weekly summaries, written by a job on behalf of each user. */
  digests: defineTable({ userId: v.string(), text: v.string() }).index("by_user", ["userId"]),
});
