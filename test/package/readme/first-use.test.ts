import { register } from "convex-tally/test";
import { convexTest } from "convex-test";
import { expect, test } from "vitest";
import { api } from "./_generated/api";
import schema from "./schema";

test("the sixth message of a month is refused and not written", async () => {
  const t = convexTest(schema, import.meta.glob("./**/*.*s"));
  register(t);
  const ada = t.withIdentity({ subject: "ada" });
  for (let count = 0; count < 5; count++) await ada.mutation(api.messages.send, { text: "hello" });
  await expect(ada.mutation(api.messages.send, { text: "hello" })).rejects.toThrow("usage_exceeded");
  expect(await t.run((ctx) => ctx.db.query("messages").collect())).toHaveLength(5);
});
