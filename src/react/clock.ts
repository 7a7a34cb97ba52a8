/** Convex answers a query from results of up to a few seconds ago; more than that is no delay, but another clock. */
const LATE_MS = 10_000;

/** The deployment's clock, as far as its answers tell it. The browser's own may be wrong by any amount. */
export class Clock {
  private ahead: number | undefined;

  /** Takes note of an answer that has just come: it was true at `asOf`. */
  observe(asOf: number): void {
    const ahead = asOf - Date.now();
    // An answer comes late and never early: of two that nearly agree, the larger is nearer.
    const isLate = this.ahead !== undefined && ahead < this.ahead && this.ahead - ahead < LATE_MS;
    if (!isLate) this.ahead = ahead;
  }

  now(): number {
    return Date.now() + (this.ahead ?? 0);
  }
}
