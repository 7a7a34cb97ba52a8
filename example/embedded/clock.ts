/** Node's own: a function's `Date` tells the time of this clock. */
const RealDate = Date;

/** The deployment's time: real time, and as much as it has been moved forward. */
export class Clock {
  constructor(private offsetMs: number) {}

  /** In milliseconds, whole ones. */
  now(): number {
    return RealDate.now() + this.offsetMs;
  }

  get offset(): number {
    return this.offsetMs;
  }

  /** Moves on to an instant; never back. */
  moveTo(instant: number): void {
    this.offsetMs += Math.max(0, instant - this.now());
  }
}
