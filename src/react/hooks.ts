/** The hooks, over the app's own functions. What they need beside is a `ConvexProvider`. */
import { useConvex, useQueries } from "convex/react";
import { convexToJson, type Value } from "convex/values";
import type { OptimisticLocalStore } from "convex/browser";
import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import type { BalanceView, CustomerView, PlanView } from "../client/api.js";
import type { Known } from "../client/requests.js";
import type { CatalogIds } from "../core/catalog.js";
import type { CheckAnswer } from "../core/checkAnswers.js";
import { Accounts, type Account, type FeatureBalance } from "./account.js";
import { checkOf, localAnswer, type LocalAnswer } from "./checks.js";
import { checkOut, isMissing, missing, type CheckoutArgs, type KnownCheckout } from "./checkouts.js";
import { Clock } from "./clock.js";
import { customerOf, type Customer } from "./customer.js";
import { trackOptimistically, type OptimisticUse } from "./optimism.js";
import type { AnyScope, BillingApi, CheckoutResult } from "./references.js";

/** The arguments that the app's `identify` uses, if there are any; `"skip"` asks nothing. */
export type ScopeArgs<Scope> =
  Record<never, never> extends Scope ? [scope?: Scope | "skip"] : [scope: Scope | "skip"];

/** Refuses a literal id that the catalog does not have. */
export type KnownId<Given extends string, Ids extends string> = string extends Given
  ? unknown
  : [Given] extends [Ids]
    ? unknown
    : Ids;

export interface CustomerState<Ids extends CatalogIds = CatalogIds> {
  /** Undefined while loading, null if nobody is signed in. */
  customer: Customer<Ids> | null | undefined;
  /** The same, as Autumn's clients name it. */
  data: Customer<Ids> | null | undefined;
  loading: boolean;
  isLoading: boolean;
  /** Why there is no customer; `isTallyError` tells what kind it is. */
  error: Error | null;
  /** As `useCheck`, at once: for handlers. Throws `feature_not_found`, `invalid_amount`. */
  check: <Id extends string>(
    args: { featureId: Id; requiredBalance?: number } & Known<Id, Ids["feature"]>,
  ) => LocalAnswer;
  /** Does nothing, since what is shown is always current: for code that comes from Autumn's clients. */
  refetch: () => Promise<void>;
  checkout: Checkout<Ids>;
}

/** Throws `not_supported` where the app exports no `checkout`, and whatever the checkout itself refuses with. */
export type Checkout<Ids extends CatalogIds = CatalogIds> = <const Args extends CheckoutArgs>(
  args: Args & KnownCheckout<Args, Ids>,
) => Promise<CheckoutResult>;

export interface CheckoutState<Ids extends CatalogIds = CatalogIds> {
  /** Called again while it is pending, it is the same checkout. */
  checkout: Checkout<Ids>;
  /** From the call until it has failed, is done, or the page is left for where the customer pays. */
  pending: boolean;
  /** Why the last checkout failed. */
  error: Error | null;
}

/**
 * What they answer is undefined while it is loading (or skipped), and null if nobody is signed in. Where
 * nothing else is said, a query that fails throws in render, as `useQuery` does: to the nearest error boundary.
 */
