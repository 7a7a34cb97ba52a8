/** What looks wrong in the sources: each case fails, and says what was to be expected. */
import { expect, test } from "vitest";
import { tally } from "../../convex/billing.js";
import { deployment } from "./deployment.js";

// Once these pass, take the exception for "reservations.reserve" out of bad-input.test.ts.
test.each([undefined, null, 7, "user_1"])("%s is refused in words by reservations.reserve", async (args) => {
  const reserve = deployment().mutation(async (ctx) => {
    await tally.reservations.reserve(ctx, args as never);
  });
  await expect(reserve).rejects.toMatchObject({
    data: { kind: "invalid_argument", message: expect.stringContaining(`got ${JSON.stringify(args)}`) },
  });
});
