import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";
import { answerValidator } from "./model.js";

/** An owner buys and cancels; a member uses what is there. */
export const roleValidator = v.union(v.literal("owner"), v.literal("member"));

export default defineSchema({
  messages: defineTable({
    /** The account that paid for it and whose chat it is in: a user's own, or a workspace. */
    customerId: v.string(),
    author: v.union(v.literal("user"), v.literal("assistant")),
    /** Who wrote it, for the others in a workspace. */
    name: v.optional(v.string()),
    text: v.string(),
    /** The request that it answers, so that a repeat finds it. */
    requestId: v.optional(v.string()),
    /** How far an answer has come that is written word by word. */
    answer: v.optional(answerValidator),
  })
    // eslint-disable-next-line @convex-dev/no-duplicate-indexes -- a chat is listed by time
    .index("by_customer", ["customerId"])
    .index("by_request", ["customerId", "requestId"]),

  workspaces: defineTable({ name: v.string() }).index("by_name", ["name"]),

  members: defineTable({
    workspaceId: v.id("workspaces"),
    userId: v.string(),
    role: roleValidator,
  }).index("by_user", ["userId", "workspaceId"]),

  /** Emails that are charged and wait to be sent. */
  outbox: defineTable({ userId: v.string(), to: v.string(), body: v.string() }).index("by_user", ["userId"]),

  /** Weekly summaries, written by a job on behalf of each user. */
  digests: defineTable({ userId: v.string(), text: v.string() }).index("by_user", ["userId"]),
});
