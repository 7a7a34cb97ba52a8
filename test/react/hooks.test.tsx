import { act } from "@testing-library/react";
import { useMutation } from "convex/react";
import { describe, expect, test } from "vitest";
import { isTallyError } from "../../src/react/index.js";
import { api, tally } from "./app.js";
import { page } from "./page.js";

describe("useBalance", () => {
  test("is undefined while loading, then there, then follows", async () => {
    const { useBalance, hook, elsewhere } = page();
    const { result, first } = await hook(() => useBalance("messages"));
    expect(first).toBeUndefined();
    expect(result.current).toMatchObject({ featureId: "messages", name: "Messages", granted: 5, remaining: 5 });
    await elsewhere((t) =>
      t.mutation((ctx) => tally.track(ctx, { customerId: "ada", featureId: "messages", value: 2 })),
    );
    expect(result.current).toMatchObject({ usage: 2, remaining: 3 });
  });
});
