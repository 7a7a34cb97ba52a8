/** What is seen of a customer's grants while time passes: at points, in windows, between changes. */
import { exact, nearest, total } from "../../src/core/amounts.js";
import { CUSTOMER as customerId, type Deployment } from "./deployment.js";
import { instant } from "./parsing.js";
import { amountsOf, type Answer } from "./wire.js";

/** Between two instants at which time changes the balance. */
interface Segment {
  usage: number;
  balancesAtStart: Record<string, number>;
  balanceAtStart: number;
  overageAtStart: number;
  overageAtEnd: number;
}

interface Window {
  usage: number;
  balanceAtStart: number;
}

export class Observations {
  /** The component's ids of the grants of the case. */
  readonly grantIds = new Map<string, string>();
  readonly segments: Segment[] = [];
  readonly windows: Window[] = [];

  constructor(
    private readonly deployment: Deployment,
    private readonly featureId: string,
  ) {}

  async beginSegment(): Promise<void> {
    const { remaining, overage } = await this.amounts();
    this.segments.push({
      usage: 0,
      balancesAtStart: await this.balances(),
      balanceAtStart: remaining,
      overageAtStart: overage,
      overageAtEnd: overage,
    });
  }

  async beginWindow(): Promise<void> {
    this.windows.push({ usage: 0, balanceAtStart: (await this.amounts()).remaining });
  }

  /** Counts a use where it falls. */
  async count(value: number): Promise<void> {
    const [segment, window] = [this.segments.at(-1), this.windows.at(-1)];
    if (window !== undefined) window.usage = nearest(exact(window.usage).plus(value));
    if (segment === undefined) return;
    segment.usage = nearest(exact(segment.usage).plus(value));
    segment.overageAtEnd = (await this.amounts()).overage;
  }

  /** The customer as he is now; use counts from `since`, with what he `owed` then. */
  async point(since: string, owed: number): Promise<Answer> {
    const { remaining: balance, overage } = await this.amounts();
    const { deployment, featureId } = this;
    const events = await deployment.query((ctx) =>
      deployment.tally.events.list(ctx, { customerId, featureId, limit: 200 }),
    );
    const used = events.page.filter(({ kind, createdAt }) => kind === "usage" && createdAt >= instant(since));
    const usage = total(used.map(({ value }) => exact(value)));
    // Grants pay what was owed, too.
    const grantUsage = usage.plus(owed).minus(overage);
    return {
      balances: await this.balances(),
      balance,
      overage,
      usage: nearest(usage),
      grantUsage: nearest(grantUsage),
      totalAvailable: nearest(grantUsage.plus(balance)),
      since,
    };
  }

  private async amounts() {
    return amountsOf(await this.breakdown());
  }

  /** What is left of each grant; nothing of one that is over. */
  private async balances(): Promise<Record<string, number>> {
    const parts = await this.breakdown();
    return Object.fromEntries(
      [...this.grantIds].map(([id, grantId]) => [
        id,
        parts.find((part) => part.grantId === grantId)?.remaining ?? 0,
      ]),
    );
  }

  private async breakdown() {
    const { deployment, featureId } = this;
    const check = await deployment.query((ctx) => deployment.tally.check(ctx, { customerId, featureId }));
    return check.breakdown;
  }
}
