import type { Customer as TheirCustomer, Product as TheirProduct } from "autumn-js-0.1";
import type {
  FunctionArgs,
  FunctionReference,
  FunctionReturnType,
  GenericActionCtx,
  GenericDataModel,
} from "convex/server";
import { expectTypeOf, test } from "vitest";
import type { PropertyValidators } from "convex/values";
import type { CatalogIds } from "../../src/client/index.js";
import { Autumn, type Customer, type Result } from "../../src/autumn/index.js";
import type { Payments } from "../../src/payments/index.js";
import { autumn, type Api } from "./autumn.js";
import { tally } from "./app.js";

declare const ctx: GenericActionCtx<GenericDataModel>;
declare const payments: Payments<CatalogIds, PropertyValidators>;

test("what the app exports is what autumn-js/react calls", () => {
  type Check = Api["autumn"]["check"];
  expectTypeOf<Check>().toExtend<FunctionReference<"action", "public">>();
  expectTypeOf<FunctionArgs<Check>["featureId"]>().toEqualTypeOf<string | undefined>();
  expectTypeOf<NonNullable<FunctionReturnType<Check>["data"]>["allowed"]>().toEqualTypeOf<boolean>();
  expectTypeOf<FunctionReturnType<Api["autumn"]["createCustomer"]>>().toEqualTypeOf<Result<Customer>>();
});

test("data is of the types that clients of 0.1.x have for it", async () => {
  const { data, error } = await autumn.customers.get(ctx, { expand: ["invoices"] });
  if (error === null && data !== null) {
    expectTypeOf<
      (typeof data.products)[number]["status"]
    >().toExtend<`${TheirCustomer["products"][number]["status"]}`>();
    expectTypeOf(data.features.api_calls?.balance).toEqualTypeOf<number | undefined>();
  }
  const products = await autumn.products.list(ctx);
  expectTypeOf(products.data?.list[0]?.id).toEqualTypeOf<TheirProduct["id"] | undefined>();
  const { data: bought } = await autumn.checkout(ctx, { productId: "api-call-pack-1000", successUrl: "/" });
  expectTypeOf(bought?.url).toEqualTypeOf<string | null | undefined>();
});

test("browsers may track only if the app asks for it", () => {
  const api = autumn.api();
  expectTypeOf(api).toHaveProperty("check");
  expectTypeOf(api).not.toHaveProperty("track");
  expectTypeOf(api).not.toHaveProperty("usage");
  expectTypeOf(autumn.api({ also: ["track"] })).toHaveProperty("track");
  expectTypeOf(autumn.api({ also: ["track"] })).not.toHaveProperty("usage");
  // @ts-expect-error -- nothing else is left out
  autumn.api({ also: ["check"] });
});

test("arguments are upstream's", () => {
  // @ts-expect-error -- misspelt
  void autumn.track(ctx, { featureID: "api_calls" });
  // @ts-expect-error -- who is checked is who identify names
  void autumn.check(ctx, { featureId: "api_calls", customerId: "bob" });
  void autumn.attach(ctx, {
    productId: "pro",
    options: [{ featureId: "seats", quantity: 2 }],
    freeTrial: false,
  });
});

test("a query can check, and cannot track", () => {
  const query: Pick<typeof ctx, "auth" | "runQuery"> = ctx;
  void autumn.check(query, { featureId: "api_calls" });
  // @ts-expect-error -- a query changes nothing
  void autumn.track(query, { featureId: "api_calls" });
});

test("it is built over a Tally, with its scope left out or with an identify of its own", () => {
  new Autumn(tally);
  new Autumn(tally, { payments });
  new Autumn(tally, { identify: () => Promise.resolve({ customerId: "ada" }) });
  // @ts-expect-error -- a component alone has no catalog and no identity
  new Autumn(tally.component, {});
});
