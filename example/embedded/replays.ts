import type { Outcome } from "./engine.js";

/** A client replays what it has not seen through, which is little: this is thousands of clients' worth. */
const REMEMBERED = 10_000;

/**
 * Applies a mutation once, however often its request comes: a client that lost
 * its connection cannot know whether the mutation got through, and sends it again.
 */
export class Replays {
  private readonly outcomes = new Map<string, Promise<Outcome>>();

  constructor(private readonly limit = REMEMBERED) {}

  /** @returns what `run` came to, the first time. What failed changed nothing, and is tried anew. */
  once(sessionId: string, requestId: number, run: () => Promise<Outcome>): Promise<Outcome> {
    const key = `${sessionId}:${requestId}`;
    const known = this.outcomes.get(key);
    if (known) return known;

    const outcome = run();
    this.outcomes.set(key, outcome);
    const forget = () => this.outcomes.delete(key);
    outcome.then(({ ok }) => ok || forget(), forget);
    this.forgetOldest();
    return outcome;
  }

  get size(): number {
    return this.outcomes.size;
  }

  private forgetOldest(): void {
    for (const key of this.outcomes.keys()) {
      if (this.outcomes.size <= this.limit) return;
      this.outcomes.delete(key);
    }
  }
}
