/** Stored shapes are defined once, as validators; the types follow. */
import type { Infer } from "convex/values";
import { expectTypeOf, test } from "vitest";
import type { Doc } from "../../src/component/_generated/dataModel.js";
import type { Balance, Grant, grantValidator } from "../../src/core/balances.js";
import type { Pool } from "../../src/core/order.js";
import type { ComponentApi } from "../../src/component/_generated/component.js";

test("a stored balance is what the rules read and write", () => {
  expectTypeOf<Doc<"balances">>().toExtend<Balance>();
  expectTypeOf<Grant>().toEqualTypeOf<Infer<typeof grantValidator>>();
});

test("pools cross into the component as the rules know them", () => {
  type Asked = ComponentApi["usage"]["check"]["_args"]["asks"][number]["pools"][number];
  expectTypeOf<Pool>().toExtend<Asked>();
  expectTypeOf<Asked>().toExtend<Pool>();
});
