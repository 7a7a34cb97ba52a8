/** A clock that only cases move: `Date.now` is theirs while they run. */
export class Clock {
  private readonly real = Date.now;
  now = 0;

  constructor() {
    Date.now = () => this.now;
  }

  /** To `instant`, never back. */
  advanceTo(instant: number): void {
    this.now = Math.max(this.now, instant);
  }

  restore(): void {
    Date.now = this.real;
  }
}
