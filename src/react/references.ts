/** The app's own functions, as the hooks are given them, and what their types say of its catalog and scope. */
import type {
  ApiFromModules,
  DefaultFunctionArgs,
  FunctionArgs,
  FunctionReference,
  FunctionReturnType,
} from "convex/server";
import type { Value } from "convex/values";
import type { CatalogIds } from "../core/catalog.js";
import type { BalanceView, CustomerView, FeatureView, PlanView } from "../client/api.js";

/** The arguments that an app's `identify` uses. */
export type AnyScope = Record<string, Value | undefined>;

type Query<Answer> = FunctionReference<"query", "public", DefaultFunctionArgs, Answer>;

/** What an app exports of `tally.api()`: `api.billing`, say; and of `payments.api()`, if it sells. */
export interface BillingApi {
  customer: Query<CustomerView | null>;
  balances: Query<BalanceView[] | null>;
  /** Without it there is no `usePlans`, no `Paywall` and no `PricingTable`. */
  plans?: Query<PlanView[]>;
  /** Without it nothing can be bought. */
  checkout?: FunctionReference<"action", "public", DefaultFunctionArgs, CheckoutResult>;
}

export interface CheckoutResult {
  /** Where the customer pays; nothing where nothing is to be paid. */
  url?: string | null;
  /** It is had (or decided) already. */
  done?: boolean;
}

type View<Api extends BillingApi> = NonNullable<FunctionReturnType<Api["customer"]>>;

/** The ids of the catalog, as `api` says them. */
export interface IdsIn<Api extends BillingApi> extends CatalogIds {
  feature: View<Api>["features"][number]["id"];
  metered: Extract<View<Api>["features"][number], { type: Exclude<FeatureView["type"], "boolean"> }>["id"];
  plan: View<Api>["planIds"][number];
}

/** The arguments that the app's `identify` uses. */
export type ScopeIn<Api extends BillingApi> = FunctionArgs<Api["customer"]>;

/** What code generation writes for an app that exports all of `tally.api()`. */
export type ApiOf<Tally extends { api(): object }> =
  ApiFromModules<{ billing: ReturnType<Tally["api"]> & object }> extends {
    billing: infer Api extends BillingApi;
  }
    ? Api
    : never;
