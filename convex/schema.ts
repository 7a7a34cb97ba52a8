import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

export default defineSchema({
  messages: defineTable({
    userId: v.string(),
    author: v.union(v.literal("user"), v.literal("assistant")),
    text: v.string(),
  }).index("by_user", ["userId"]),

  /** Weekly summaries, written by a job on behalf of each user. */
  digests: defineTable({ userId: v.string(), text: v.string() }).index("by_user", ["userId"]),
});
