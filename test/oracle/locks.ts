/** Locks are reservations here. */
import type { OperationOf } from "./cases.js";
import { CUSTOMER as customerId, type Deployment } from "./deployment.js";
import { intervene, sweeps } from "./interventions.js";
import { NoVerb } from "./verbs.js";
import { errorCode, ownerOf, type Answer } from "./wire.js";

/** What a lock held, and since when. */
export interface Held {
  value: number;
  at: number;
}

export class Locks {
  /** By id; settled ones, too: the wire logs a lock and its settlement apart. */
  readonly held = new Map<string, Held>();

  constructor(private readonly deployment: Deployment) {}

  async lock({ id, feature: featureId, value = 1, entity }: OperationOf<"lock">): Promise<Answer> {
    if (value < 0) throw new NoVerb("belowZero");
    const { reservations } = this.deployment.tally;
    const { allowed, replayed } = await this.deployment.mutate(async (ctx) => {
      const args = { ...ownerOf(entity), featureId, value, reservationId: id };
      const reservation = await reservations.reserve(ctx, args);
      return { allowed: reservation.allowed, replayed: reservation.replayed };
    });
    // A repeat finds the same hold; the wire answers it with this error.
    if (replayed) return { ok: false, error: errorCode("idempotency_conflict", "lock") };
    const { page } = await this.deployment.query((ctx) => reservations.list(ctx, { customerId }));
    const held = page.find(({ reservationId }) => reservationId === id);
    if (held !== undefined) this.held.set(id, { value: held.value, at: held.createdAt });
    return { ok: true, allowed };
  }

  async finalize({ id, action, value }: OperationOf<"finalize">): Promise<Answer> {
    if (value !== undefined && value < 0) throw new NoVerb("belowZero");
    const { reservations } = this.deployment.tally;
    const settling = { customerId, reservationId: id };
    const { replayed } = await this.deployment.mutate((ctx) =>
      action === "release"
        ? reservations.release(ctx, settling)
        : reservations.confirm(ctx, { ...settling, ...(value !== undefined && { value }) }),
    );
    // A repeat is answered from the first call; the wire no longer knows the lock.
    return replayed ? { ok: false, error: errorCode("reservation_closed") } : { ok: true };
  }

  /** Its time is up, and nothing else has changed; then the component's cron runs. */
  async expire({ id: reservationId }: OperationOf<"expire_lock">): Promise<Answer> {
    await this.deployment.mutate((ctx) => ctx.runMutation(intervene.expireReservation, { reservationId }));
    await this.deployment.mutate((ctx) => ctx.runMutation(sweeps.reservations, {}));
    return { ok: true };
  }
}