export interface Hooks<Ids extends CatalogIds = CatalogIds, Scope = AnyScope> {
  /** Who is signed in, with his plans, balances and flags. A query that fails is its `error`. */
  useCustomer: (...scope: ScopeArgs<Scope>) => CustomerState<Ids>;
  /** What he has of a feature, credits included, in the feature's unit. Throws `feature_not_found`. */
  useBalance: <Id extends string>(
    featureId: Id & KnownId<Id, Ids["feature"]>,
    ...scope: ScopeArgs<Scope>
  ) => FeatureBalance | null | undefined;
  /**
   * Whether he can use `requiredBalance` (1 unless told) units now: as `api.check` answers, but decided
   * here, so that it changes the moment the data does or a boundary passes. Throws `feature_not_found`,
   * `invalid_amount`.
   */
  useCheck: <Id extends string>(
    args: ({ featureId: Id; requiredBalance?: number } & Scope & Known<Id, Ids["feature"]>) | "skip",
  ) => CheckAnswer | null | undefined;
  /** The plans that are for sale, and which he has; signed in or not. */
  usePlans: (...scope: ScopeArgs<Scope>) => PlanView<Ids>[] | undefined;
  useCheckout: (...scope: ScopeArgs<Scope>) => CheckoutState<Ids>;
  /**
   * Shows what a mutation will use before it has answered, by the rules that the deployment will apply;
   * undone should it fail. It never throws: what the deployment would refuse is an error on the console.
   *
   * ```ts
   * const send = useMutation(api.chat.send).withOptimisticUpdate((store) =>
   *   optimisticTrack(store, { featureId: "messages", onInsufficient: "reject" }),
   * );
   * ```
   */
  optimisticTrack: <Id extends string>(
    store: OptimisticLocalStore,
    use: OptimisticUse<Id> & Scope & Known<Id, Ids["metered"]>,
  ) => void;
}

/** What the components are made of: the account to show, and the instant as of which. */
export interface Shown {
  account: Account;
  at: number;
}
export interface Inside extends Hooks {
  useShown: (scope?: AnyScope | "skip") => Shown | null | undefined;
}

export function hooksOf(api: BillingApi): Inside {
  const accounts = new Accounts(new Clock());

  function useAccount(scope: AnyScope | "skip" = {}): Account | Error | null | undefined {
    const { customer, balances } = useAnswers<{
      customer: CustomerView | null;
      balances: BalanceView[] | null;
    }>({ customer: api.customer, balances: api.balances }, scope);
    return useMemo(() => {
      if (customer instanceof Error) return customer;
      if (balances instanceof Error) return balances;
      if (customer === null || balances === null) return null;
      return customer && balances && accounts.of(customer, balances);
    }, [customer, balances]);
  }

  function useShown(scope?: AnyScope | "skip"): Shown | null | undefined {
    const account = useAccount(scope);
    const at = useMoment(account);
    if (account instanceof Error) throw account;
    return useMemo(() => account && { account, at }, [account, at]);
  }

  function useCustomer(scope?: AnyScope | "skip"): CustomerState {
    const account = useAccount(scope);
    const at = useMoment(account);
    const checkout = useSend(scope);
    const customer = useMemo(() => {
      if (account instanceof Error) return undefined;
      return account && customerOf(account, at);
    }, [account, at]);
    const check = useCallback(
      ({ featureId, requiredBalance = 1 }: { featureId: string; requiredBalance?: number }) =>
        localAnswer(account, featureId, requiredBalance),
      // At another moment it answers otherwise: whoever memoizes what it answers has to know.
      [account, at],
    );
    const loading = account === undefined && scope !== "skip";
    const error = account instanceof Error ? account : null;
    return { customer, data: customer, loading, isLoading: loading, error, check, refetch, checkout };
  }

  function useBalance(featureId: string, scope?: AnyScope | "skip"): FeatureBalance | null | undefined {
    const shown = useShown(scope);
    return useMemo(() => shown && shown.account.balance(featureId, shown.at), [shown, featureId]);
  }

  function useCheck(args: { featureId: string; requiredBalance?: number } | "skip") {
    const { featureId = "", requiredBalance = 1, ...scope } = args === "skip" ? {} : args;
    const shown = useShown(args === "skip" ? "skip" : scope);
    return useMemo(
      () => shown && checkOf(shown.account, featureId, requiredBalance, shown.at),
      [shown, featureId, requiredBalance],
    );
  }

  function usePlans(scope: AnyScope | "skip" = {}): PlanView[] | undefined {
    if (api.plans === undefined) throw missing("plans", "show");
    const { plans } = useAnswers<{ plans: PlanView[] }>({ plans: api.plans }, scope);
    if (plans instanceof Error) throw isMissing(plans) ? missing("plans", "show") : plans;
    return plans;
  }

  function useSend(scope: AnyScope | "skip" = {}): (args: CheckoutArgs) => Promise<CheckoutResult> {
    const convex = useConvex();
    const own = useSame(scope);
    return useCallback(
      async (args: CheckoutArgs) => {
        const { checkout } = api;
        const identifying = own === "skip" ? {} : own;
        return await checkOut(
          checkout && (async (given) => await convex.action(checkout, { ...identifying, ...given })),
          args,
        );
      },
      [convex, own],
    );
  }

  function useCheckout(scope?: AnyScope | "skip"): CheckoutState {
    const send = useSend(scope);
    const [error, setError] = useState<Error | null>(null);
    const [pending, setPending] = useState(false);
    const running = useRef<Promise<CheckoutResult> | null>(null);

    const end = useCallback(() => {
      running.current = null;
      setPending(false);
    }, []);

    const checkout = useCallback(
      (args: CheckoutArgs): Promise<CheckoutResult> => {
        running.current ??= send(args).then(
          (result) => {
            // The page is about to be left: until then there is nothing to click.
            if (result.url == null || args.redirect === false) end();
            return result;
          },
          (failure: unknown) => {
            setError(failure instanceof Error ? failure : new Error(String(failure)));
            end();
            throw failure;
          },
        );
        setError(null);
        setPending(true);
        return running.current;
      },
      [send, end],
    );

    // Back from where the customer pays, a browser may show the page as it was left.
    useEffect(() => {
      const show = ({ persisted }: PageTransitionEvent) => {
        if (persisted) end();
      };
      window.addEventListener("pageshow", show);
      return () => window.removeEventListener("pageshow", show);
    }, [end]);
    return { checkout, pending, error };
  }

  const optimisticTrack = (store: OptimisticLocalStore, use: OptimisticUse) =>
    trackOptimistically(api, accounts.clock, store, use);

  // Which ids the catalog has and what the scope is, only the types know: those of `createTallyReact`.
  return {
    useShown,
    useCustomer,
    useBalance,
    useCheck,
    usePlans,
    useCheckout,
    optimisticTrack,
  };
}

