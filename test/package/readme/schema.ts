import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

export default defineSchema({
  messages: defineTable({ text: v.string() }),
  notices: defineTable({ userId: v.string(), text: v.string() }),
  apiKeys: defineTable({ digest: v.bytes(), userId: v.string() }).index("by_digest", ["digest"]),
  members: defineTable({ workspaceId: v.string(), userId: v.string() }).index("by_member", [
    "workspaceId",
    "userId",
  ]),
});
