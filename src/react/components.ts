/** The components: headless markup with `data-tally` and `data-state` to style by, and every part replaceable. */
import type { ReactNode } from "react";
import type { ItemView, PlanView } from "../client/api.js";
import type { Known } from "../client/requests.js";
import type { KnownPlan } from "../client/subscriptions.js";
import type { CatalogIds } from "../core/catalog.js";
import type { CheckAnswer } from "../core/checkAnswers.js";
import type { FeatureBalance } from "./account.js";
import type { GrantPart, MeterState } from "./formats.js";
import type { PlanChange } from "./offers.js";
import type { AnyScope, CheckoutResult } from "./references.js";

/** What every component takes. */
export type CommonProps<Scope> = {
  className?: string | undefined;
  /** As of `Intl`; the browser's, unless told. */
  locale?: string | undefined;
} & ScopeProps<Scope>;

/** The arguments that the app's `identify` uses, if there are any. */
export type ScopeProps<Scope> =
  Record<never, never> extends Scope ? { scope?: Scope | undefined } : { scope: Scope };

export interface MeterView {
  state: MeterState;
  /** From 0 to 100, how much of what is granted is used. */
  percent: number;
  /** All of it in words: what a screen reader says. */
  text: string;
}

export type UsageMeterProps<Id extends string = string, Scope = AnyScope> = CommonProps<Scope> & {
  featureId: Id;
  /** The feature's name, unless told. */
  label?: ReactNode;
  /** The words for a balance, for other languages than English. */
  text?: ((balance: FeatureBalance) => string) | undefined;
  loading?: ReactNode;
  children?: ((balance: FeatureBalance, meter: MeterView) => ReactNode) | undefined;
};

export interface GrantView extends GrantPart {
  /** The plan's name; else what kind of grant it is. */
  name: string;
  text: string;
}

export type BalanceBreakdownProps<Id extends string = string, Scope = AnyScope> = CommonProps<Scope> & {
  featureId: Id;
  /** What is said where there is no grant. */
  empty?: ReactNode;
  loading?: ReactNode;
  /** Each grant, in the order in which they are used up, in its own unit. */
  children?: ((grant: GrantView) => ReactNode) | undefined;
};

export type GateProps<Id extends string = string, Scope = AnyScope> = ScopeProps<Scope> & {
  featureId: Id;
  /** Units that must be there; 1 unless told. */
  requiredBalance?: number | undefined;
  children: ReactNode | ((answer: CheckAnswer) => ReactNode);
  /** Shown instead where the check says no; its argument is null if nobody is signed in. */
  fallback?: ReactNode | ((answer: CheckAnswer | null) => ReactNode);
  loading?: ReactNode;
};

export interface SellingProps {
  /** Of the catalog's prices; USD, unless told. */
  currency?: string | undefined;
  /** Where the customer comes back to; this very page, unless told. */
  successUrl?: string | undefined;
}

export type PaywallProps<Id extends string = string, Scope = AnyScope> = CommonProps<Scope> &
  SellingProps & {
    featureId: Id;
    requiredBalance?: number | undefined;
    /** "You are out of …", or what fits, unless told. */
    title?: ReactNode;
    children?: ((paywall: { answer: CheckAnswer; plans: OfferView[] }) => ReactNode) | undefined;
  };

export interface OfferView {
  plan: PlanView;
  change: PlanChange;
  price: string;
  items: { item: ItemView; text: string }[];
  /** The button, or what is said in its place. */
  action: ReactNode;
}

export type PricingTableProps<PlanId extends string = string, Scope = AnyScope> = CommonProps<Scope> &
  SellingProps & {
    /** Which plans, in this order; all of the catalog's, unless told. */
    planIds?: readonly PlanId[] | undefined;
    /** What is said of a change, for other languages than English. */
    labels?: Partial<Record<PlanChange, ReactNode>> | undefined;
    loading?: ReactNode;
    children?: ((offer: OfferView) => ReactNode) | undefined;
  };

export type BuyButtonProps<PlanId extends string = string, Scope = AnyScope> = ScopeProps<Scope> & {
  planId: PlanId;
  className?: string | undefined;
  successUrl?: string | undefined;
  quantities?: Record<string, number> | undefined;
  /** False: the answer says where to pay, and `onDone` gets it. */
  redirect?: boolean | undefined;
  disabled?: boolean | undefined;
  /** "Buy", unless told. */
  children?: ReactNode;
  /** Said while the checkout is made. */
  pendingLabel?: ReactNode;
  /** The words for what went wrong. */
  errorText?: ((error: Error) => ReactNode) | undefined;
  onDone?: ((result: CheckoutResult) => void) | undefined;
};

export interface Components<Ids extends CatalogIds = CatalogIds, Scope = AnyScope> {
  /** How much of a feature is used: a `meter` with all of it in words. Nothing if nobody is signed in. */
  UsageMeter: <Id extends string>(props: UsageMeterProps<Id, Scope> & Known<Id, Ids["feature"]>) => ReactNode;
  /** Each grant that can pay for a feature: what it has left, and when it resets or expires. */
  BalanceBreakdown: <Id extends string>(
    props: BalanceBreakdownProps<Id, Scope> & Known<Id, Ids["feature"]>,
  ) => ReactNode;
  /** Its children where a check says yes, `fallback` where it says no. For show: the deployment checks again. */
  Gate: <Id extends string>(props: GateProps<Id, Scope> & Known<Id, Ids["feature"]>) => ReactNode;
  /** Where a check says no: why, until when, and the plans and top-ups that would help. Otherwise nothing. */
  Paywall: <Id extends string>(props: PaywallProps<Id, Scope> & Known<Id, Ids["feature"]>) => ReactNode;
  /** The plans, the one that the customer has, and what each other would be to him. */
  PricingTable: (props: PricingTableProps<Ids["plan"], Scope>) => ReactNode;
  /** Buys a plan or top-up: once, however often it is clicked; says what went wrong. */
  BuyButton: <Id extends string>(props: BuyButtonProps<Id, Scope> & KnownPlan<Id, Ids["plan"]>) => ReactNode;
}
