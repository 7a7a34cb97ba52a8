import { v } from "convex/values";
import { userAction, userMutation } from "./_helpers/builders.js";
import { AppError } from "./_helpers/errors.js";

/** Sends an email. Its use is known beforehand, so that it is taken first: no two at once can pass the limit. */
export const sendEmail = userAction({
  args: { to: v.string(), body: v.string() },
  returns: v.object({ left: v.number() }),
  handler: async (ctx, { to, body }) => {
    const result = await ctx.check({ featureId: "emails", sendEvent: true });
    if (!result.allowed)
      throw new AppError("USAGE_EXCEEDED", "Email limit reached. Upgrade to send more emails.");
    await deliver(to, body);
    return { left: result.remaining };
  },
});

/** Queues an email to several people. The meter follows the arguments, and the rows commit with the charge. */
export const queueEmails = userMutation({
  args: { to: v.array(v.string()), body: v.string() },
  meter: ({ to }) => (to.length === 0 ? null : { featureId: "emails", value: to.length }),
  returns: v.null(),
  handler: async (ctx, { to, body }) => {
    const userId = ctx.identity?.customerId ?? "";
    for (const recipient of to) await ctx.db.insert("outbox", { userId, to: recipient, body });
    return null;
  },
});

/** Stands in for an email service. */
async function deliver(to: string, body: string): Promise<void> {
  console.log(`Email to ${to}: ${body.length} characters`);
}
