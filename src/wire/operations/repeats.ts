/** What is answered to a call that was made before: Autumn's 409, since its clients know no other. */
import type { Summary } from "../../core/answers.js";
import { shown } from "../../core/errors.js";
import type { Tracked } from "../../client/verbs.js";
import { WireError } from "../failures.js";
import type { Call } from "../operations.js";

/** The balance right after a use; of a use that had been made before, 409, as Autumn answers. */
export async function afterwards(call: Call, customerId: string, tracked: Tracked): Promise<Summary> {
  refuseReplayed(tracked, call.idempotencyKey);
  if (tracked.balance !== null) return tracked.balance;
  const { featureId, entityId } = tracked;
  return await call.tally
    .for(call.ctx, { customerId })
    .check({ featureId, requiredBalance: 0, ...(entityId !== undefined && { entityId }) });
}

export function refuseReplayed({ replayed }: { replayed: boolean }, key: string | undefined): void {
  if (!replayed) return;
  throw new WireError(
    409,
    "duplicate_idempotency_key",
    `The key ${shown(key)} was used for the same call before: it was applied then, and not again.`,
  );
}
