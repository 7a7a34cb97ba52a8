import { v } from "convex/values";
import { internalQuery, query } from "./_generated/server.js";
import { roleValidator } from "./schema.js";

const membershipValidator = v.object({
  workspaceId: v.id("workspaces"),
  name: v.string(),
  role: roleValidator,
});

/** What a user is in a workspace; null if he is not in it. */
export const membership = internalQuery({
  args: { workspaceId: v.id("workspaces"), userId: v.string() },
  returns: v.union(membershipValidator, v.null()),
  handler: async (ctx, { workspaceId, userId }) => {
    const member = await ctx.db
      .query("members")
      .withIndex("by_user", (q) => q.eq("userId", userId).eq("workspaceId", workspaceId))
      .unique();
    const workspace = member && (await ctx.db.get("workspaces", workspaceId));
    return workspace && { workspaceId, name: workspace.name, role: member.role };
  },
});

/** The workspaces that whoever is signed in is a member of. */
// eslint-disable-next-line @convex-dev/require-access-control -- it tells everyone about himself alone
export const mine = query({
  args: {},
  returns: v.array(membershipValidator),
  handler: async (ctx) => {
    const user = await ctx.auth.getUserIdentity();
    if (user === null) return [];
    const members = await ctx.db
      .query("members")
      .withIndex("by_user", (q) => q.eq("userId", user.subject))
      .take(50);
    const found = members.map(async ({ workspaceId, role }) => {
      const workspace = await ctx.db.get("workspaces", workspaceId);
      return workspace === null ? [] : [{ workspaceId, name: workspace.name, role }];
    });
    return (await Promise.all(found)).flat();
  },
});
