import type { ApiFromModules } from "convex/server";
import type { VString } from "convex/values";
import type { OptimisticLocalStore } from "convex/browser";
import { describe, expectTypeOf, test } from "vitest";
import { createTallyReact, type BillingApi, type CheckAnswer } from "../../src/react/index.js";
import type { BrowserApi, CatalogIds, PlanView } from "../../src/client/index.js";
import type { Payments } from "../../src/payments/index.js";
import type { Api } from "./api.js";
import type { tally } from "./app.js";

declare const api: Api;
declare const store: OptimisticLocalStore;
/** As of an app whose generated types say nothing of its catalog. */
declare const untyped: ApiFromModules<{
  billing: BrowserApi<Record<never, never>>;
}>["billing"];

describe("createTallyReact", () => {
  test("knows the catalog by the app's api", () => {
    const { useBalance, useCheck, useCustomer, useCheckout, usePlans, optimisticTrack } = createTallyReact(
      api.app,
    );
    expectTypeOf(useBalance("messages")).not.toBeAny();
    useBalance("search", { workspaceId: "red" });
    useBalance("search", "skip");
    // @ts-expect-error no such feature
    useBalance("mesages");
    // @ts-expect-error no such scope
    useBalance("messages", { workplaceId: "red" });

    expectTypeOf(useCheck({ featureId: "messages" })).toEqualTypeOf<CheckAnswer | null | undefined>();
    useCheck({ featureId: "credits", requiredBalance: 2, workspaceId: "red" });
    useCheck("skip");
    // @ts-expect-error no such feature
    useCheck({ featureId: "mesages" });

    const { customer, check, checkout } = useCustomer();
    expectTypeOf(customer?.features.messages.balance).toEqualTypeOf<number | undefined>();
    expectTypeOf(customer?.planIds).toEqualTypeOf<("free" | "pro")[] | undefined>();
    // @ts-expect-error no such feature
    expectTypeOf(customer?.features.mesages);
    // @ts-expect-error search is on or off, and has no balance
    expectTypeOf(customer?.balances.search);
    // @ts-expect-error no such feature
    check({ featureId: "mesages" });
    void checkout({ planId: "pro" });
    void checkout({ productId: "pro", successUrl: "https://app.example" });
    // @ts-expect-error no such plan
    void checkout({ planId: "por" });
    // @ts-expect-error no such product
    void useCheckout().checkout({ productId: "por" });
    // @ts-expect-error one of both
    void checkout({});

    expectTypeOf(usePlans()).toExtend<PlanView[] | undefined>();
    expectTypeOf(usePlans()?.[0]?.id).toEqualTypeOf<"free" | "pro" | undefined>();

    optimisticTrack(store, { featureId: "messages", value: 2, workspaceId: "red" });
    // @ts-expect-error no such feature
    optimisticTrack(store, { featureId: "mesages" });
    // @ts-expect-error search is on or off
    optimisticTrack(store, { featureId: "search" });
  });

  test("knows it by the type of the app's Tally, where the api does not tell", () => {
    const { useBalance, useCustomer, optimisticTrack } = createTallyReact<typeof tally>(untyped);
    useBalance("messages", { workspaceId: "red" });
    // @ts-expect-error no such feature
    useBalance("mesages");
    // @ts-expect-error no such scope
    useBalance("messages", { workplaceId: "red" });
    expectTypeOf(useCustomer().customer?.planIds).toEqualTypeOf<("free" | "pro")[] | undefined>();
    // @ts-expect-error search is on or off
    optimisticTrack(store, { featureId: "search" });
  });

  test("lets a value typed string through, to be checked at run time", () => {
    const [featureId, planId] = ["messages", "pro"] as string[] as [string, string];
    const { useBalance, useCheck, useCustomer, UsageMeter, BuyButton } = createTallyReact(api.app);
    useBalance(featureId);
    useCheck({ featureId });
    const { check, checkout } = useCustomer();
    check({ featureId });
    void checkout({ planId });
    return (
      <>
        <UsageMeter featureId={featureId} />
        <BuyButton planId={planId} />
      </>
    );
  });

  test("takes any id where nothing tells the catalog", () => {
    const { useBalance, useCustomer } = createTallyReact(untyped);
    useBalance("anything");
    expectTypeOf(useCustomer().customer?.planIds).toEqualTypeOf<string[] | undefined>();
  });

  test("takes an api with the checkout of payments, and one without", () => {
    type Sold = ApiFromModules<{
      store: ReturnType<Payments<CatalogIds, { workspaceId: VString }>["api"]>;
    }>["store"];
    const { customer, balances, plans } = api.app;
    const store = {} as Sold;
    const { useCheckout } = createTallyReact({ customer, balances, plans, checkout: store.checkout });
    void useCheckout().checkout({ planId: "pro", quantities: { seats: 2 }, entityId: "ada" });
    expectTypeOf<Api["app"] & Pick<Sold, "checkout">>().toExtend<BillingApi>();
    expectTypeOf<Api["app"]>().toExtend<BillingApi>();
    expectTypeOf<Omit<Api["app"], "customer">>().not.toExtend<BillingApi>();
    expectTypeOf<Api["app"] & { checkout: Sold["portal"] }>().toExtend<BillingApi>();
    expectTypeOf<Api["app"] & { checkout: Sold["cancel"] }>().not.toExtend<BillingApi>();
  });
});

describe("a component", () => {
  test("takes only ids of the catalog", () => {
    const { UsageMeter, BalanceBreakdown, Gate, Paywall, PricingTable, BuyButton } = createTallyReact(
      api.app,
    );
    return (
      <>
        <UsageMeter featureId="messages" scope={{ workspaceId: "red" }} className="meter">
          {({ remaining }, { percent }) => remaining.toFixed() + percent.toFixed()}
        </UsageMeter>
        {/* @ts-expect-error no such feature */}
        <UsageMeter featureId="mesages" />
        <BalanceBreakdown featureId="credits">{({ name }) => name.trim()}</BalanceBreakdown>
        {/* @ts-expect-error no such feature */}
        <BalanceBreakdown featureId="mesages" />
        <Gate featureId="search" fallback={(answer) => answer?.reason}>
          {({ allowed }) => String(allowed)}
        </Gate>
        {/* @ts-expect-error no such feature */}
        <Gate featureId="mesages">yes</Gate>
        <Paywall featureId="messages" currency="EUR" />
        {/* @ts-expect-error no such feature */}
        <Paywall featureId="mesages" />
        <PricingTable planIds={["free", "pro"]} labels={{ current: "Yours" }} />
        {/* @ts-expect-error no such plan */}
        <PricingTable planIds={["por"]} />
        <BuyButton planId="pro" quantities={{ seats: 3 }} />
        {/* @ts-expect-error no such plan */}
        <BuyButton planId="por" />
      </>
    );
  });
});