type Query = NonNullable<BillingApi["customer" | "balances" | "plans"]>;

const refetch = async (): Promise<void> => {};

/** The answers of queries with the same arguments: an `Error` where one fails, undefined while it is loading. */
function useAnswers<Answers extends object>(
  queries: Record<keyof Answers & string, Query>,
  scope: AnyScope | "skip",
): { [Name in keyof Answers]: Answers[Name] | Error | undefined } {
  const args = useSame(scope);
  const requests = useMemo(
    () =>
      args === "skip"
        ? {}
        : Object.fromEntries(Object.entries<Query>(queries).map(([name, query]) => [name, { query, args }])),
    // The queries of a hook are always the same.
    [args],
  );
  return useQueries(requests) as { [Name in keyof Answers]: Answers[Name] | Error | undefined };
}

/** The same object as long as it says the same. */
function useSame(scope: AnyScope | "skip"): Record<string, Value> | "skip" {
  const known = scope === "skip" ? scope : withoutUndefined(scope);
  const key = known === "skip" ? known : JSON.stringify(convexToJson(known));
  // The key stands for what it was made of.
  return useMemo(() => known, [key]);
}

const withoutUndefined = (scope: AnyScope): Record<string, Value> =>
  Object.fromEntries(
    Object.entries(scope).filter((entry): entry is [string, Value] => entry[1] !== undefined),
  );

function useMoment(account: Account | Error | null | undefined): number {
  const { subscribe, moment } = account == null || account instanceof Error ? TIMELESS : account;
  return useSyncExternalStore(subscribe, moment, moment);
}

const TIMELESS = { subscribe: () => () => {}, moment: () => 0 };
