import { register } from "convex-tally/test";
import { convexTest } from "convex-test";
import { expect, test } from "vitest";
import { api } from "./_generated/api";
import schema from "./schema";

const modules = import.meta.glob("./**/*.*s");

function ada() {
  const t = convexTest(schema, modules);
  register(t);
  return t.withIdentity({ subject: "ada" });
}

test("what is sent is metered", async () => {
  const t = ada();
  await t.mutation(api.usage.send, { text: "one" });
  await t.mutation(api.usage.send, { text: "two" });
  await expect(t.mutation(api.usage.send, { text: "three" })).rejects.toThrow("usage_exceeded");
  expect(await t.run((ctx) => ctx.db.query("messages").collect())).toHaveLength(2);
});

test("an action checks and tracks", async () => {
  const t = ada();
  const featureId = "api_calls";
  expect(await t.query(api.usage.getUsage, { featureId })).toEqual({
    allowed: true,
  });
  await t.action(api.usage.callExternalApi, { endpoint: "somewhere" });
  expect(await t.query(api.usage.getUsage, { featureId })).toEqual({
    allowed: false,
  });
});
