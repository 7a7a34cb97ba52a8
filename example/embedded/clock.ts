/** Node's own: a function's `Date` tells the time of this clock. */
const RealDate = Date;

/** The deployment's time: real time, and as much as it has been moved forward. */
export class Clock {
  constructor(
    private offsetMs: number,
    private readonly moved: (offsetMs: number) => void,
  ) {}

  /** In milliseconds, whole ones. */
  now(): number {
    return RealDate.now() + this.offsetMs;
  }

  /** Moves on to an instant; never back. */
  moveTo(instant: number): void {
    const ahead = instant - this.now();
    if (ahead <= 0) return;
    this.offsetMs += ahead;
    this.moved(this.offsetMs);
  }
}
