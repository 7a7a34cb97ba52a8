/** Who goes on when: of several mutations that run at once, and of those that wait to try again. */
export interface Turns {
  /** Called before each system call of a mutation: here another one may come between. */
  next(): Promise<void>;
  sleep(ms: number): Promise<void>;
  /** From 0 to 1. */
  random(): number;
}

const realSetTimeout = setTimeout;

/** As they come. */
export const asTheyCome: Turns = {
  next: async () => {},
  sleep: (ms) => new Promise((resume) => realSetTimeout(resume, ms)),
  random: Math.random,
};

/**
 * In an order that a seed decides, so that conflicts happen and a run can be repeated. A turn stands
 * for a millisecond, and a sleeper waits for as many turns; while everybody sleeps, time leaps.
 */
export class SeededTurns implements Turns {
  private readonly waiting: { resume: () => void; from: number }[] = [];
  private turn = 0;
  private going = false;

  constructor(private state: number) {}

  next(): Promise<void> {
    return this.sleep(0);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resume) => {
      this.waiting.push({ resume, from: this.turn + ms });
      if (this.going) return;
      this.going = true;
      setImmediate(this.take);
    });
  }

  /** Mulberry32: four lines, and good enough to shuffle. */
  random(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Between two turns all that the first set going has come to rest: functions wait for nothing else. */
  private readonly take = (): void => {
    this.turn = Math.max(this.turn + 1, Math.min(...this.waiting.map(({ from }) => from)));
    const ready = this.waiting.filter(({ from }) => from <= this.turn);
    const chosen = ready[Math.floor(this.random() * ready.length)]!;
    this.waiting.splice(this.waiting.indexOf(chosen), 1);
    chosen.resume();
    setImmediate(() => {
      this.going = this.waiting.length > 0;
      if (this.going) this.take();
    });
  };
}
