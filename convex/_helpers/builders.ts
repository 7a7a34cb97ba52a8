import { action, mutation, query } from "../_generated/server.js";
import { tally } from "../billing.js";

/** Functions that know their user: `ctx.check`, `ctx.track` and `ctx.consume` are about him. */
export const { userQuery, userMutation, userAction } = tally.builders({ query, mutation, action });
