import { action, mutation, query } from "../_generated/server";
import { tally } from "../billing";

export const { userQuery, userMutation, userAction } = tally.builders({
  query,
  mutation,
  action,
});
