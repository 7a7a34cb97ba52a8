/** What looks wrong in the sources: each case fails, and says what was to be expected. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { components } from "../../convex/_generated/api.js";
import { defineCatalog, isTallyError, Tally } from "../../src/client/index.js";
import { deployment, type Deployment } from "./deployment.js";
import { addSubscriptions, registerInspected, stored } from "./stored.js";

const customerId = "user_1";

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime("2026-01-10T00:00:00Z");
});
afterEach(() => {
  vi.useRealTimers();
});

function deployed() {
  const t = deployment();
  registerInspected(t);
  return t;
}

describe("a plan of one entity's own", () => {
  const team = new Tally(components.tally, {
    catalog: defineCatalog({
      features: [
        { id: "seats", type: "metered", consumable: false },
        { id: "tokens", type: "metered" },
      ],
      plans: [
        { id: "team", autoEnable: true, items: [{ featureId: "tokens", included: 100 }] },
        {
          id: "per-seat",
          group: "seats",
          price: { amount: 5, interval: "month" },
          items: [{ featureId: "tokens", included: 20, entityFeatureId: "seats" }],
        },
        {
          id: "basic",
          group: "seats",
          price: { amount: 1, interval: "month" },
          items: [{ featureId: "tokens", included: 1, reset: { interval: "month" } }],
        },
        {
          id: "power",
          group: "seats",
          price: { amount: 9, interval: "month" },
          items: [{ featureId: "tokens", included: 50, reset: { interval: "month" } }],
        },
      ],
    }),
    identify: () => Promise.resolve({ customerId, entityId: "bob" }),
  });
  const create = (t: Deployment, entityId: string) =>
    t.mutation((ctx) => team.entities.create(ctx, { customerId, entityId, featureId: "seats" }));
  const attach = (t: Deployment, planId: "per-seat" | "basic" | "power") =>
    t.mutation((ctx) => team.subscriptions.attach(ctx, { customerId, entityId: "ada", planId }));
  const remaining = async (t: Deployment, entityId: string) => {
    const answer = await t.query((ctx) =>
      team.for(ctx, { customerId, entityId }).check({ featureId: "tokens" }),
    );
    return answer.remaining;
  };

  /** Either it is refused, or the entity gets what the plan gives to an entity. */
  test("gives its items for each entity to that entity, and to no other", async () => {
    const t = deployed();
    for (const entityId of ["ada", "bob"]) await create(t, entityId);
    const isRefused = await attach(t, "per-seat").then(
      () => false,
      (error: unknown) => isTallyError(error, "invalid_argument"),
    );
    expect(await remaining(t, "bob")).toBe(100);
    expect(await remaining(t, "ada")).toBe(isRefused ? 100 : 120);
  });

  test("gives nothing to an entity that comes later", async () => {
    const t = deployed();
    await create(t, "ada");
    await attach(t, "per-seat").catch(() => undefined);
    await create(t, "cy");
    expect(await remaining(t, "cy")).toBe(100);
  });

  test("is not shown to another as his", async () => {
    const t = deployed();
    for (const entityId of ["ada", "bob"]) await create(t, entityId);
    await attach(t, "power");
    const { _handler } = team.api().customer as unknown as {
      _handler: (ctx: unknown, args: object) => Promise<{ planIds: string[] }>;
    };
    expect(await t.query(async (ctx) => await _handler(ctx, {}))).toMatchObject({ planIds: ["team"] });
  });

  test("is replaced by the next one, however many subscriptions the customer has had since", async () => {
    const t = deployed();
    await create(t, "ada");
    await attach(t, "basic");
    const [first] = (await stored(t)).subscriptions;
    if (first === undefined) throw new Error("The customer has begun with a plan.");
    const { _id, _creationTime, ...held } = first;
    const since = Array.from({ length: 1_000 }, (_, i) => ({
      ...held,
      subscriptionId: `s${String(i + 1_000)}`,
      endsAt: 1,
    }));
    await addSubscriptions(t, since);
    await attach(t, "power");
    expect(await remaining(t, "ada")).toBe(150);
  });
});
