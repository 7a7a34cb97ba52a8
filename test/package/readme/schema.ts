import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

export default defineSchema({
  messages: defineTable({ text: v.string() }),
  notices: defineTable({ userId: v.string(), text: v.string() }),
  members: defineTable({ workspaceId: v.string(), userId: v.string() }).index("by_member", [
    "workspaceId",
    "userId",
  ]),
});
