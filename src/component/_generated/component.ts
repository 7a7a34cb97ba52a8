/* eslint-disable */
/**
 * Generated `ComponentApi` utility.
 *
 * THIS CODE IS AUTOMATICALLY GENERATED.
 *
 * To regenerate, run `npx convex dev`.
 * @module
 */

import type { FunctionReference } from "convex/server";

/**
 * A utility for referencing a Convex component's exposed API.
 *
 * Useful when expecting a parameter like `components.myComponent`.
 * Usage:
 * ```ts
 * async function myFunction(ctx: QueryCtx, component: ComponentApi) {
 *   return ctx.runQuery(component.someFile.someQuery, { ...args });
 * }
 * ```
 */
export type ComponentApi<Name extends string | undefined = string | undefined> =
  {
    accounts: {
      entities: FunctionReference<
        "query",
        "internal",
        {
          cursor?: string | null;
          customerId?: string;
          featureIds: Array<string>;
          limit?: number;
          planIds?: Array<string>;
          search?: string;
          status?: "active" | "scheduled";
        },
        {
          cursor: string | null;
          page: Array<{
            balances: Array<{
              balance: number;
              breakdown: Array<{
                entityId?: string;
                expiresAt?: number;
                featureId: string;
                grantId: string;
                granted: number;
                interval?:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
                intervalCount?: number;
                nextResetAt?: number;
                overage: number;
                planId?: string;
                remaining: number;
                rollover?: true;
                unlimited: boolean;
                usage: number;
              }>;
              controls?: {
                own?: {
                  budget?: number;
                  overageAllowed?: boolean;
                  spendLimit?: number | { percent: number } | "none";
                  usageLimits?: Array<{
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  }>;
                };
                plans?: Array<{
                  expiresAt?: number;
                  overageAllowed?: boolean;
                  source: string;
                  spendLimit?: number | { percent: number };
                  startsAt?: number;
                  usageLimit?: {
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  };
                }>;
              };
              entityId?: string;
              featureId: string;
              granted: number;
              nextResetAt: number | null;
              overageAllowed: boolean;
              remaining: number;
              unlimited: boolean;
              usage: number;
            }>;
            customer: {
              createdAt: number;
              customerId: string;
              email?: string;
              fingerprint?: string;
              metadata?: Record<string, string | number | boolean | null>;
              name?: string;
              stripeId?: string;
            };
            entity: {
              createdAt: number;
              entityId: string;
              featureId: string;
              name?: string;
            };
            purchases: Array<{
              currency: string;
              entityId?: string;
              kind: string;
              paid: number;
              paidAt: number;
              paymentId?: string;
              plan: {
                addOn: boolean;
                archived: boolean;
                autoEnable: boolean;
                controls?: Array<{
                  featureId: string;
                  overageAllowed?: boolean;
                  spendLimit?: number | { percent: number };
                  usageLimit?: {
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  };
                }>;
                description?: string;
                group: string;
                id: string;
                items: Array<{
                  carryOverage?: boolean;
                  consumable: boolean;
                  entityFeatureId?: string;
                  featureId: string;
                  included: number;
                  price?: {
                    billingMethod: "prepaid" | "usage_based";
                    billingUnits: number;
                    every: {
                      count: number;
                      interval:
                        | "minute"
                        | "hour"
                        | "day"
                        | "week"
                        | "month"
                        | "quarter"
                        | "semi_annual"
                        | "year";
                    } | null;
                    maxPurchase?: number;
                    tierBehavior: "graduated" | "volume";
                    tiers: Array<{
                      amount: number;
                      flatAmount?: number;
                      to: number | "inf";
                    }>;
                  };
                  reset: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  rollover?: {
                    max?: number;
                    months?: number;
                    percent?: number;
                  };
                  unlimited: boolean;
                }>;
                name: string;
                price: {
                  amount: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                } | null;
                stripe?: { priceId: string };
                trial?: {
                  cardRequired: boolean;
                  length: number;
                  uniqueFingerprint: boolean;
                  unit: "day" | "month" | "year";
                };
              };
              planId: string;
              purchaseId: string;
              quantities?: Record<string, number>;
            }>;
            subscriptions: Array<{
              addOn: boolean;
              endsAt?: number;
              entityId?: string;
              group: string;
              paidUntil?: number;
              pastDueAt?: number;
              periodEnd: number | null;
              periodStart: number | null;
              plan: {
                addOn: boolean;
                archived: boolean;
                autoEnable: boolean;
                controls?: Array<{
                  featureId: string;
                  overageAllowed?: boolean;
                  spendLimit?: number | { percent: number };
                  usageLimit?: {
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  };
                }>;
                description?: string;
                group: string;
                id: string;
                items: Array<{
                  carryOverage?: boolean;
                  consumable: boolean;
                  entityFeatureId?: string;
                  featureId: string;
                  included: number;
                  price?: {
                    billingMethod: "prepaid" | "usage_based";
                    billingUnits: number;
                    every: {
                      count: number;
                      interval:
                        | "minute"
                        | "hour"
                        | "day"
                        | "week"
                        | "month"
                        | "quarter"
                        | "semi_annual"
                        | "year";
                    } | null;
                    maxPurchase?: number;
                    tierBehavior: "graduated" | "volume";
                    tiers: Array<{
                      amount: number;
                      flatAmount?: number;
                      to: number | "inf";
                    }>;
                  };
                  reset: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  rollover?: {
                    max?: number;
                    months?: number;
                    percent?: number;
                  };
                  unlimited: boolean;
                }>;
                name: string;
                price: {
                  amount: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                } | null;
                stripe?: { priceId: string };
                trial?: {
                  cardRequired: boolean;
                  length: number;
                  uniqueFingerprint: boolean;
                  unit: "day" | "month" | "year";
                };
              };
              planId: string;
              quantities?: Record<string, number>;
              startsAt: number;
              status:
                "scheduled" | "trialing" | "active" | "past_due" | "ended";
              subscriptionId: string;
              suspendsAt?: number;
              trialEndsAt?: number;
            }>;
          }>;
        },
        Name
      >;
      entity: FunctionReference<
        "query",
        "internal",
        { customerId: string; entityId: string; featureIds: Array<string> },
        {
          balances: Array<{
            balance: number;
            breakdown: Array<{
              entityId?: string;
              expiresAt?: number;
              featureId: string;
              grantId: string;
              granted: number;
              interval?:
                | "minute"
                | "hour"
                | "day"
                | "week"
                | "month"
                | "quarter"
                | "semi_annual"
                | "year";
              intervalCount?: number;
              nextResetAt?: number;
              overage: number;
              planId?: string;
              remaining: number;
              rollover?: true;
              unlimited: boolean;
              usage: number;
            }>;
            controls?: {
              own?: {
                budget?: number;
                overageAllowed?: boolean;
                spendLimit?: number | { percent: number } | "none";
                usageLimits?: Array<{
                  anchor?: "billing_cycle" | "utc";
                  interval: "day" | "week" | "month" | "year";
                  max: number;
                }>;
              };
              plans?: Array<{
                expiresAt?: number;
                overageAllowed?: boolean;
                source: string;
                spendLimit?: number | { percent: number };
                startsAt?: number;
                usageLimit?: {
                  anchor?: "billing_cycle" | "utc";
                  interval: "day" | "week" | "month" | "year";
                  max: number;
                };
              }>;
            };
            entityId?: string;
            featureId: string;
            granted: number;
            nextResetAt: number | null;
            overageAllowed: boolean;
            remaining: number;
            unlimited: boolean;
            usage: number;
          }>;
          customer: {
            createdAt: number;
            customerId: string;
            email?: string;
            fingerprint?: string;
            metadata?: Record<string, string | number | boolean | null>;
            name?: string;
            stripeId?: string;
          };
          entity: {
            createdAt: number;
            entityId: string;
            featureId: string;
            name?: string;
          };
          purchases: Array<{
            currency: string;
            entityId?: string;
            kind: string;
            paid: number;
            paidAt: number;
            paymentId?: string;
            plan: {
              addOn: boolean;
              archived: boolean;
              autoEnable: boolean;
              controls?: Array<{
                featureId: string;
                overageAllowed?: boolean;
                spendLimit?: number | { percent: number };
                usageLimit?: {
                  anchor?: "billing_cycle" | "utc";
                  interval: "day" | "week" | "month" | "year";
                  max: number;
                };
              }>;
              description?: string;
              group: string;
              id: string;
              items: Array<{
                carryOverage?: boolean;
                consumable: boolean;
                entityFeatureId?: string;
                featureId: string;
                included: number;
                price?: {
                  billingMethod: "prepaid" | "usage_based";
                  billingUnits: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  maxPurchase?: number;
                  tierBehavior: "graduated" | "volume";
                  tiers: Array<{
                    amount: number;
                    flatAmount?: number;
                    to: number | "inf";
                  }>;
                };
                reset: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
                rollover?: { max?: number; months?: number; percent?: number };
                unlimited: boolean;
              }>;
              name: string;
              price: {
                amount: number;
                every: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
              } | null;
              stripe?: { priceId: string };
              trial?: {
                cardRequired: boolean;
                length: number;
                uniqueFingerprint: boolean;
                unit: "day" | "month" | "year";
              };
            };
            planId: string;
            purchaseId: string;
            quantities?: Record<string, number>;
          }>;
          subscriptions: Array<{
            addOn: boolean;
            endsAt?: number;
            entityId?: string;
            group: string;
            paidUntil?: number;
            pastDueAt?: number;
            periodEnd: number | null;
            periodStart: number | null;
            plan: {
              addOn: boolean;
              archived: boolean;
              autoEnable: boolean;
              controls?: Array<{
                featureId: string;
                overageAllowed?: boolean;
                spendLimit?: number | { percent: number };
                usageLimit?: {
                  anchor?: "billing_cycle" | "utc";
                  interval: "day" | "week" | "month" | "year";
                  max: number;
                };
              }>;
              description?: string;
              group: string;
              id: string;
              items: Array<{
                carryOverage?: boolean;
                consumable: boolean;
                entityFeatureId?: string;
                featureId: string;
                included: number;
                price?: {
                  billingMethod: "prepaid" | "usage_based";
                  billingUnits: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  maxPurchase?: number;
                  tierBehavior: "graduated" | "volume";
                  tiers: Array<{
                    amount: number;
                    flatAmount?: number;
                    to: number | "inf";
                  }>;
                };
                reset: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
                rollover?: { max?: number; months?: number; percent?: number };
                unlimited: boolean;
              }>;
              name: string;
              price: {
                amount: number;
                every: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
              } | null;
              stripe?: { priceId: string };
              trial?: {
                cardRequired: boolean;
                length: number;
                uniqueFingerprint: boolean;
                unit: "day" | "month" | "year";
              };
            };
            planId: string;
            quantities?: Record<string, number>;
            startsAt: number;
            status: "scheduled" | "trialing" | "active" | "past_due" | "ended";
            subscriptionId: string;
            suspendsAt?: number;
            trialEndsAt?: number;
          }>;
        } | null,
        Name
      >;
      get: FunctionReference<
        "query",
        "internal",
        { customerId: string; withEntities?: boolean; withTrials?: boolean },
        {
          balances: Array<{
            balance: number;
            breakdown: Array<{
              entityId?: string;
              expiresAt?: number;
              featureId: string;
              grantId: string;
              granted: number;
              interval?:
                | "minute"
                | "hour"
                | "day"
                | "week"
                | "month"
                | "quarter"
                | "semi_annual"
                | "year";
              intervalCount?: number;
              nextResetAt?: number;
              overage: number;
              planId?: string;
              remaining: number;
              rollover?: true;
              unlimited: boolean;
              usage: number;
            }>;
            controls?: {
              own?: {
                budget?: number;
                overageAllowed?: boolean;
                spendLimit?: number | { percent: number } | "none";
                usageLimits?: Array<{
                  anchor?: "billing_cycle" | "utc";
                  interval: "day" | "week" | "month" | "year";
                  max: number;
                }>;
              };
              plans?: Array<{
                expiresAt?: number;
                overageAllowed?: boolean;
                source: string;
                spendLimit?: number | { percent: number };
                startsAt?: number;
                usageLimit?: {
                  anchor?: "billing_cycle" | "utc";
                  interval: "day" | "week" | "month" | "year";
                  max: number;
                };
              }>;
            };
            entityId?: string;
            featureId: string;
            granted: number;
            nextResetAt: number | null;
            overageAllowed: boolean;
            remaining: number;
            unlimited: boolean;
            usage: number;
          }>;
          customer: {
            createdAt: number;
            customerId: string;
            email?: string;
            fingerprint?: string;
            metadata?: Record<string, string | number | boolean | null>;
            name?: string;
            stripeId?: string;
          };
          entities?: Array<{
            createdAt: number;
            entityId: string;
            featureId: string;
            name?: string;
          }>;
          purchases: Array<{
            currency: string;
            entityId?: string;
            kind: string;
            paid: number;
            paidAt: number;
            paymentId?: string;
            plan: {
              addOn: boolean;
              archived: boolean;
              autoEnable: boolean;
              controls?: Array<{
                featureId: string;
                overageAllowed?: boolean;
                spendLimit?: number | { percent: number };
                usageLimit?: {
                  anchor?: "billing_cycle" | "utc";
                  interval: "day" | "week" | "month" | "year";
                  max: number;
                };
              }>;
              description?: string;
              group: string;
              id: string;
              items: Array<{
                carryOverage?: boolean;
                consumable: boolean;
                entityFeatureId?: string;
                featureId: string;
                included: number;
                price?: {
                  billingMethod: "prepaid" | "usage_based";
                  billingUnits: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  maxPurchase?: number;
                  tierBehavior: "graduated" | "volume";
                  tiers: Array<{
                    amount: number;
                    flatAmount?: number;
                    to: number | "inf";
                  }>;
                };
                reset: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
                rollover?: { max?: number; months?: number; percent?: number };
                unlimited: boolean;
              }>;
              name: string;
              price: {
                amount: number;
                every: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
              } | null;
              stripe?: { priceId: string };
              trial?: {
                cardRequired: boolean;
                length: number;
                uniqueFingerprint: boolean;
                unit: "day" | "month" | "year";
              };
            };
            planId: string;
            purchaseId: string;
            quantities?: Record<string, number>;
          }>;
          subscriptions: Array<{
            addOn: boolean;
            endsAt?: number;
            entityId?: string;
            group: string;
            paidUntil?: number;
            pastDueAt?: number;
            periodEnd: number | null;
            periodStart: number | null;
            plan: {
              addOn: boolean;
              archived: boolean;
              autoEnable: boolean;
              controls?: Array<{
                featureId: string;
                overageAllowed?: boolean;
                spendLimit?: number | { percent: number };
                usageLimit?: {
                  anchor?: "billing_cycle" | "utc";
                  interval: "day" | "week" | "month" | "year";
                  max: number;
                };
              }>;
              description?: string;
              group: string;
              id: string;
              items: Array<{
                carryOverage?: boolean;
                consumable: boolean;
                entityFeatureId?: string;
                featureId: string;
                included: number;
                price?: {
                  billingMethod: "prepaid" | "usage_based";
                  billingUnits: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  maxPurchase?: number;
                  tierBehavior: "graduated" | "volume";
                  tiers: Array<{
                    amount: number;
                    flatAmount?: number;
                    to: number | "inf";
                  }>;
                };
                reset: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
                rollover?: { max?: number; months?: number; percent?: number };
                unlimited: boolean;
              }>;
              name: string;
              price: {
                amount: number;
                every: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
              } | null;
              stripe?: { priceId: string };
              trial?: {
                cardRequired: boolean;
                length: number;
                uniqueFingerprint: boolean;
                unit: "day" | "month" | "year";
              };
            };
            planId: string;
            quantities?: Record<string, number>;
            startsAt: number;
            status: "scheduled" | "trialing" | "active" | "past_due" | "ended";
            subscriptionId: string;
            suspendsAt?: number;
            trialEndsAt?: number;
          }>;
          trials?: Array<{ fingerprint?: string; planId: string }>;
        } | null,
        Name
      >;
      list: FunctionReference<
        "query",
        "internal",
        {
          cursor?: string | null;
          limit?: number;
          planIds?: Array<string>;
          search?: string;
          status?: "active" | "scheduled";
        },
        {
          cursor: string | null;
          page: Array<{
            balances: Array<{
              balance: number;
              breakdown: Array<{
                entityId?: string;
                expiresAt?: number;
                featureId: string;
                grantId: string;
                granted: number;
                interval?:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
                intervalCount?: number;
                nextResetAt?: number;
                overage: number;
                planId?: string;
                remaining: number;
                rollover?: true;
                unlimited: boolean;
                usage: number;
              }>;
              controls?: {
                own?: {
                  budget?: number;
                  overageAllowed?: boolean;
                  spendLimit?: number | { percent: number } | "none";
                  usageLimits?: Array<{
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  }>;
                };
                plans?: Array<{
                  expiresAt?: number;
                  overageAllowed?: boolean;
                  source: string;
                  spendLimit?: number | { percent: number };
                  startsAt?: number;
                  usageLimit?: {
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  };
                }>;
              };
              entityId?: string;
              featureId: string;
              granted: number;
              nextResetAt: number | null;
              overageAllowed: boolean;
              remaining: number;
              unlimited: boolean;
              usage: number;
            }>;
            customer: {
              createdAt: number;
              customerId: string;
              email?: string;
              fingerprint?: string;
              metadata?: Record<string, string | number | boolean | null>;
              name?: string;
              stripeId?: string;
            };
            purchases: Array<{
              currency: string;
              entityId?: string;
              kind: string;
              paid: number;
              paidAt: number;
              paymentId?: string;
              plan: {
                addOn: boolean;
                archived: boolean;
                autoEnable: boolean;
                controls?: Array<{
                  featureId: string;
                  overageAllowed?: boolean;
                  spendLimit?: number | { percent: number };
                  usageLimit?: {
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  };
                }>;
                description?: string;
                group: string;
                id: string;
                items: Array<{
                  carryOverage?: boolean;
                  consumable: boolean;
                  entityFeatureId?: string;
                  featureId: string;
                  included: number;
                  price?: {
                    billingMethod: "prepaid" | "usage_based";
                    billingUnits: number;
                    every: {
                      count: number;
                      interval:
                        | "minute"
                        | "hour"
                        | "day"
                        | "week"
                        | "month"
                        | "quarter"
                        | "semi_annual"
                        | "year";
                    } | null;
                    maxPurchase?: number;
                    tierBehavior: "graduated" | "volume";
                    tiers: Array<{
                      amount: number;
                      flatAmount?: number;
                      to: number | "inf";
                    }>;
                  };
                  reset: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  rollover?: {
                    max?: number;
                    months?: number;
                    percent?: number;
                  };
                  unlimited: boolean;
                }>;
                name: string;
                price: {
                  amount: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                } | null;
                stripe?: { priceId: string };
                trial?: {
                  cardRequired: boolean;
                  length: number;
                  uniqueFingerprint: boolean;
                  unit: "day" | "month" | "year";
                };
              };
              planId: string;
              purchaseId: string;
              quantities?: Record<string, number>;
            }>;
            subscriptions: Array<{
              addOn: boolean;
              endsAt?: number;
              entityId?: string;
              group: string;
              paidUntil?: number;
              pastDueAt?: number;
              periodEnd: number | null;
              periodStart: number | null;
              plan: {
                addOn: boolean;
                archived: boolean;
                autoEnable: boolean;
                controls?: Array<{
                  featureId: string;
                  overageAllowed?: boolean;
                  spendLimit?: number | { percent: number };
                  usageLimit?: {
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  };
                }>;
                description?: string;
                group: string;
                id: string;
                items: Array<{
                  carryOverage?: boolean;
                  consumable: boolean;
                  entityFeatureId?: string;
                  featureId: string;
                  included: number;
                  price?: {
                    billingMethod: "prepaid" | "usage_based";
                    billingUnits: number;
                    every: {
                      count: number;
                      interval:
                        | "minute"
                        | "hour"
                        | "day"
                        | "week"
                        | "month"
                        | "quarter"
                        | "semi_annual"
                        | "year";
                    } | null;
                    maxPurchase?: number;
                    tierBehavior: "graduated" | "volume";
                    tiers: Array<{
                      amount: number;
                      flatAmount?: number;
                      to: number | "inf";
                    }>;
                  };
                  reset: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  rollover?: {
                    max?: number;
                    months?: number;
                    percent?: number;
                  };
                  unlimited: boolean;
                }>;
                name: string;
                price: {
                  amount: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                } | null;
                stripe?: { priceId: string };
                trial?: {
                  cardRequired: boolean;
                  length: number;
                  uniqueFingerprint: boolean;
                  unit: "day" | "month" | "year";
                };
              };
              planId: string;
              quantities?: Record<string, number>;
              startsAt: number;
              status:
                "scheduled" | "trialing" | "active" | "past_due" | "ended";
              subscriptionId: string;
              suspendsAt?: number;
              trialEndsAt?: number;
            }>;
          }>;
        },
        Name
      >;
      ownersOf: FunctionReference<
        "query",
        "internal",
        { entityId: string },
        Array<string>,
        Name
      >;
      trials: FunctionReference<
        "query",
        "internal",
        { customerId: string },
        Array<{ fingerprint?: string; planId: string }>,
        Name
      >;
    };
    audits: {
      list: FunctionReference<
        "action",
        "internal",
        { cursor?: string | null; limit?: number },
        {
          audited: number;
          cursor: string | null;
          page: Array<{
            charges: Array<{
              actual: number | null;
              drift: number;
              entityId?: string;
              expected: number | null;
              featureId: string;
              grantId: string;
              to: number;
            }>;
            checked: {
              balances: number;
              charges: number;
              events: number;
              reservations: number;
            };
            customerId: string;
            events: Array<{ eventId: string; problem: string }>;
            grants: Array<{
              actual: { granted: number; used: number } | null;
              drift: number;
              entityId?: string;
              expected: { granted: number; used: number } | null;
              featureId: string;
              grantId: string;
              terms: boolean;
            }>;
            limits: Array<{
              actual: number | null;
              drift: number;
              entityId?: string;
              expected: number | null;
              featureId: string;
              interval?: string;
              terms: boolean;
            }>;
            ok: boolean;
          }>;
        },
        Name
      >;
      repair: FunctionReference<
        "mutation",
        "internal",
        { actor?: string; customerId: string; reason?: string },
        {
          charges: Array<{
            actual: number | null;
            drift: number;
            entityId?: string;
            expected: number | null;
            featureId: string;
            grantId: string;
            to: number;
          }>;
          checked: {
            balances: number;
            charges: number;
            events: number;
            reservations: number;
          };
          customerId: string;
          eventIds: Array<string>;
          events: Array<{ eventId: string; problem: string }>;
          grants: Array<{
            actual: { granted: number; used: number } | null;
            drift: number;
            entityId?: string;
            expected: { granted: number; used: number } | null;
            featureId: string;
            grantId: string;
            terms: boolean;
          }>;
          limits: Array<{
            actual: number | null;
            drift: number;
            entityId?: string;
            expected: number | null;
            featureId: string;
            interval?: string;
            terms: boolean;
          }>;
          ok: boolean;
        },
        Name
      >;
      repairPaged: FunctionReference<
        "action",
        "internal",
        { actor?: string; customerId: string; reason?: string },
        {
          charges: Array<{
            actual: number | null;
            drift: number;
            entityId?: string;
            expected: number | null;
            featureId: string;
            grantId: string;
            to: number;
          }>;
          checked: {
            balances: number;
            charges: number;
            events: number;
            reservations: number;
          };
          customerId: string;
          eventIds: Array<string>;
          events: Array<{ eventId: string; problem: string }>;
          grants: Array<{
            actual: { granted: number; used: number } | null;
            drift: number;
            entityId?: string;
            expected: { granted: number; used: number } | null;
            featureId: string;
            grantId: string;
            terms: boolean;
          }>;
          limits: Array<{
            actual: number | null;
            drift: number;
            entityId?: string;
            expected: number | null;
            featureId: string;
            interval?: string;
            terms: boolean;
          }>;
          ok: boolean;
        },
        Name
      >;
      run: FunctionReference<
        "query",
        "internal",
        { customerId: string },
        {
          charges: Array<{
            actual: number | null;
            drift: number;
            entityId?: string;
            expected: number | null;
            featureId: string;
            grantId: string;
            to: number;
          }>;
          checked: {
            balances: number;
            charges: number;
            events: number;
            reservations: number;
          };
          customerId: string;
          events: Array<{ eventId: string; problem: string }>;
          grants: Array<{
            actual: { granted: number; used: number } | null;
            drift: number;
            entityId?: string;
            expected: { granted: number; used: number } | null;
            featureId: string;
            grantId: string;
            terms: boolean;
          }>;
          limits: Array<{
            actual: number | null;
            drift: number;
            entityId?: string;
            expected: number | null;
            featureId: string;
            interval?: string;
            terms: boolean;
          }>;
          ok: boolean;
        },
        Name
      >;
      runPaged: FunctionReference<
        "action",
        "internal",
        { customerId: string },
        {
          charges: Array<{
            actual: number | null;
            drift: number;
            entityId?: string;
            expected: number | null;
            featureId: string;
            grantId: string;
            to: number;
          }>;
          checked: {
            balances: number;
            charges: number;
            events: number;
            reservations: number;
          };
          customerId: string;
          events: Array<{ eventId: string; problem: string }>;
          grants: Array<{
            actual: { granted: number; used: number } | null;
            drift: number;
            entityId?: string;
            expected: { granted: number; used: number } | null;
            featureId: string;
            grantId: string;
            terms: boolean;
          }>;
          limits: Array<{
            actual: number | null;
            drift: number;
            entityId?: string;
            expected: number | null;
            featureId: string;
            interval?: string;
            terms: boolean;
          }>;
          ok: boolean;
        },
        Name
      >;
    };
    autoTopUps: {
      begin: FunctionReference<
        "mutation",
        "internal",
        { customerId: string; featureId: string; provider: string },
        {
          accountId: string;
          amount: number;
          askedAt?: number;
          currency: string;
          customerId: string;
          featureId: string;
          idempotencyKey: string;
          planId: string;
          purchaseId: string;
        } | null,
        Name
      >;
      conclude: FunctionReference<
        "mutation",
        "internal",
        {
          customerId: string;
          featureId: string;
          provision: {
            email?: string;
            name?: string;
            plans: Array<{
              plan: {
                addOn: boolean;
                archived: boolean;
                autoEnable: boolean;
                controls?: Array<{
                  featureId: string;
                  overageAllowed?: boolean;
                  spendLimit?: number | { percent: number };
                  usageLimit?: {
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  };
                }>;
                description?: string;
                group: string;
                id: string;
                items: Array<{
                  carryOverage?: boolean;
                  consumable: boolean;
                  entityFeatureId?: string;
                  featureId: string;
                  included: number;
                  price?: {
                    billingMethod: "prepaid" | "usage_based";
                    billingUnits: number;
                    every: {
                      count: number;
                      interval:
                        | "minute"
                        | "hour"
                        | "day"
                        | "week"
                        | "month"
                        | "quarter"
                        | "semi_annual"
                        | "year";
                    } | null;
                    maxPurchase?: number;
                    tierBehavior: "graduated" | "volume";
                    tiers: Array<{
                      amount: number;
                      flatAmount?: number;
                      to: number | "inf";
                    }>;
                  };
                  reset: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  rollover?: {
                    max?: number;
                    months?: number;
                    percent?: number;
                  };
                  unlimited: boolean;
                }>;
                name: string;
                price: {
                  amount: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                } | null;
                stripe?: { priceId: string };
                trial?: {
                  cardRequired: boolean;
                  length: number;
                  uniqueFingerprint: boolean;
                  unit: "day" | "month" | "year";
                };
              };
              version: string;
            }>;
          };
          purchaseId: string;
          result:
            | { kind: "paid"; paymentId: string }
            | { kind: "declined"; problem: string }
            | { kind: "unanswered"; problem: string };
        },
        null,
        Name
      >;
      due: FunctionReference<
        "query",
        "internal",
        {
          cursor?: string | null;
          customerId?: string;
          limit?: number;
          provider: string;
        },
        {
          cursor: string | null;
          page: Array<{ customerId: string; featureId: string }>;
        },
        Name
      >;
      list: FunctionReference<
        "query",
        "internal",
        { customerId: string },
        Array<{
          amount: number;
          currency: string;
          customerId: string;
          dueAt?: number;
          featureId: string;
          inFlight: boolean;
          interval: "hour" | "day" | "week" | "month";
          made: { count: number; since: number };
          max: number;
          planId: string;
          problem?: string;
          provider: string;
          quantities?: Record<string, number>;
          status: "on" | "paused" | "off";
          threshold: number;
          version: string;
        }>,
        Name
      >;
      listByStatus: FunctionReference<
        "query",
        "internal",
        {
          cursor?: string | null;
          limit?: number;
          provider: string;
          status: "on" | "paused" | "off";
        },
        {
          cursor: string | null;
          page: Array<{
            amount: number;
            currency: string;
            customerId: string;
            dueAt?: number;
            featureId: string;
            inFlight: boolean;
            interval: "hour" | "day" | "week" | "month";
            made: { count: number; since: number };
            max: number;
            planId: string;
            problem?: string;
            provider: string;
            quantities?: Record<string, number>;
            status: "on" | "paused" | "off";
            threshold: number;
            version: string;
          }>;
        },
        Name
      >;
      set: FunctionReference<
        "mutation",
        "internal",
        {
          amount: number;
          currency: string;
          customerId: string;
          featureId: string;
          interval: "hour" | "day" | "week" | "month";
          max: number;
          plan: {
            addOn: boolean;
            archived: boolean;
            autoEnable: boolean;
            controls?: Array<{
              featureId: string;
              overageAllowed?: boolean;
              spendLimit?: number | { percent: number };
              usageLimit?: {
                anchor?: "billing_cycle" | "utc";
                interval: "day" | "week" | "month" | "year";
                max: number;
              };
            }>;
            description?: string;
            group: string;
            id: string;
            items: Array<{
              carryOverage?: boolean;
              consumable: boolean;
              entityFeatureId?: string;
              featureId: string;
              included: number;
              price?: {
                billingMethod: "prepaid" | "usage_based";
                billingUnits: number;
                every: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
                maxPurchase?: number;
                tierBehavior: "graduated" | "volume";
                tiers: Array<{
                  amount: number;
                  flatAmount?: number;
                  to: number | "inf";
                }>;
              };
              reset: {
                count: number;
                interval:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
              } | null;
              rollover?: { max?: number; months?: number; percent?: number };
              unlimited: boolean;
            }>;
            name: string;
            price: {
              amount: number;
              every: {
                count: number;
                interval:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
              } | null;
            } | null;
            stripe?: { priceId: string };
            trial?: {
              cardRequired: boolean;
              length: number;
              uniqueFingerprint: boolean;
              unit: "day" | "month" | "year";
            };
          };
          planId: string;
          provider: string;
          provision: {
            email?: string;
            name?: string;
            plans: Array<{
              plan: {
                addOn: boolean;
                archived: boolean;
                autoEnable: boolean;
                controls?: Array<{
                  featureId: string;
                  overageAllowed?: boolean;
                  spendLimit?: number | { percent: number };
                  usageLimit?: {
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  };
                }>;
                description?: string;
                group: string;
                id: string;
                items: Array<{
                  carryOverage?: boolean;
                  consumable: boolean;
                  entityFeatureId?: string;
                  featureId: string;
                  included: number;
                  price?: {
                    billingMethod: "prepaid" | "usage_based";
                    billingUnits: number;
                    every: {
                      count: number;
                      interval:
                        | "minute"
                        | "hour"
                        | "day"
                        | "week"
                        | "month"
                        | "quarter"
                        | "semi_annual"
                        | "year";
                    } | null;
                    maxPurchase?: number;
                    tierBehavior: "graduated" | "volume";
                    tiers: Array<{
                      amount: number;
                      flatAmount?: number;
                      to: number | "inf";
                    }>;
                  };
                  reset: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  rollover?: {
                    max?: number;
                    months?: number;
                    percent?: number;
                  };
                  unlimited: boolean;
                }>;
                name: string;
                price: {
                  amount: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                } | null;
                stripe?: { priceId: string };
                trial?: {
                  cardRequired: boolean;
                  length: number;
                  uniqueFingerprint: boolean;
                  unit: "day" | "month" | "year";
                };
              };
              version: string;
            }>;
          };
          quantities?: Record<string, number>;
          threshold: number;
          version: string;
        },
        null,
        Name
      >;
      turn: FunctionReference<
        "mutation",
        "internal",
        { customerId: string; featureId: string; isOn: boolean },
        boolean,
        Name
      >;
    };
    balances: {
      list: FunctionReference<
        "query",
        "internal",
        {
          cursor?: string | null;
          customerId: string;
          defaults: Array<{
            addOn: boolean;
            archived: boolean;
            autoEnable: boolean;
            controls?: Array<{
              featureId: string;
              overageAllowed?: boolean;
              spendLimit?: number | { percent: number };
              usageLimit?: {
                anchor?: "billing_cycle" | "utc";
                interval: "day" | "week" | "month" | "year";
                max: number;
              };
            }>;
            description?: string;
            group: string;
            id: string;
            items: Array<{
              carryOverage?: boolean;
              consumable: boolean;
              entityFeatureId?: string;
              featureId: string;
              included: number;
              price?: {
                billingMethod: "prepaid" | "usage_based";
                billingUnits: number;
                every: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
                maxPurchase?: number;
                tierBehavior: "graduated" | "volume";
                tiers: Array<{
                  amount: number;
                  flatAmount?: number;
                  to: number | "inf";
                }>;
              };
              reset: {
                count: number;
                interval:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
              } | null;
              rollover?: { max?: number; months?: number; percent?: number };
              unlimited: boolean;
            }>;
            name: string;
            price: {
              amount: number;
              every: {
                count: number;
                interval:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
              } | null;
            } | null;
            stripe?: { priceId: string };
            trial?: {
              cardRequired: boolean;
              length: number;
              uniqueFingerprint: boolean;
              unit: "day" | "month" | "year";
            };
          }>;
          limit?: number;
        },
        {
          cursor: string | null;
          page: Array<{
            balance: number;
            breakdown: Array<{
              entityId?: string;
              expiresAt?: number;
              featureId: string;
              grantId: string;
              granted: number;
              interval?:
                | "minute"
                | "hour"
                | "day"
                | "week"
                | "month"
                | "quarter"
                | "semi_annual"
                | "year";
              intervalCount?: number;
              nextResetAt?: number;
              overage: number;
              planId?: string;
              remaining: number;
              rollover?: true;
              unlimited: boolean;
              usage: number;
            }>;
            entityId?: string;
            featureId: string;
            granted: number;
            nextResetAt: number | null;
            overageAllowed: boolean;
            remaining: number;
            unlimited: boolean;
            usage: number;
          }>;
        },
        Name
      >;
      own: FunctionReference<
        "query",
        "internal",
        {
          customerId: string;
          defaults: Array<{
            addOn: boolean;
            archived: boolean;
            autoEnable: boolean;
            controls?: Array<{
              featureId: string;
              overageAllowed?: boolean;
              spendLimit?: number | { percent: number };
              usageLimit?: {
                anchor?: "billing_cycle" | "utc";
                interval: "day" | "week" | "month" | "year";
                max: number;
              };
            }>;
            description?: string;
            group: string;
            id: string;
            items: Array<{
              carryOverage?: boolean;
              consumable: boolean;
              entityFeatureId?: string;
              featureId: string;
              included: number;
              price?: {
                billingMethod: "prepaid" | "usage_based";
                billingUnits: number;
                every: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
                maxPurchase?: number;
                tierBehavior: "graduated" | "volume";
                tiers: Array<{
                  amount: number;
                  flatAmount?: number;
                  to: number | "inf";
                }>;
              };
              reset: {
                count: number;
                interval:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
              } | null;
              rollover?: { max?: number; months?: number; percent?: number };
              unlimited: boolean;
            }>;
            name: string;
            price: {
              amount: number;
              every: {
                count: number;
                interval:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
              } | null;
            } | null;
            stripe?: { priceId: string };
            trial?: {
              cardRequired: boolean;
              length: number;
              uniqueFingerprint: boolean;
              unit: "day" | "month" | "year";
            };
          }>;
          entityId?: string;
          pools: Array<{
            cost?: { creditAmount: number; featureAmount: number };
            featureId: string;
            perEntity?: boolean;
          }>;
        },
        Array<{
          balance: number;
          breakdown: Array<{
            entityId?: string;
            expiresAt?: number;
            featureId: string;
            grantId: string;
            granted: number;
            interval?:
              | "minute"
              | "hour"
              | "day"
              | "week"
              | "month"
              | "quarter"
              | "semi_annual"
              | "year";
            intervalCount?: number;
            nextResetAt?: number;
            overage: number;
            planId?: string;
            remaining: number;
            rollover?: true;
            unlimited: boolean;
            usage: number;
          }>;
          entityId?: string;
          featureId: string;
          granted: number;
          nextResetAt: number | null;
          others?: {
            advancedAt: number;
            controls?: {
              own?: {
                budget?: number;
                overageAllowed?: boolean;
                spendLimit?: number | { percent: number } | "none";
                usageLimits?: Array<{
                  anchor?: "billing_cycle" | "utc";
                  interval: "day" | "week" | "month" | "year";
                  max: number;
                }>;
              };
              plans?: Array<{
                expiresAt?: number;
                overageAllowed?: boolean;
                source: string;
                spendLimit?: number | { percent: number };
                startsAt?: number;
                usageLimit?: {
                  anchor?: "billing_cycle" | "utc";
                  interval: "day" | "week" | "month" | "year";
                  max: number;
                };
              }>;
            };
            entityId?: string;
            featureId: string;
            grants: Array<{
              addOn?: true;
              base?: number;
              bought?: true;
              carry?: true;
              createdAt: number;
              expiresAt?: number;
              granted: number;
              id: string;
              inherits?: string;
              overage?: {
                max?: number;
                price: {
                  billingUnits: number;
                  tierBehavior: "graduated" | "volume";
                  tiers: Array<{
                    amount: number;
                    flatAmount?: number;
                    to: number | "inf";
                  }>;
                };
              };
              perEntity?: true;
              planId?: string;
              prepaid?: true;
              priority?: number;
              reset?: {
                anchor: number;
                count: number;
                interval:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
                nextAt: number;
              };
              rolledFrom?: string;
              rollover?: { max?: number; months?: number; percent?: number };
              source: string;
              startsAt?: number;
              suspendedAt?: number;
              unlimited?: true;
              used: number;
            }>;
            limits?: Array<{
              anchor: number;
              count: number;
              interval:
                | "minute"
                | "hour"
                | "day"
                | "week"
                | "month"
                | "quarter"
                | "semi_annual"
                | "year";
              max?: number;
              nextAt: number;
              since?: number;
              used: number;
            }>;
            overage?: {
              allowed?: boolean;
              budget?: number;
              max?: number | { percent: number } | null;
            };
          };
          overageAllowed: boolean;
          remaining: number;
          state: {
            advancedAt: number;
            controls?: {
              own?: {
                budget?: number;
                overageAllowed?: boolean;
                spendLimit?: number | { percent: number } | "none";
                usageLimits?: Array<{
                  anchor?: "billing_cycle" | "utc";
                  interval: "day" | "week" | "month" | "year";
                  max: number;
                }>;
              };
              plans?: Array<{
                expiresAt?: number;
                overageAllowed?: boolean;
                source: string;
                spendLimit?: number | { percent: number };
                startsAt?: number;
                usageLimit?: {
                  anchor?: "billing_cycle" | "utc";
                  interval: "day" | "week" | "month" | "year";
                  max: number;
                };
              }>;
            };
            entityId?: string;
            featureId: string;
            grants: Array<{
              addOn?: true;
              base?: number;
              bought?: true;
              carry?: true;
              createdAt: number;
              expiresAt?: number;
              granted: number;
              id: string;
              inherits?: string;
              overage?: {
                max?: number;
                price: {
                  billingUnits: number;
                  tierBehavior: "graduated" | "volume";
                  tiers: Array<{
                    amount: number;
                    flatAmount?: number;
                    to: number | "inf";
                  }>;
                };
              };
              perEntity?: true;
              planId?: string;
              prepaid?: true;
              priority?: number;
              reset?: {
                anchor: number;
                count: number;
                interval:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
                nextAt: number;
              };
              rolledFrom?: string;
              rollover?: { max?: number; months?: number; percent?: number };
              source: string;
              startsAt?: number;
              suspendedAt?: number;
              unlimited?: true;
              used: number;
            }>;
            limits?: Array<{
              anchor: number;
              count: number;
              interval:
                | "minute"
                | "hour"
                | "day"
                | "week"
                | "month"
                | "quarter"
                | "semi_annual"
                | "year";
              max?: number;
              nextAt: number;
              since?: number;
              used: number;
            }>;
            overage?: {
              allowed?: boolean;
              budget?: number;
              max?: number | { percent: number } | null;
            };
          };
          unlimited: boolean;
          usage: number;
        }>,
        Name
      >;
    };
    billingAccounts: {
      find: FunctionReference<
        "query",
        "internal",
        { customerId: string; provider: string },
        string | null,
        Name
      >;
      keep: FunctionReference<
        "mutation",
        "internal",
        { accountId: string; customerId: string; provider: string },
        string,
        Name
      >;
    };
    charges: {
      list: FunctionReference<
        "query",
        "internal",
        { cursor?: string | null; customerId: string; limit?: number },
        {
          cursor: string | null;
          page: Array<{
            amount: number;
            asked?: {
              amount: number;
              at: number;
              currency: string;
              provider: string;
              tries: number;
            };
            chargeId: string;
            createdAt: number;
            declined?: number;
            dueAt?: number;
            entityId?: string;
            featureId: string;
            from: number;
            grantId: string;
            granted: number;
            overage: number;
            paymentId?: string;
            planId?: string;
            problem?: string;
            source: string;
            status: "open" | "invoicing" | "paid" | "waived";
            to: number;
          }>;
        },
        Name
      >;
      listByStatus: FunctionReference<
        "query",
        "internal",
        {
          cursor?: string | null;
          limit?: number;
          status: "open" | "invoicing" | "paid" | "waived";
        },
        {
          cursor: string | null;
          page: Array<{
            amount: number;
            asked?: {
              amount: number;
              at: number;
              currency: string;
              provider: string;
              tries: number;
            };
            chargeId: string;
            createdAt: number;
            customerId: string;
            declined?: number;
            dueAt?: number;
            entityId?: string;
            featureId: string;
            from: number;
            grantId: string;
            granted: number;
            overage: number;
            paymentId?: string;
            planId?: string;
            problem?: string;
            source: string;
            status: "open" | "invoicing" | "paid" | "waived";
            to: number;
          }>;
        },
        Name
      >;
      preview: FunctionReference<
        "query",
        "internal",
        {
          cursor?: string | null;
          customerId: string;
          entityId?: string;
          limit?: number;
        },
        {
          cursor: string | null;
          page: Array<{
            amount: number;
            entityId?: string;
            featureId: string;
            from: number;
            grantId: string;
            granted: number;
            open: boolean;
            overage: number;
            planId?: string;
            source: string;
            to: number | null;
          }>;
          total: number;
        },
        Name
      >;
    };
    controls: {
      set: FunctionReference<
        "mutation",
        "internal",
        {
          change: {
            budget?: number | null;
            overageAllowed?: boolean | null;
            spendLimit?: number | { percent: number } | "none" | null;
            usageLimits?: Array<{
              anchor?: "billing_cycle" | "utc";
              interval: "day" | "week" | "month" | "year";
              max: number;
            }> | null;
          };
          customerId: string;
          entityId?: string;
          featureId: string;
          provision: {
            email?: string;
            name?: string;
            plans: Array<{
              plan: {
                addOn: boolean;
                archived: boolean;
                autoEnable: boolean;
                controls?: Array<{
                  featureId: string;
                  overageAllowed?: boolean;
                  spendLimit?: number | { percent: number };
                  usageLimit?: {
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  };
                }>;
                description?: string;
                group: string;
                id: string;
                items: Array<{
                  carryOverage?: boolean;
                  consumable: boolean;
                  entityFeatureId?: string;
                  featureId: string;
                  included: number;
                  price?: {
                    billingMethod: "prepaid" | "usage_based";
                    billingUnits: number;
                    every: {
                      count: number;
                      interval:
                        | "minute"
                        | "hour"
                        | "day"
                        | "week"
                        | "month"
                        | "quarter"
                        | "semi_annual"
                        | "year";
                    } | null;
                    maxPurchase?: number;
                    tierBehavior: "graduated" | "volume";
                    tiers: Array<{
                      amount: number;
                      flatAmount?: number;
                      to: number | "inf";
                    }>;
                  };
                  reset: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  rollover?: {
                    max?: number;
                    months?: number;
                    percent?: number;
                  };
                  unlimited: boolean;
                }>;
                name: string;
                price: {
                  amount: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                } | null;
                stripe?: { priceId: string };
                trial?: {
                  cardRequired: boolean;
                  length: number;
                  uniqueFingerprint: boolean;
                  unit: "day" | "month" | "year";
                };
              };
              version: string;
            }>;
          };
        },
        null,
        Name
      >;
      setAll: FunctionReference<
        "mutation",
        "internal",
        {
          changes: Array<{
            change: {
              budget?: number | null;
              overageAllowed?: boolean | null;
              spendLimit?: number | { percent: number } | "none" | null;
              usageLimits?: Array<{
                anchor?: "billing_cycle" | "utc";
                interval: "day" | "week" | "month" | "year";
                max: number;
              }> | null;
            };
            featureId: string;
          }>;
          customerId: string;
          entityId?: string;
          provision: {
            email?: string;
            name?: string;
            plans: Array<{
              plan: {
                addOn: boolean;
                archived: boolean;
                autoEnable: boolean;
                controls?: Array<{
                  featureId: string;
                  overageAllowed?: boolean;
                  spendLimit?: number | { percent: number };
                  usageLimit?: {
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  };
                }>;
                description?: string;
                group: string;
                id: string;
                items: Array<{
                  carryOverage?: boolean;
                  consumable: boolean;
                  entityFeatureId?: string;
                  featureId: string;
                  included: number;
                  price?: {
                    billingMethod: "prepaid" | "usage_based";
                    billingUnits: number;
                    every: {
                      count: number;
                      interval:
                        | "minute"
                        | "hour"
                        | "day"
                        | "week"
                        | "month"
                        | "quarter"
                        | "semi_annual"
                        | "year";
                    } | null;
                    maxPurchase?: number;
                    tierBehavior: "graduated" | "volume";
                    tiers: Array<{
                      amount: number;
                      flatAmount?: number;
                      to: number | "inf";
                    }>;
                  };
                  reset: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  rollover?: {
                    max?: number;
                    months?: number;
                    percent?: number;
                  };
                  unlimited: boolean;
                }>;
                name: string;
                price: {
                  amount: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                } | null;
                stripe?: { priceId: string };
                trial?: {
                  cardRequired: boolean;
                  length: number;
                  uniqueFingerprint: boolean;
                  unit: "day" | "month" | "year";
                };
              };
              version: string;
            }>;
          };
        },
        null,
        Name
      >;
    };
    credits: {
      giveBack: FunctionReference<
        "mutation",
        "internal",
        {
          graceMs?: number;
          paymentId: string;
          provider: string;
          returned: number;
          revision: number;
        },
        { applied: boolean },
        Name
      >;
    };
    customers: {
      create: FunctionReference<
        "mutation",
        "internal",
        {
          customerId: string;
          details?: {
            fingerprint?: string;
            metadata?: Record<string, string | number | boolean | null>;
            stripeId?: string;
          };
          provision: {
            email?: string;
            name?: string;
            plans: Array<{
              plan: {
                addOn: boolean;
                archived: boolean;
                autoEnable: boolean;
                controls?: Array<{
                  featureId: string;
                  overageAllowed?: boolean;
                  spendLimit?: number | { percent: number };
                  usageLimit?: {
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  };
                }>;
                description?: string;
                group: string;
                id: string;
                items: Array<{
                  carryOverage?: boolean;
                  consumable: boolean;
                  entityFeatureId?: string;
                  featureId: string;
                  included: number;
                  price?: {
                    billingMethod: "prepaid" | "usage_based";
                    billingUnits: number;
                    every: {
                      count: number;
                      interval:
                        | "minute"
                        | "hour"
                        | "day"
                        | "week"
                        | "month"
                        | "quarter"
                        | "semi_annual"
                        | "year";
                    } | null;
                    maxPurchase?: number;
                    tierBehavior: "graduated" | "volume";
                    tiers: Array<{
                      amount: number;
                      flatAmount?: number;
                      to: number | "inf";
                    }>;
                  };
                  reset: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  rollover?: {
                    max?: number;
                    months?: number;
                    percent?: number;
                  };
                  unlimited: boolean;
                }>;
                name: string;
                price: {
                  amount: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                } | null;
                stripe?: { priceId: string };
                trial?: {
                  cardRequired: boolean;
                  length: number;
                  uniqueFingerprint: boolean;
                  unit: "day" | "month" | "year";
                };
              };
              version: string;
            }>;
          };
        },
        {
          createdAt: number;
          customerId: string;
          email?: string;
          name?: string;
        },
        Name
      >;
      get: FunctionReference<
        "query",
        "internal",
        { customerId: string },
        {
          createdAt: number;
          customerId: string;
          email?: string;
          name?: string;
        } | null,
        Name
      >;
      list: FunctionReference<
        "query",
        "internal",
        { cursor?: string | null; limit?: number },
        {
          cursor: string | null;
          page: Array<{
            createdAt: number;
            customerId: string;
            email?: string;
            name?: string;
          }>;
        },
        Name
      >;
      update: FunctionReference<
        "mutation",
        "internal",
        {
          customerId: string;
          email?: string | null;
          fingerprint?: string | null;
          metadata?: Record<string, string | number | boolean | null> | null;
          name?: string | null;
          stripeId?: string | null;
        },
        {
          createdAt: number;
          customerId: string;
          email?: string;
          name?: string;
        },
        Name
      >;
    };
    departures: {
      start: FunctionReference<
        "mutation",
        "internal",
        {
          actor?: string;
          customerId: string;
          entityId: string;
          idempotencyKey?: string;
          reason?: string;
        },
        { done: boolean; replayed: boolean },
        Name
      >;
    };
    entities: {
      create: FunctionReference<
        "mutation",
        "internal",
        {
          customerId: string;
          entityId: string;
          featureId: string;
          name?: string;
          onInsufficient?: "reject" | "overflow";
          provision: {
            email?: string;
            name?: string;
            plans: Array<{
              plan: {
                addOn: boolean;
                archived: boolean;
                autoEnable: boolean;
                controls?: Array<{
                  featureId: string;
                  overageAllowed?: boolean;
                  spendLimit?: number | { percent: number };
                  usageLimit?: {
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  };
                }>;
                description?: string;
                group: string;
                id: string;
                items: Array<{
                  carryOverage?: boolean;
                  consumable: boolean;
                  entityFeatureId?: string;
                  featureId: string;
                  included: number;
                  price?: {
                    billingMethod: "prepaid" | "usage_based";
                    billingUnits: number;
                    every: {
                      count: number;
                      interval:
                        | "minute"
                        | "hour"
                        | "day"
                        | "week"
                        | "month"
                        | "quarter"
                        | "semi_annual"
                        | "year";
                    } | null;
                    maxPurchase?: number;
                    tierBehavior: "graduated" | "volume";
                    tiers: Array<{
                      amount: number;
                      flatAmount?: number;
                      to: number | "inf";
                    }>;
                  };
                  reset: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  rollover?: {
                    max?: number;
                    months?: number;
                    percent?: number;
                  };
                  unlimited: boolean;
                }>;
                name: string;
                price: {
                  amount: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                } | null;
                stripe?: { priceId: string };
                trial?: {
                  cardRequired: boolean;
                  length: number;
                  uniqueFingerprint: boolean;
                  unit: "day" | "month" | "year";
                };
              };
              version: string;
            }>;
          };
          watch?: {
            limits: boolean;
            usageAlerts: Array<{
              featureId?: string;
              planId?: string;
              threshold: number;
              thresholdType:
                | "usage"
                | "usage_percentage"
                | "remaining"
                | "remaining_percentage";
            }>;
          };
        },
        {
          created: boolean;
          crossings: Array<
            | {
                kind: "threshold";
                reached: {
                  entityId?: string;
                  featureId: string;
                  granted: number;
                  remaining: number;
                  threshold: number;
                  thresholdType:
                    | "usage"
                    | "usage_percentage"
                    | "remaining"
                    | "remaining_percentage";
                  usage: number;
                };
              }
            | {
                kind: "limit";
                reached: {
                  entityId?: string;
                  featureId: string;
                  reason:
                    | "not_included"
                    | "insufficient"
                    | "usage_limit"
                    | "spend_limit"
                    | "unauthenticated";
                };
              }
          >;
          seat: {
            applied: number;
            balance: {
              balance: number;
              breakdown: Array<{
                entityId?: string;
                expiresAt?: number;
                featureId: string;
                grantId: string;
                granted: number;
                interval?:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
                intervalCount?: number;
                nextResetAt?: number;
                overage: number;
                planId?: string;
                remaining: number;
                rollover?: true;
                unlimited: boolean;
                usage: number;
              }>;
              granted: number;
              nextResetAt: number | null;
              overageAllowed: boolean;
              remaining: number;
              unlimited: boolean;
              usage: number;
            } | null;
            entityId?: string;
            eventId: string;
            featureId: string;
            remaining: number;
            replayed: boolean;
            statement?: {
              at: number;
              from: number;
              granted: number;
              remaining: number;
              to: number | null;
              unlimited: boolean;
              usage: number;
            };
            uncovered: number;
            unlimited: boolean;
            value: number;
          } | null;
        },
        Name
      >;
      get: FunctionReference<
        "query",
        "internal",
        { customerId: string; entityId: string },
        {
          createdAt: number;
          entityId: string;
          featureId: string;
          name?: string;
        } | null,
        Name
      >;
      list: FunctionReference<
        "query",
        "internal",
        { cursor?: string | null; customerId: string; limit?: number },
        {
          cursor: string | null;
          page: Array<{
            createdAt: number;
            entityId: string;
            featureId: string;
            name?: string;
          }>;
        },
        Name
      >;
    };
    events: {
      get: FunctionReference<
        "query",
        "internal",
        { customerId: string; eventId?: string; key?: string },
        {
          actor?: string;
          createdAt: number;
          customerId: string;
          draws: Array<{
            amount: number;
            at?: number;
            grantId: string;
            units: number;
            until?: number;
          }>;
          entityId?: string;
          eventId: string;
          expired?: true;
          featureId?: string;
          held?: number;
          key?: string;
          kind: "usage" | "grant" | "adjust" | "expire" | "plan" | "purchase";
          lapsed?: number;
          lateTotal?: number;
          planId?: string;
          properties?: Record<string, string | number | boolean | null>;
          reason?: string;
          refundOf?: string;
          remaining?: number;
          uncovered?: number;
          unlimited?: true;
          value: number;
        } | null,
        Name
      >;
      list: FunctionReference<
        "query",
        "internal",
        {
          cursor?: string | null;
          customerId: string;
          featureId?: string;
          limit?: number;
        },
        {
          cursor: string | null;
          page: Array<{
            actor?: string;
            createdAt: number;
            customerId: string;
            draws: Array<{
              amount: number;
              at?: number;
              grantId: string;
              units: number;
              until?: number;
            }>;
            entityId?: string;
            eventId: string;
            expired?: true;
            featureId?: string;
            held?: number;
            key?: string;
            kind: "usage" | "grant" | "adjust" | "expire" | "plan" | "purchase";
            lapsed?: number;
            lateTotal?: number;
            planId?: string;
            properties?: Record<string, string | number | boolean | null>;
            reason?: string;
            refundOf?: string;
            remaining?: number;
            uncovered?: number;
            unlimited?: true;
            value: number;
          }>;
        },
        Name
      >;
      own: FunctionReference<
        "query",
        "internal",
        {
          cursor?: string | null;
          customerId: string;
          entityId?: string;
          featureId?: string;
          limit?: number;
        },
        {
          cursor: string | null;
          page: Array<{
            createdAt: number;
            eventId: string;
            featureId?: string;
            kind: "usage" | "grant" | "adjust" | "expire" | "plan" | "purchase";
            planId?: string;
            remaining?: number;
            uncovered?: number;
            value: number;
          }>;
        },
        Name
      >;
    };
    grants: {
      grant: FunctionReference<
        "mutation",
        "internal",
        {
          actor?: string;
          amount: number;
          customerId: string;
          entityId?: string;
          expiresAt?: number;
          featureId: string;
          idempotencyKey?: string;
          priority?: number;
          provision: {
            email?: string;
            name?: string;
            plans: Array<{
              plan: {
                addOn: boolean;
                archived: boolean;
                autoEnable: boolean;
                controls?: Array<{
                  featureId: string;
                  overageAllowed?: boolean;
                  spendLimit?: number | { percent: number };
                  usageLimit?: {
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  };
                }>;
                description?: string;
                group: string;
                id: string;
                items: Array<{
                  carryOverage?: boolean;
                  consumable: boolean;
                  entityFeatureId?: string;
                  featureId: string;
                  included: number;
                  price?: {
                    billingMethod: "prepaid" | "usage_based";
                    billingUnits: number;
                    every: {
                      count: number;
                      interval:
                        | "minute"
                        | "hour"
                        | "day"
                        | "week"
                        | "month"
                        | "quarter"
                        | "semi_annual"
                        | "year";
                    } | null;
                    maxPurchase?: number;
                    tierBehavior: "graduated" | "volume";
                    tiers: Array<{
                      amount: number;
                      flatAmount?: number;
                      to: number | "inf";
                    }>;
                  };
                  reset: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  rollover?: {
                    max?: number;
                    months?: number;
                    percent?: number;
                  };
                  unlimited: boolean;
                }>;
                name: string;
                price: {
                  amount: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                } | null;
                stripe?: { priceId: string };
                trial?: {
                  cardRequired: boolean;
                  length: number;
                  uniqueFingerprint: boolean;
                  unit: "day" | "month" | "year";
                };
              };
              version: string;
            }>;
          };
          reason?: string;
          reset?: {
            anchor?: number;
            count: number;
            interval:
              | "minute"
              | "hour"
              | "day"
              | "week"
              | "month"
              | "quarter"
              | "semi_annual"
              | "year";
          };
          startsAt?: number;
          unlimited?: true;
        },
        {
          balance: {
            balance: number;
            breakdown: Array<{
              entityId?: string;
              expiresAt?: number;
              featureId: string;
              grantId: string;
              granted: number;
              interval?:
                | "minute"
                | "hour"
                | "day"
                | "week"
                | "month"
                | "quarter"
                | "semi_annual"
                | "year";
              intervalCount?: number;
              nextResetAt?: number;
              overage: number;
              planId?: string;
              remaining: number;
              rollover?: true;
              unlimited: boolean;
              usage: number;
            }>;
            granted: number;
            nextResetAt: number | null;
            overageAllowed: boolean;
            remaining: number;
            unlimited: boolean;
            usage: number;
          } | null;
          eventId: string;
          grantId: string;
          replayed: boolean;
        },
        Name
      >;
      revoke: FunctionReference<
        "mutation",
        "internal",
        {
          actor?: string;
          customerId: string;
          entityId?: string;
          featureId: string;
          grantId: string;
          idempotencyKey?: string;
          reason?: string;
        },
        {
          balance: {
            balance: number;
            breakdown: Array<{
              entityId?: string;
              expiresAt?: number;
              featureId: string;
              grantId: string;
              granted: number;
              interval?:
                | "minute"
                | "hour"
                | "day"
                | "week"
                | "month"
                | "quarter"
                | "semi_annual"
                | "year";
              intervalCount?: number;
              nextResetAt?: number;
              overage: number;
              planId?: string;
              remaining: number;
              rollover?: true;
              unlimited: boolean;
              usage: number;
            }>;
            granted: number;
            nextResetAt: number | null;
            overageAllowed: boolean;
            remaining: number;
            unlimited: boolean;
            usage: number;
          } | null;
          eventId: string;
          replayed: boolean;
        },
        Name
      >;
      set: FunctionReference<
        "mutation",
        "internal",
        {
          actor?: string;
          customerId: string;
          entityId?: string;
          featureId: string;
          grantId?: string;
          idempotencyKey?: string;
          perEntity?: boolean;
          reason?: string;
          target:
            | { remaining: number }
            | { usage: number }
            | { granted: number }
            | { added: number };
        },
        {
          balance: {
            balance: number;
            breakdown: Array<{
              entityId?: string;
              expiresAt?: number;
              featureId: string;
              grantId: string;
              granted: number;
              interval?:
                | "minute"
                | "hour"
                | "day"
                | "week"
                | "month"
                | "quarter"
                | "semi_annual"
                | "year";
              intervalCount?: number;
              nextResetAt?: number;
              overage: number;
              planId?: string;
              remaining: number;
              rollover?: true;
              unlimited: boolean;
              usage: number;
            }>;
            granted: number;
            nextResetAt: number | null;
            overageAllowed: boolean;
            remaining: number;
            unlimited: boolean;
            usage: number;
          } | null;
          eventId: string;
          replayed: boolean;
        },
        Name
      >;
    };
    invoices: {
      claim: FunctionReference<
        "mutation",
        "internal",
        { chargeId: string; currency: string; provider: string },
        {
          accountId: string;
          amount: number;
          askedAt?: number;
          chargeId: string;
          currency: string;
          customerId: string;
          declined: number;
          entityId?: string;
          featureId: string;
          from: number;
          planId?: string;
          provider: string;
          to: number;
          version: string;
        } | null,
        Name
      >;
      conclude: FunctionReference<
        "mutation",
        "internal",
        {
          invoice: {
            accountId: string;
            amount: number;
            askedAt?: number;
            chargeId: string;
            currency: string;
            customerId: string;
            declined: number;
            entityId?: string;
            featureId: string;
            from: number;
            planId?: string;
            provider: string;
            to: number;
            version: string;
          };
          result:
            | { kind: "paid"; paymentId: string }
            | { kind: "declined"; problem: string }
            | { kind: "unanswered"; problem: string };
        },
        null,
        Name
      >;
      due: FunctionReference<"query", "internal", {}, Array<string>, Name>;
      waive: FunctionReference<
        "mutation",
        "internal",
        { chargeId: string; customerId: string },
        { waived: boolean },
        Name
      >;
    };
    pastDue: {
      set: FunctionReference<
        "mutation",
        "internal",
        {
          actor?: string;
          customerId: string;
          entityId?: string;
          idempotencyKey?: string;
          pastDue: { since?: number; suspendAfterMs?: number } | null;
          planId: string;
          reason?: string;
        },
        {
          pastDueAt: number | null;
          replayed: boolean;
          suspendsAt: number | null;
        },
        Name
      >;
    };
    purchases: {
      conclude: FunctionReference<
        "mutation",
        "internal",
        {
          graceMs?: number;
          payment?: { amount: number; currency: string; paymentId?: string };
          provider: string;
          provision: {
            email?: string;
            name?: string;
            plans: Array<{
              plan: {
                addOn: boolean;
                archived: boolean;
                autoEnable: boolean;
                controls?: Array<{
                  featureId: string;
                  overageAllowed?: boolean;
                  spendLimit?: number | { percent: number };
                  usageLimit?: {
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  };
                }>;
                description?: string;
                group: string;
                id: string;
                items: Array<{
                  carryOverage?: boolean;
                  consumable: boolean;
                  entityFeatureId?: string;
                  featureId: string;
                  included: number;
                  price?: {
                    billingMethod: "prepaid" | "usage_based";
                    billingUnits: number;
                    every: {
                      count: number;
                      interval:
                        | "minute"
                        | "hour"
                        | "day"
                        | "week"
                        | "month"
                        | "quarter"
                        | "semi_annual"
                        | "year";
                    } | null;
                    maxPurchase?: number;
                    tierBehavior: "graduated" | "volume";
                    tiers: Array<{
                      amount: number;
                      flatAmount?: number;
                      to: number | "inf";
                    }>;
                  };
                  reset: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  rollover?: {
                    max?: number;
                    months?: number;
                    percent?: number;
                  };
                  unlimited: boolean;
                }>;
                name: string;
                price: {
                  amount: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                } | null;
                stripe?: { priceId: string };
                trial?: {
                  cardRequired: boolean;
                  length: number;
                  uniqueFingerprint: boolean;
                  unit: "day" | "month" | "year";
                };
              };
              version: string;
            }>;
          };
          purchaseId?: string;
          result: "paid" | "expired" | "failed";
          sessionId: string;
          word?: {
            cancelAt?: number;
            externalId: string;
            periodEnd: number;
            periodStart: number;
            revision: number;
            status: "trialing" | "active" | "past_due" | "canceled";
          };
        },
        {
          outcome:
            | "unknown"
            | "unchanged"
            | "paid"
            | "quarantined"
            | "closed"
            | "stale"
            | "superseded";
          purchaseId: string | null;
          replaced?: Array<string>;
        },
        Name
      >;
      concludeChange: FunctionReference<
        "mutation",
        "internal",
        {
          graceMs?: number;
          payment: { amount: number; currency: string; paymentId?: string };
          provision: {
            email?: string;
            name?: string;
            plans: Array<{
              plan: {
                addOn: boolean;
                archived: boolean;
                autoEnable: boolean;
                controls?: Array<{
                  featureId: string;
                  overageAllowed?: boolean;
                  spendLimit?: number | { percent: number };
                  usageLimit?: {
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  };
                }>;
                description?: string;
                group: string;
                id: string;
                items: Array<{
                  carryOverage?: boolean;
                  consumable: boolean;
                  entityFeatureId?: string;
                  featureId: string;
                  included: number;
                  price?: {
                    billingMethod: "prepaid" | "usage_based";
                    billingUnits: number;
                    every: {
                      count: number;
                      interval:
                        | "minute"
                        | "hour"
                        | "day"
                        | "week"
                        | "month"
                        | "quarter"
                        | "semi_annual"
                        | "year";
                    } | null;
                    maxPurchase?: number;
                    tierBehavior: "graduated" | "volume";
                    tiers: Array<{
                      amount: number;
                      flatAmount?: number;
                      to: number | "inf";
                    }>;
                  };
                  reset: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  rollover?: {
                    max?: number;
                    months?: number;
                    percent?: number;
                  };
                  unlimited: boolean;
                }>;
                name: string;
                price: {
                  amount: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                } | null;
                stripe?: { priceId: string };
                trial?: {
                  cardRequired: boolean;
                  length: number;
                  uniqueFingerprint: boolean;
                  unit: "day" | "month" | "year";
                };
              };
              version: string;
            }>;
          };
          purchaseId: string;
          word: {
            cancelAt?: number;
            externalId: string;
            periodEnd: number;
            periodStart: number;
            revision: number;
            status: "trialing" | "active" | "past_due" | "canceled";
          };
        },
        {
          outcome:
            | "unknown"
            | "unchanged"
            | "paid"
            | "quarantined"
            | "closed"
            | "stale"
            | "superseded";
          purchaseId: string | null;
          replaced?: Array<string>;
        },
        Name
      >;
      follow: FunctionReference<
        "mutation",
        "internal",
        {
          graceMs?: number;
          provider: string;
          provision: {
            email?: string;
            name?: string;
            plans: Array<{
              plan: {
                addOn: boolean;
                archived: boolean;
                autoEnable: boolean;
                controls?: Array<{
                  featureId: string;
                  overageAllowed?: boolean;
                  spendLimit?: number | { percent: number };
                  usageLimit?: {
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  };
                }>;
                description?: string;
                group: string;
                id: string;
                items: Array<{
                  carryOverage?: boolean;
                  consumable: boolean;
                  entityFeatureId?: string;
                  featureId: string;
                  included: number;
                  price?: {
                    billingMethod: "prepaid" | "usage_based";
                    billingUnits: number;
                    every: {
                      count: number;
                      interval:
                        | "minute"
                        | "hour"
                        | "day"
                        | "week"
                        | "month"
                        | "quarter"
                        | "semi_annual"
                        | "year";
                    } | null;
                    maxPurchase?: number;
                    tierBehavior: "graduated" | "volume";
                    tiers: Array<{
                      amount: number;
                      flatAmount?: number;
                      to: number | "inf";
                    }>;
                  };
                  reset: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  rollover?: {
                    max?: number;
                    months?: number;
                    percent?: number;
                  };
                  unlimited: boolean;
                }>;
                name: string;
                price: {
                  amount: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                } | null;
                stripe?: { priceId: string };
                trial?: {
                  cardRequired: boolean;
                  length: number;
                  uniqueFingerprint: boolean;
                  unit: "day" | "month" | "year";
                };
              };
              version: string;
            }>;
          };
          purchaseId?: string;
          word: {
            cancelAt?: number;
            externalId: string;
            periodEnd: number;
            periodStart: number;
            revision: number;
            status: "trialing" | "active" | "past_due" | "canceled";
          };
        },
        {
          outcome:
            | "unknown"
            | "unchanged"
            | "paid"
            | "quarantined"
            | "closed"
            | "stale"
            | "superseded";
          purchaseId: string | null;
          replaced?: Array<string>;
        },
        Name
      >;
      get: FunctionReference<
        "query",
        "internal",
        { purchaseId: string },
        {
          amount: number;
          automatic?: true;
          createdAt: number;
          credited?: Array<{
            amount: number;
            featureId: string;
            grantId: string;
            takenBack: number;
          }>;
          currency: string;
          customerId: string;
          entityId?: string;
          expiresAt?: number;
          externalId?: string;
          idempotencyKey?: string;
          kind: "plan" | "top_up" | "change" | "renewal" | "overage";
          paid?: number;
          paidAt?: number;
          paidCurrency?: string;
          paidUntil?: number;
          paymentId?: string;
          planId: string;
          problem?: string;
          provider: string;
          purchaseId: string;
          quantities?: Record<string, number>;
          replaces?: string;
          returned?: number;
          returnedRevision?: number;
          sessionId?: string;
          status: "open" | "paid" | "quarantined" | "expired" | "failed";
          trial?: true;
          version: string;
          when?: "now" | "period_end";
        } | null,
        Name
      >;
      giveUp: FunctionReference<
        "mutation",
        "internal",
        { problem?: string; purchaseId: string; status: "expired" | "failed" },
        null,
        Name
      >;
      keepSession: FunctionReference<
        "mutation",
        "internal",
        {
          expiresAt: number;
          purchaseId: string;
          sessionId: string;
          url: string;
        },
        null,
        Name
      >;
      list: FunctionReference<
        "query",
        "internal",
        { cursor?: string | null; customerId: string; limit?: number },
        {
          cursor: string | null;
          page: Array<{
            amount: number;
            automatic?: true;
            createdAt: number;
            credited?: Array<{
              amount: number;
              featureId: string;
              grantId: string;
              takenBack: number;
            }>;
            currency: string;
            customerId: string;
            entityId?: string;
            expiresAt?: number;
            externalId?: string;
            idempotencyKey?: string;
            kind: "plan" | "top_up" | "change" | "renewal" | "overage";
            paid?: number;
            paidAt?: number;
            paidCurrency?: string;
            paidUntil?: number;
            paymentId?: string;
            planId: string;
            problem?: string;
            provider: string;
            purchaseId: string;
            quantities?: Record<string, number>;
            replaces?: string;
            returned?: number;
            returnedRevision?: number;
            sessionId?: string;
            status: "open" | "paid" | "quarantined" | "expired" | "failed";
            trial?: true;
            version: string;
            when?: "now" | "period_end";
          }>;
        },
        Name
      >;
      listByStatus: FunctionReference<
        "query",
        "internal",
        {
          cursor?: string | null;
          limit?: number;
          status: "open" | "paid" | "quarantined" | "expired" | "failed";
        },
        {
          cursor: string | null;
          page: Array<{
            amount: number;
            automatic?: true;
            createdAt: number;
            credited?: Array<{
              amount: number;
              featureId: string;
              grantId: string;
              takenBack: number;
            }>;
            currency: string;
            customerId: string;
            entityId?: string;
            expiresAt?: number;
            externalId?: string;
            idempotencyKey?: string;
            kind: "plan" | "top_up" | "change" | "renewal" | "overage";
            paid?: number;
            paidAt?: number;
            paidCurrency?: string;
            paidUntil?: number;
            paymentId?: string;
            planId: string;
            problem?: string;
            provider: string;
            purchaseId: string;
            quantities?: Record<string, number>;
            replaces?: string;
            returned?: number;
            returnedRevision?: number;
            sessionId?: string;
            status: "open" | "paid" | "quarantined" | "expired" | "failed";
            trial?: true;
            version: string;
            when?: "now" | "period_end";
          }>;
        },
        Name
      >;
      open: FunctionReference<
        "mutation",
        "internal",
        {
          amount: number;
          currency: string;
          customerId: string;
          entityId?: string;
          externalId?: string;
          kind: "plan" | "top_up" | "change" | "renewal" | "overage";
          plan: {
            addOn: boolean;
            archived: boolean;
            autoEnable: boolean;
            controls?: Array<{
              featureId: string;
              overageAllowed?: boolean;
              spendLimit?: number | { percent: number };
              usageLimit?: {
                anchor?: "billing_cycle" | "utc";
                interval: "day" | "week" | "month" | "year";
                max: number;
              };
            }>;
            description?: string;
            group: string;
            id: string;
            items: Array<{
              carryOverage?: boolean;
              consumable: boolean;
              entityFeatureId?: string;
              featureId: string;
              included: number;
              price?: {
                billingMethod: "prepaid" | "usage_based";
                billingUnits: number;
                every: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
                maxPurchase?: number;
                tierBehavior: "graduated" | "volume";
                tiers: Array<{
                  amount: number;
                  flatAmount?: number;
                  to: number | "inf";
                }>;
              };
              reset: {
                count: number;
                interval:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
              } | null;
              rollover?: { max?: number; months?: number; percent?: number };
              unlimited: boolean;
            }>;
            name: string;
            price: {
              amount: number;
              every: {
                count: number;
                interval:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
              } | null;
            } | null;
            stripe?: { priceId: string };
            trial?: {
              cardRequired: boolean;
              length: number;
              uniqueFingerprint: boolean;
              unit: "day" | "month" | "year";
            };
          };
          provider: string;
          provision: {
            email?: string;
            name?: string;
            plans: Array<{
              plan: {
                addOn: boolean;
                archived: boolean;
                autoEnable: boolean;
                controls?: Array<{
                  featureId: string;
                  overageAllowed?: boolean;
                  spendLimit?: number | { percent: number };
                  usageLimit?: {
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  };
                }>;
                description?: string;
                group: string;
                id: string;
                items: Array<{
                  carryOverage?: boolean;
                  consumable: boolean;
                  entityFeatureId?: string;
                  featureId: string;
                  included: number;
                  price?: {
                    billingMethod: "prepaid" | "usage_based";
                    billingUnits: number;
                    every: {
                      count: number;
                      interval:
                        | "minute"
                        | "hour"
                        | "day"
                        | "week"
                        | "month"
                        | "quarter"
                        | "semi_annual"
                        | "year";
                    } | null;
                    maxPurchase?: number;
                    tierBehavior: "graduated" | "volume";
                    tiers: Array<{
                      amount: number;
                      flatAmount?: number;
                      to: number | "inf";
                    }>;
                  };
                  reset: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  rollover?: {
                    max?: number;
                    months?: number;
                    percent?: number;
                  };
                  unlimited: boolean;
                }>;
                name: string;
                price: {
                  amount: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                } | null;
                stripe?: { priceId: string };
                trial?: {
                  cardRequired: boolean;
                  length: number;
                  uniqueFingerprint: boolean;
                  unit: "day" | "month" | "year";
                };
              };
              version: string;
            }>;
          };
          quantities?: Record<string, number>;
          replaces?: string;
          successUrl?: string;
          trial?: true;
          version: string;
          when?: "now" | "period_end";
        },
        { purchaseId: string; sessionId: string | null; url: string | null },
        Name
      >;
      ordered: FunctionReference<
        "query",
        "internal",
        { provider: string; sessionId: string },
        {
          currency: string;
          plan: {
            addOn: boolean;
            archived: boolean;
            autoEnable: boolean;
            controls?: Array<{
              featureId: string;
              overageAllowed?: boolean;
              spendLimit?: number | { percent: number };
              usageLimit?: {
                anchor?: "billing_cycle" | "utc";
                interval: "day" | "week" | "month" | "year";
                max: number;
              };
            }>;
            description?: string;
            group: string;
            id: string;
            items: Array<{
              carryOverage?: boolean;
              consumable: boolean;
              entityFeatureId?: string;
              featureId: string;
              included: number;
              price?: {
                billingMethod: "prepaid" | "usage_based";
                billingUnits: number;
                every: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
                maxPurchase?: number;
                tierBehavior: "graduated" | "volume";
                tiers: Array<{
                  amount: number;
                  flatAmount?: number;
                  to: number | "inf";
                }>;
              };
              reset: {
                count: number;
                interval:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
              } | null;
              rollover?: { max?: number; months?: number; percent?: number };
              unlimited: boolean;
            }>;
            name: string;
            price: {
              amount: number;
              every: {
                count: number;
                interval:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
              } | null;
            } | null;
            stripe?: { priceId: string };
            trial?: {
              cardRequired: boolean;
              length: number;
              uniqueFingerprint: boolean;
              unit: "day" | "month" | "year";
            };
          };
          purchaseId: string;
          quantities?: Record<string, number>;
          status: "open" | "paid" | "quarantined" | "expired" | "failed";
          successUrl?: string;
          trial?: true;
        } | null,
        Name
      >;
      renew: FunctionReference<
        "mutation",
        "internal",
        {
          externalId: string;
          payment: { amount: number; currency: string; paymentId?: string };
          periodEnd: number;
          provider: string;
        },
        null,
        Name
      >;
      standing: FunctionReference<
        "query",
        "internal",
        {
          addOn: boolean;
          customerId: string;
          entityId?: string;
          group: string;
          planId: string;
          provider: string;
        },
        {
          accountId: string | null;
          current: {
            endsAt?: number;
            externalId?: string;
            paidUntil?: number;
            pastDueAt?: number;
            periodStart: number;
            plan: {
              addOn: boolean;
              archived: boolean;
              autoEnable: boolean;
              controls?: Array<{
                featureId: string;
                overageAllowed?: boolean;
                spendLimit?: number | { percent: number };
                usageLimit?: {
                  anchor?: "billing_cycle" | "utc";
                  interval: "day" | "week" | "month" | "year";
                  max: number;
                };
              }>;
              description?: string;
              group: string;
              id: string;
              items: Array<{
                carryOverage?: boolean;
                consumable: boolean;
                entityFeatureId?: string;
                featureId: string;
                included: number;
                price?: {
                  billingMethod: "prepaid" | "usage_based";
                  billingUnits: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  maxPurchase?: number;
                  tierBehavior: "graduated" | "volume";
                  tiers: Array<{
                    amount: number;
                    flatAmount?: number;
                    to: number | "inf";
                  }>;
                };
                reset: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
                rollover?: { max?: number; months?: number; percent?: number };
                unlimited: boolean;
              }>;
              name: string;
              price: {
                amount: number;
                every: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
              } | null;
              stripe?: { priceId: string };
              trial?: {
                cardRequired: boolean;
                length: number;
                uniqueFingerprint: boolean;
                unit: "day" | "month" | "year";
              };
            };
            planId: string;
            quantities?: Record<string, number>;
            subscriptionId: string;
            trialEndsAt?: number;
          } | null;
          hadTrial: boolean;
          next: {
            endsAt?: number;
            externalId?: string;
            paidUntil?: number;
            pastDueAt?: number;
            periodStart: number;
            plan: {
              addOn: boolean;
              archived: boolean;
              autoEnable: boolean;
              controls?: Array<{
                featureId: string;
                overageAllowed?: boolean;
                spendLimit?: number | { percent: number };
                usageLimit?: {
                  anchor?: "billing_cycle" | "utc";
                  interval: "day" | "week" | "month" | "year";
                  max: number;
                };
              }>;
              description?: string;
              group: string;
              id: string;
              items: Array<{
                carryOverage?: boolean;
                consumable: boolean;
                entityFeatureId?: string;
                featureId: string;
                included: number;
                price?: {
                  billingMethod: "prepaid" | "usage_based";
                  billingUnits: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  maxPurchase?: number;
                  tierBehavior: "graduated" | "volume";
                  tiers: Array<{
                    amount: number;
                    flatAmount?: number;
                    to: number | "inf";
                  }>;
                };
                reset: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
                rollover?: { max?: number; months?: number; percent?: number };
                unlimited: boolean;
              }>;
              name: string;
              price: {
                amount: number;
                every: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
              } | null;
              stripe?: { priceId: string };
              trial?: {
                cardRequired: boolean;
                length: number;
                uniqueFingerprint: boolean;
                unit: "day" | "month" | "year";
              };
            };
            planId: string;
            quantities?: Record<string, number>;
            subscriptionId: string;
            trialEndsAt?: number;
          } | null;
        },
        Name
      >;
      waiting: FunctionReference<
        "query",
        "internal",
        { customerId: string; provider: string },
        Array<{ purchaseId: string; sessionId: string }>,
        Name
      >;
    };
    refunds: {
      refund: FunctionReference<
        "mutation",
        "internal",
        {
          actor?: string;
          customerId: string;
          eventId: string;
          pools: Array<{
            cost?: { creditAmount: number; featureAmount: number };
            featureId: string;
            perEntity?: boolean;
          }>;
          reason?: string;
          refundKey?: string;
          units?: number;
        },
        {
          applied: number;
          balance: {
            balance: number;
            breakdown: Array<{
              entityId?: string;
              expiresAt?: number;
              featureId: string;
              grantId: string;
              granted: number;
              interval?:
                | "minute"
                | "hour"
                | "day"
                | "week"
                | "month"
                | "quarter"
                | "semi_annual"
                | "year";
              intervalCount?: number;
              nextResetAt?: number;
              overage: number;
              planId?: string;
              remaining: number;
              rollover?: true;
              unlimited: boolean;
              usage: number;
            }>;
            granted: number;
            nextResetAt: number | null;
            overageAllowed: boolean;
            remaining: number;
            unlimited: boolean;
            usage: number;
          } | null;
          entityId?: string;
          eventId: string;
          featureId: string;
          remaining: number;
          replayed: boolean;
          statement?: {
            at: number;
            from: number;
            granted: number;
            remaining: number;
            to: number | null;
            unlimited: boolean;
            usage: number;
          };
          uncovered: number;
          unlimited: boolean;
          value: number;
        },
        Name
      >;
    };
    removal: {
      start: FunctionReference<
        "mutation",
        "internal",
        { customerId: string },
        { done: boolean },
        Name
      >;
    };
    reservations: {
      confirm: FunctionReference<
        "mutation",
        "internal",
        {
          customerId: string;
          reservationId: string;
          total?: number;
          watch?: {
            limits: boolean;
            usageAlerts: Array<{
              featureId?: string;
              planId?: string;
              threshold: number;
              thresholdType:
                | "usage"
                | "usage_percentage"
                | "remaining"
                | "remaining_percentage";
            }>;
          };
        },
        {
          applied: number;
          balance: {
            balance: number;
            breakdown: Array<{
              entityId?: string;
              expiresAt?: number;
              featureId: string;
              grantId: string;
              granted: number;
              interval?:
                | "minute"
                | "hour"
                | "day"
                | "week"
                | "month"
                | "quarter"
                | "semi_annual"
                | "year";
              intervalCount?: number;
              nextResetAt?: number;
              overage: number;
              planId?: string;
              remaining: number;
              rollover?: true;
              unlimited: boolean;
              usage: number;
            }>;
            granted: number;
            nextResetAt: number | null;
            overageAllowed: boolean;
            remaining: number;
            unlimited: boolean;
            usage: number;
          } | null;
          crossings?: Array<
            | {
                kind: "threshold";
                reached: {
                  entityId?: string;
                  featureId: string;
                  granted: number;
                  remaining: number;
                  threshold: number;
                  thresholdType:
                    | "usage"
                    | "usage_percentage"
                    | "remaining"
                    | "remaining_percentage";
                  usage: number;
                };
              }
            | {
                kind: "limit";
                reached: {
                  entityId?: string;
                  featureId: string;
                  reason:
                    | "not_included"
                    | "insufficient"
                    | "usage_limit"
                    | "spend_limit"
                    | "unauthenticated";
                };
              }
          >;
          entityId?: string;
          eventId: string;
          featureId: string;
          lapsed: number;
          late: boolean;
          remaining: number;
          replayed: boolean;
          statement?: {
            at: number;
            from: number;
            granted: number;
            remaining: number;
            to: number | null;
            unlimited: boolean;
            usage: number;
          };
          uncovered: number;
          unlimited: boolean;
          value: number;
        },
        Name
      >;
      extend: FunctionReference<
        "mutation",
        "internal",
        {
          customerId: string;
          reservationId: string;
          ttlMs?: number;
          units: number;
          watch?: {
            limits: boolean;
            usageAlerts: Array<{
              featureId?: string;
              planId?: string;
              threshold: number;
              thresholdType:
                | "usage"
                | "usage_percentage"
                | "remaining"
                | "remaining_percentage";
            }>;
          };
        },
        | {
            decision: {
              allowed: boolean;
              balance: number;
              breakdown: Array<{
                entityId?: string;
                expiresAt?: number;
                featureId: string;
                grantId: string;
                granted: number;
                interval?:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
                intervalCount?: number;
                nextResetAt?: number;
                overage: number;
                planId?: string;
                remaining: number;
                rollover?: true;
                unlimited: boolean;
                usage: number;
              }>;
              entityId?: string;
              featureId: string;
              granted: number;
              nextResetAt: number | null;
              overageAllowed: boolean;
              reason:
                | "not_included"
                | "insufficient"
                | "usage_limit"
                | "spend_limit"
                | "unauthenticated"
                | null;
              remaining: number;
              requiredBalance: number;
              unlimited: boolean;
              usage: number;
            };
            kind: "refused";
          }
        | {
            crossings?: Array<
              | {
                  kind: "threshold";
                  reached: {
                    entityId?: string;
                    featureId: string;
                    granted: number;
                    remaining: number;
                    threshold: number;
                    thresholdType:
                      | "usage"
                      | "usage_percentage"
                      | "remaining"
                      | "remaining_percentage";
                    usage: number;
                  };
                }
              | {
                  kind: "limit";
                  reached: {
                    entityId?: string;
                    featureId: string;
                    reason:
                      | "not_included"
                      | "insufficient"
                      | "usage_limit"
                      | "spend_limit"
                      | "unauthenticated";
                  };
                }
            >;
            expiresAt: number;
            isShortened: boolean;
            kind: "held";
            reservationId: string;
            value: number;
          },
        Name
      >;
      holders: FunctionReference<
        "query",
        "internal",
        { reservationId: string },
        Array<string>,
        Name
      >;
      list: FunctionReference<
        "query",
        "internal",
        { cursor?: string | null; customerId: string; limit?: number },
        {
          cursor: string | null;
          page: Array<{
            createdAt: number;
            entityId?: string;
            expiresAt: number;
            featureId: string;
            reported?: number;
            reservationId: string;
            value: number;
          }>;
        },
        Name
      >;
      release: FunctionReference<
        "mutation",
        "internal",
        {
          customerId: string;
          reservationId: string;
          watch?: {
            limits: boolean;
            usageAlerts: Array<{
              featureId?: string;
              planId?: string;
              threshold: number;
              thresholdType:
                | "usage"
                | "usage_percentage"
                | "remaining"
                | "remaining_percentage";
            }>;
          };
        },
        {
          applied: number;
          balance: {
            balance: number;
            breakdown: Array<{
              entityId?: string;
              expiresAt?: number;
              featureId: string;
              grantId: string;
              granted: number;
              interval?:
                | "minute"
                | "hour"
                | "day"
                | "week"
                | "month"
                | "quarter"
                | "semi_annual"
                | "year";
              intervalCount?: number;
              nextResetAt?: number;
              overage: number;
              planId?: string;
              remaining: number;
              rollover?: true;
              unlimited: boolean;
              usage: number;
            }>;
            granted: number;
            nextResetAt: number | null;
            overageAllowed: boolean;
            remaining: number;
            unlimited: boolean;
            usage: number;
          } | null;
          crossings?: Array<
            | {
                kind: "threshold";
                reached: {
                  entityId?: string;
                  featureId: string;
                  granted: number;
                  remaining: number;
                  threshold: number;
                  thresholdType:
                    | "usage"
                    | "usage_percentage"
                    | "remaining"
                    | "remaining_percentage";
                  usage: number;
                };
              }
            | {
                kind: "limit";
                reached: {
                  entityId?: string;
                  featureId: string;
                  reason:
                    | "not_included"
                    | "insufficient"
                    | "usage_limit"
                    | "spend_limit"
                    | "unauthenticated";
                };
              }
          >;
          entityId?: string;
          eventId: string;
          featureId: string;
          lapsed: number;
          late: boolean;
          remaining: number;
          replayed: boolean;
          statement?: {
            at: number;
            from: number;
            granted: number;
            remaining: number;
            to: number | null;
            unlimited: boolean;
            usage: number;
          };
          uncovered: number;
          unlimited: boolean;
          value: number;
        },
        Name
      >;
      report: FunctionReference<
        "mutation",
        "internal",
        { customerId: string; reservationId: string; total: number },
        null,
        Name
      >;
      reserve: FunctionReference<
        "mutation",
        "internal",
        {
          customerId: string;
          holds: Array<{
            entityId?: string;
            pools: Array<{
              cost?: { creditAmount: number; featureAmount: number };
              featureId: string;
              perEntity?: boolean;
            }>;
            properties?: Record<string, string | number | boolean | null>;
            reservationId?: string;
            ttlMs: number;
            units: number;
          }>;
          provision?: {
            email?: string;
            name?: string;
            plans: Array<{
              plan: {
                addOn: boolean;
                archived: boolean;
                autoEnable: boolean;
                controls?: Array<{
                  featureId: string;
                  overageAllowed?: boolean;
                  spendLimit?: number | { percent: number };
                  usageLimit?: {
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  };
                }>;
                description?: string;
                group: string;
                id: string;
                items: Array<{
                  carryOverage?: boolean;
                  consumable: boolean;
                  entityFeatureId?: string;
                  featureId: string;
                  included: number;
                  price?: {
                    billingMethod: "prepaid" | "usage_based";
                    billingUnits: number;
                    every: {
                      count: number;
                      interval:
                        | "minute"
                        | "hour"
                        | "day"
                        | "week"
                        | "month"
                        | "quarter"
                        | "semi_annual"
                        | "year";
                    } | null;
                    maxPurchase?: number;
                    tierBehavior: "graduated" | "volume";
                    tiers: Array<{
                      amount: number;
                      flatAmount?: number;
                      to: number | "inf";
                    }>;
                  };
                  reset: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  rollover?: {
                    max?: number;
                    months?: number;
                    percent?: number;
                  };
                  unlimited: boolean;
                }>;
                name: string;
                price: {
                  amount: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                } | null;
                stripe?: { priceId: string };
                trial?: {
                  cardRequired: boolean;
                  length: number;
                  uniqueFingerprint: boolean;
                  unit: "day" | "month" | "year";
                };
              };
              version: string;
            }>;
          };
          watch?: {
            limits: boolean;
            usageAlerts: Array<{
              featureId?: string;
              planId?: string;
              threshold: number;
              thresholdType:
                | "usage"
                | "usage_percentage"
                | "remaining"
                | "remaining_percentage";
            }>;
          };
        },
        | { kind: "unknown_customer" }
        | {
            decision: {
              allowed: boolean;
              balance: number;
              breakdown: Array<{
                entityId?: string;
                expiresAt?: number;
                featureId: string;
                grantId: string;
                granted: number;
                interval?:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
                intervalCount?: number;
                nextResetAt?: number;
                overage: number;
                planId?: string;
                remaining: number;
                rollover?: true;
                unlimited: boolean;
                usage: number;
              }>;
              entityId?: string;
              featureId: string;
              granted: number;
              nextResetAt: number | null;
              overageAllowed: boolean;
              reason:
                | "not_included"
                | "insufficient"
                | "usage_limit"
                | "spend_limit"
                | "unauthenticated"
                | null;
              remaining: number;
              requiredBalance: number;
              unlimited: boolean;
              usage: number;
            };
            kind: "refused";
          }
        | {
            crossings?: Array<
              | {
                  kind: "threshold";
                  reached: {
                    entityId?: string;
                    featureId: string;
                    granted: number;
                    remaining: number;
                    threshold: number;
                    thresholdType:
                      | "usage"
                      | "usage_percentage"
                      | "remaining"
                      | "remaining_percentage";
                    usage: number;
                  };
                }
              | {
                  kind: "limit";
                  reached: {
                    entityId?: string;
                    featureId: string;
                    reason:
                      | "not_included"
                      | "insufficient"
                      | "usage_limit"
                      | "spend_limit"
                      | "unauthenticated";
                  };
                }
            >;
            holds: Array<{
              expiresAt: number;
              replayed: boolean;
              reservationId: string;
              value: number;
            }>;
            kind: "held";
          },
        Name
      >;
    };
    subscriptions: {
      attach: FunctionReference<
        "mutation",
        "internal",
        {
          actor?: string;
          carryOverBalances?: boolean;
          carryOverUsages?: boolean;
          custom?: true;
          customerId: string;
          entityId?: string;
          idempotencyKey?: string;
          plan: {
            addOn: boolean;
            archived: boolean;
            autoEnable: boolean;
            controls?: Array<{
              featureId: string;
              overageAllowed?: boolean;
              spendLimit?: number | { percent: number };
              usageLimit?: {
                anchor?: "billing_cycle" | "utc";
                interval: "day" | "week" | "month" | "year";
                max: number;
              };
            }>;
            description?: string;
            group: string;
            id: string;
            items: Array<{
              carryOverage?: boolean;
              consumable: boolean;
              entityFeatureId?: string;
              featureId: string;
              included: number;
              price?: {
                billingMethod: "prepaid" | "usage_based";
                billingUnits: number;
                every: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
                maxPurchase?: number;
                tierBehavior: "graduated" | "volume";
                tiers: Array<{
                  amount: number;
                  flatAmount?: number;
                  to: number | "inf";
                }>;
              };
              reset: {
                count: number;
                interval:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
              } | null;
              rollover?: { max?: number; months?: number; percent?: number };
              unlimited: boolean;
            }>;
            name: string;
            price: {
              amount: number;
              every: {
                count: number;
                interval:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
              } | null;
            } | null;
            stripe?: { priceId: string };
            trial?: {
              cardRequired: boolean;
              length: number;
              uniqueFingerprint: boolean;
              unit: "day" | "month" | "year";
            };
          };
          provision: {
            email?: string;
            name?: string;
            plans: Array<{
              plan: {
                addOn: boolean;
                archived: boolean;
                autoEnable: boolean;
                controls?: Array<{
                  featureId: string;
                  overageAllowed?: boolean;
                  spendLimit?: number | { percent: number };
                  usageLimit?: {
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  };
                }>;
                description?: string;
                group: string;
                id: string;
                items: Array<{
                  carryOverage?: boolean;
                  consumable: boolean;
                  entityFeatureId?: string;
                  featureId: string;
                  included: number;
                  price?: {
                    billingMethod: "prepaid" | "usage_based";
                    billingUnits: number;
                    every: {
                      count: number;
                      interval:
                        | "minute"
                        | "hour"
                        | "day"
                        | "week"
                        | "month"
                        | "quarter"
                        | "semi_annual"
                        | "year";
                    } | null;
                    maxPurchase?: number;
                    tierBehavior: "graduated" | "volume";
                    tiers: Array<{
                      amount: number;
                      flatAmount?: number;
                      to: number | "inf";
                    }>;
                  };
                  reset: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  rollover?: {
                    max?: number;
                    months?: number;
                    percent?: number;
                  };
                  unlimited: boolean;
                }>;
                name: string;
                price: {
                  amount: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                } | null;
                stripe?: { priceId: string };
                trial?: {
                  cardRequired: boolean;
                  length: number;
                  uniqueFingerprint: boolean;
                  unit: "day" | "month" | "year";
                };
              };
              version: string;
            }>;
          };
          quantities?: Record<string, number>;
          reason?: string;
          successor?: {
            plan: {
              addOn: boolean;
              archived: boolean;
              autoEnable: boolean;
              controls?: Array<{
                featureId: string;
                overageAllowed?: boolean;
                spendLimit?: number | { percent: number };
                usageLimit?: {
                  anchor?: "billing_cycle" | "utc";
                  interval: "day" | "week" | "month" | "year";
                  max: number;
                };
              }>;
              description?: string;
              group: string;
              id: string;
              items: Array<{
                carryOverage?: boolean;
                consumable: boolean;
                entityFeatureId?: string;
                featureId: string;
                included: number;
                price?: {
                  billingMethod: "prepaid" | "usage_based";
                  billingUnits: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  maxPurchase?: number;
                  tierBehavior: "graduated" | "volume";
                  tiers: Array<{
                    amount: number;
                    flatAmount?: number;
                    to: number | "inf";
                  }>;
                };
                reset: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
                rollover?: { max?: number; months?: number; percent?: number };
                unlimited: boolean;
              }>;
              name: string;
              price: {
                amount: number;
                every: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
              } | null;
              stripe?: { priceId: string };
              trial?: {
                cardRequired: boolean;
                length: number;
                uniqueFingerprint: boolean;
                unit: "day" | "month" | "year";
              };
            };
            version: string;
          };
          trial?: {
            fingerprint?: string;
            length: number;
            unit: "day" | "month" | "year";
          };
          version: string;
          when?: "now" | "period_end";
        },
        { replayed: boolean; startsAt: number; subscriptionId: string | null },
        Name
      >;
      cancel: FunctionReference<
        "mutation",
        "internal",
        {
          actor?: string;
          customerId: string;
          entityId?: string;
          idempotencyKey?: string;
          planId: string;
          reason?: string;
          successor?: {
            plan: {
              addOn: boolean;
              archived: boolean;
              autoEnable: boolean;
              controls?: Array<{
                featureId: string;
                overageAllowed?: boolean;
                spendLimit?: number | { percent: number };
                usageLimit?: {
                  anchor?: "billing_cycle" | "utc";
                  interval: "day" | "week" | "month" | "year";
                  max: number;
                };
              }>;
              description?: string;
              group: string;
              id: string;
              items: Array<{
                carryOverage?: boolean;
                consumable: boolean;
                entityFeatureId?: string;
                featureId: string;
                included: number;
                price?: {
                  billingMethod: "prepaid" | "usage_based";
                  billingUnits: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  maxPurchase?: number;
                  tierBehavior: "graduated" | "volume";
                  tiers: Array<{
                    amount: number;
                    flatAmount?: number;
                    to: number | "inf";
                  }>;
                };
                reset: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
                rollover?: { max?: number; months?: number; percent?: number };
                unlimited: boolean;
              }>;
              name: string;
              price: {
                amount: number;
                every: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
              } | null;
              stripe?: { priceId: string };
              trial?: {
                cardRequired: boolean;
                length: number;
                uniqueFingerprint: boolean;
                unit: "day" | "month" | "year";
              };
            };
            version: string;
          };
          when: "now" | "period_end";
        },
        { endsAt: number; replayed: boolean },
        Name
      >;
      held: FunctionReference<
        "query",
        "internal",
        {
          customerId: string;
          defaults: Array<{
            addOn: boolean;
            archived: boolean;
            autoEnable: boolean;
            controls?: Array<{
              featureId: string;
              overageAllowed?: boolean;
              spendLimit?: number | { percent: number };
              usageLimit?: {
                anchor?: "billing_cycle" | "utc";
                interval: "day" | "week" | "month" | "year";
                max: number;
              };
            }>;
            description?: string;
            group: string;
            id: string;
            items: Array<{
              carryOverage?: boolean;
              consumable: boolean;
              entityFeatureId?: string;
              featureId: string;
              included: number;
              price?: {
                billingMethod: "prepaid" | "usage_based";
                billingUnits: number;
                every: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
                maxPurchase?: number;
                tierBehavior: "graduated" | "volume";
                tiers: Array<{
                  amount: number;
                  flatAmount?: number;
                  to: number | "inf";
                }>;
              };
              reset: {
                count: number;
                interval:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
              } | null;
              rollover?: { max?: number; months?: number; percent?: number };
              unlimited: boolean;
            }>;
            name: string;
            price: {
              amount: number;
              every: {
                count: number;
                interval:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
              } | null;
            } | null;
            stripe?: { priceId: string };
            trial?: {
              cardRequired: boolean;
              length: number;
              uniqueFingerprint: boolean;
              unit: "day" | "month" | "year";
            };
          }>;
          entityId?: string;
        },
        Array<{
          addOn: boolean;
          endsAt?: number;
          entityId?: string;
          group: string;
          paidUntil?: number;
          pastDueAt?: number;
          planId: string;
          quantities?: Record<string, number>;
          startsAt: number;
          status: "scheduled" | "trialing" | "active" | "past_due" | "ended";
          suspendsAt?: number;
          trialEndsAt?: number;
        }>,
        Name
      >;
      list: FunctionReference<
        "query",
        "internal",
        { cursor?: string | null; customerId: string; limit?: number },
        {
          cursor: string | null;
          page: Array<{
            addOn: boolean;
            anchor: number;
            customerId: string;
            endsAt?: number;
            entityId?: string;
            externalId?: string;
            group: string;
            paidUntil?: number;
            pastDueAt?: number;
            planId: string;
            quantities?: Record<string, number>;
            returnedUntil?: number;
            revision?: number;
            startsAt: number;
            status: "scheduled" | "trialing" | "active" | "past_due" | "ended";
            subscriptionId: string;
            suspendsAt?: number;
            trialEndsAt?: number;
          }>;
        },
        Name
      >;
      preview: FunctionReference<
        "query",
        "internal",
        {
          actor?: string;
          carryOverBalances?: boolean;
          carryOverUsages?: boolean;
          custom?: true;
          customerId: string;
          entityId?: string;
          idempotencyKey?: string;
          plan: {
            addOn: boolean;
            archived: boolean;
            autoEnable: boolean;
            controls?: Array<{
              featureId: string;
              overageAllowed?: boolean;
              spendLimit?: number | { percent: number };
              usageLimit?: {
                anchor?: "billing_cycle" | "utc";
                interval: "day" | "week" | "month" | "year";
                max: number;
              };
            }>;
            description?: string;
            group: string;
            id: string;
            items: Array<{
              carryOverage?: boolean;
              consumable: boolean;
              entityFeatureId?: string;
              featureId: string;
              included: number;
              price?: {
                billingMethod: "prepaid" | "usage_based";
                billingUnits: number;
                every: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
                maxPurchase?: number;
                tierBehavior: "graduated" | "volume";
                tiers: Array<{
                  amount: number;
                  flatAmount?: number;
                  to: number | "inf";
                }>;
              };
              reset: {
                count: number;
                interval:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
              } | null;
              rollover?: { max?: number; months?: number; percent?: number };
              unlimited: boolean;
            }>;
            name: string;
            price: {
              amount: number;
              every: {
                count: number;
                interval:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
              } | null;
            } | null;
            stripe?: { priceId: string };
            trial?: {
              cardRequired: boolean;
              length: number;
              uniqueFingerprint: boolean;
              unit: "day" | "month" | "year";
            };
          };
          provision: {
            email?: string;
            name?: string;
            plans: Array<{
              plan: {
                addOn: boolean;
                archived: boolean;
                autoEnable: boolean;
                controls?: Array<{
                  featureId: string;
                  overageAllowed?: boolean;
                  spendLimit?: number | { percent: number };
                  usageLimit?: {
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  };
                }>;
                description?: string;
                group: string;
                id: string;
                items: Array<{
                  carryOverage?: boolean;
                  consumable: boolean;
                  entityFeatureId?: string;
                  featureId: string;
                  included: number;
                  price?: {
                    billingMethod: "prepaid" | "usage_based";
                    billingUnits: number;
                    every: {
                      count: number;
                      interval:
                        | "minute"
                        | "hour"
                        | "day"
                        | "week"
                        | "month"
                        | "quarter"
                        | "semi_annual"
                        | "year";
                    } | null;
                    maxPurchase?: number;
                    tierBehavior: "graduated" | "volume";
                    tiers: Array<{
                      amount: number;
                      flatAmount?: number;
                      to: number | "inf";
                    }>;
                  };
                  reset: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  rollover?: {
                    max?: number;
                    months?: number;
                    percent?: number;
                  };
                  unlimited: boolean;
                }>;
                name: string;
                price: {
                  amount: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                } | null;
                stripe?: { priceId: string };
                trial?: {
                  cardRequired: boolean;
                  length: number;
                  uniqueFingerprint: boolean;
                  unit: "day" | "month" | "year";
                };
              };
              version: string;
            }>;
          };
          quantities?: Record<string, number>;
          reason?: string;
          successor?: {
            plan: {
              addOn: boolean;
              archived: boolean;
              autoEnable: boolean;
              controls?: Array<{
                featureId: string;
                overageAllowed?: boolean;
                spendLimit?: number | { percent: number };
                usageLimit?: {
                  anchor?: "billing_cycle" | "utc";
                  interval: "day" | "week" | "month" | "year";
                  max: number;
                };
              }>;
              description?: string;
              group: string;
              id: string;
              items: Array<{
                carryOverage?: boolean;
                consumable: boolean;
                entityFeatureId?: string;
                featureId: string;
                included: number;
                price?: {
                  billingMethod: "prepaid" | "usage_based";
                  billingUnits: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  maxPurchase?: number;
                  tierBehavior: "graduated" | "volume";
                  tiers: Array<{
                    amount: number;
                    flatAmount?: number;
                    to: number | "inf";
                  }>;
                };
                reset: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
                rollover?: { max?: number; months?: number; percent?: number };
                unlimited: boolean;
              }>;
              name: string;
              price: {
                amount: number;
                every: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
              } | null;
              stripe?: { priceId: string };
              trial?: {
                cardRequired: boolean;
                length: number;
                uniqueFingerprint: boolean;
                unit: "day" | "month" | "year";
              };
            };
            version: string;
          };
          trial?: {
            fingerprint?: string;
            length: number;
            unit: "day" | "month" | "year";
          };
          version: string;
          when?: "now" | "period_end";
        },
        {
          drops: Array<{ planId: string; subscriptionId: string }>;
          ends: Array<{ planId: string; subscriptionId: string }>;
          startsAfresh: boolean;
          startsAt: number;
          unchanged: boolean;
        },
        Name
      >;
      resume: FunctionReference<
        "mutation",
        "internal",
        {
          actor?: string;
          customerId: string;
          entityId?: string;
          idempotencyKey?: string;
          planId: string;
          reason?: string;
          successor?: {
            plan: {
              addOn: boolean;
              archived: boolean;
              autoEnable: boolean;
              controls?: Array<{
                featureId: string;
                overageAllowed?: boolean;
                spendLimit?: number | { percent: number };
                usageLimit?: {
                  anchor?: "billing_cycle" | "utc";
                  interval: "day" | "week" | "month" | "year";
                  max: number;
                };
              }>;
              description?: string;
              group: string;
              id: string;
              items: Array<{
                carryOverage?: boolean;
                consumable: boolean;
                entityFeatureId?: string;
                featureId: string;
                included: number;
                price?: {
                  billingMethod: "prepaid" | "usage_based";
                  billingUnits: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  maxPurchase?: number;
                  tierBehavior: "graduated" | "volume";
                  tiers: Array<{
                    amount: number;
                    flatAmount?: number;
                    to: number | "inf";
                  }>;
                };
                reset: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
                rollover?: { max?: number; months?: number; percent?: number };
                unlimited: boolean;
              }>;
              name: string;
              price: {
                amount: number;
                every: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
              } | null;
              stripe?: { priceId: string };
              trial?: {
                cardRequired: boolean;
                length: number;
                uniqueFingerprint: boolean;
                unit: "day" | "month" | "year";
              };
            };
            version: string;
          };
        },
        { replayed: boolean; resumed: boolean },
        Name
      >;
    };
    synced: {
      sync: FunctionReference<
        "mutation",
        "internal",
        {
          actor?: string;
          change?: "now" | "period_end";
          customerId: string;
          entityId?: string;
          graceMs?: number;
          plan: {
            addOn: boolean;
            archived: boolean;
            autoEnable: boolean;
            controls?: Array<{
              featureId: string;
              overageAllowed?: boolean;
              spendLimit?: number | { percent: number };
              usageLimit?: {
                anchor?: "billing_cycle" | "utc";
                interval: "day" | "week" | "month" | "year";
                max: number;
              };
            }>;
            description?: string;
            group: string;
            id: string;
            items: Array<{
              carryOverage?: boolean;
              consumable: boolean;
              entityFeatureId?: string;
              featureId: string;
              included: number;
              price?: {
                billingMethod: "prepaid" | "usage_based";
                billingUnits: number;
                every: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
                maxPurchase?: number;
                tierBehavior: "graduated" | "volume";
                tiers: Array<{
                  amount: number;
                  flatAmount?: number;
                  to: number | "inf";
                }>;
              };
              reset: {
                count: number;
                interval:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
              } | null;
              rollover?: { max?: number; months?: number; percent?: number };
              unlimited: boolean;
            }>;
            name: string;
            price: {
              amount: number;
              every: {
                count: number;
                interval:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
              } | null;
            } | null;
            stripe?: { priceId: string };
            trial?: {
              cardRequired: boolean;
              length: number;
              uniqueFingerprint: boolean;
              unit: "day" | "month" | "year";
            };
          };
          provision: {
            email?: string;
            name?: string;
            plans: Array<{
              plan: {
                addOn: boolean;
                archived: boolean;
                autoEnable: boolean;
                controls?: Array<{
                  featureId: string;
                  overageAllowed?: boolean;
                  spendLimit?: number | { percent: number };
                  usageLimit?: {
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  };
                }>;
                description?: string;
                group: string;
                id: string;
                items: Array<{
                  carryOverage?: boolean;
                  consumable: boolean;
                  entityFeatureId?: string;
                  featureId: string;
                  included: number;
                  price?: {
                    billingMethod: "prepaid" | "usage_based";
                    billingUnits: number;
                    every: {
                      count: number;
                      interval:
                        | "minute"
                        | "hour"
                        | "day"
                        | "week"
                        | "month"
                        | "quarter"
                        | "semi_annual"
                        | "year";
                    } | null;
                    maxPurchase?: number;
                    tierBehavior: "graduated" | "volume";
                    tiers: Array<{
                      amount: number;
                      flatAmount?: number;
                      to: number | "inf";
                    }>;
                  };
                  reset: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  rollover?: {
                    max?: number;
                    months?: number;
                    percent?: number;
                  };
                  unlimited: boolean;
                }>;
                name: string;
                price: {
                  amount: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                } | null;
                stripe?: { priceId: string };
                trial?: {
                  cardRequired: boolean;
                  length: number;
                  uniqueFingerprint: boolean;
                  unit: "day" | "month" | "year";
                };
              };
              version: string;
            }>;
          };
          quantities?: Record<string, number>;
          reason?: string;
          version: string;
          word: {
            cancelAt?: number;
            externalId: string;
            periodEnd: number;
            periodStart: number;
            revision: number;
            status: "trialing" | "active" | "past_due" | "canceled";
          };
        },
        { applied: boolean; subscriptionId: string | null },
        Name
      >;
    };
    usage: {
      check: FunctionReference<
        "query",
        "internal",
        {
          asks: Array<{
            entityId?: string;
            pools: Array<{
              cost?: { creditAmount: number; featureAmount: number };
              featureId: string;
              perEntity?: boolean;
            }>;
            units: number;
          }>;
          customerId: string;
          defaults: Array<{
            addOn: boolean;
            archived: boolean;
            autoEnable: boolean;
            controls?: Array<{
              featureId: string;
              overageAllowed?: boolean;
              spendLimit?: number | { percent: number };
              usageLimit?: {
                anchor?: "billing_cycle" | "utc";
                interval: "day" | "week" | "month" | "year";
                max: number;
              };
            }>;
            description?: string;
            group: string;
            id: string;
            items: Array<{
              carryOverage?: boolean;
              consumable: boolean;
              entityFeatureId?: string;
              featureId: string;
              included: number;
              price?: {
                billingMethod: "prepaid" | "usage_based";
                billingUnits: number;
                every: {
                  count: number;
                  interval:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                } | null;
                maxPurchase?: number;
                tierBehavior: "graduated" | "volume";
                tiers: Array<{
                  amount: number;
                  flatAmount?: number;
                  to: number | "inf";
                }>;
              };
              reset: {
                count: number;
                interval:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
              } | null;
              rollover?: { max?: number; months?: number; percent?: number };
              unlimited: boolean;
            }>;
            name: string;
            price: {
              amount: number;
              every: {
                count: number;
                interval:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
              } | null;
            } | null;
            stripe?: { priceId: string };
            trial?: {
              cardRequired: boolean;
              length: number;
              uniqueFingerprint: boolean;
              unit: "day" | "month" | "year";
            };
          }>;
        },
        Array<{
          allowed: boolean;
          balance: number;
          breakdown: Array<{
            entityId?: string;
            expiresAt?: number;
            featureId: string;
            grantId: string;
            granted: number;
            interval?:
              | "minute"
              | "hour"
              | "day"
              | "week"
              | "month"
              | "quarter"
              | "semi_annual"
              | "year";
            intervalCount?: number;
            nextResetAt?: number;
            overage: number;
            planId?: string;
            remaining: number;
            rollover?: true;
            unlimited: boolean;
            usage: number;
          }>;
          entityId?: string;
          featureId: string;
          granted: number;
          nextResetAt: number | null;
          overageAllowed: boolean;
          reason:
            | "not_included"
            | "insufficient"
            | "usage_limit"
            | "spend_limit"
            | "unauthenticated"
            | null;
          remaining: number;
          requiredBalance: number;
          unlimited: boolean;
          usage: number;
        }>,
        Name
      >;
      track: FunctionReference<
        "mutation",
        "internal",
        {
          customerId: string;
          provision?: {
            email?: string;
            name?: string;
            plans: Array<{
              plan: {
                addOn: boolean;
                archived: boolean;
                autoEnable: boolean;
                controls?: Array<{
                  featureId: string;
                  overageAllowed?: boolean;
                  spendLimit?: number | { percent: number };
                  usageLimit?: {
                    anchor?: "billing_cycle" | "utc";
                    interval: "day" | "week" | "month" | "year";
                    max: number;
                  };
                }>;
                description?: string;
                group: string;
                id: string;
                items: Array<{
                  carryOverage?: boolean;
                  consumable: boolean;
                  entityFeatureId?: string;
                  featureId: string;
                  included: number;
                  price?: {
                    billingMethod: "prepaid" | "usage_based";
                    billingUnits: number;
                    every: {
                      count: number;
                      interval:
                        | "minute"
                        | "hour"
                        | "day"
                        | "week"
                        | "month"
                        | "quarter"
                        | "semi_annual"
                        | "year";
                    } | null;
                    maxPurchase?: number;
                    tierBehavior: "graduated" | "volume";
                    tiers: Array<{
                      amount: number;
                      flatAmount?: number;
                      to: number | "inf";
                    }>;
                  };
                  reset: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                  rollover?: {
                    max?: number;
                    months?: number;
                    percent?: number;
                  };
                  unlimited: boolean;
                }>;
                name: string;
                price: {
                  amount: number;
                  every: {
                    count: number;
                    interval:
                      | "minute"
                      | "hour"
                      | "day"
                      | "week"
                      | "month"
                      | "quarter"
                      | "semi_annual"
                      | "year";
                  } | null;
                } | null;
                stripe?: { priceId: string };
                trial?: {
                  cardRequired: boolean;
                  length: number;
                  uniqueFingerprint: boolean;
                  unit: "day" | "month" | "year";
                };
              };
              version: string;
            }>;
          };
          requests: Array<{
            consumable: boolean;
            entityId?: string;
            idempotencyKey?: string;
            onInsufficient?: "cap" | "reject" | "overflow";
            pools: Array<{
              cost?: { creditAmount: number; featureAmount: number };
              featureId: string;
              perEntity?: boolean;
            }>;
            properties?: Record<string, string | number | boolean | null>;
            statement?: true;
            units: number;
          }>;
          watch?: {
            limits: boolean;
            usageAlerts: Array<{
              featureId?: string;
              planId?: string;
              threshold: number;
              thresholdType:
                | "usage"
                | "usage_percentage"
                | "remaining"
                | "remaining_percentage";
            }>;
          };
        },
        | { kind: "unknown_customer" }
        | {
            decision: {
              allowed: boolean;
              balance: number;
              breakdown: Array<{
                entityId?: string;
                expiresAt?: number;
                featureId: string;
                grantId: string;
                granted: number;
                interval?:
                  | "minute"
                  | "hour"
                  | "day"
                  | "week"
                  | "month"
                  | "quarter"
                  | "semi_annual"
                  | "year";
                intervalCount?: number;
                nextResetAt?: number;
                overage: number;
                planId?: string;
                remaining: number;
                rollover?: true;
                unlimited: boolean;
                usage: number;
              }>;
              entityId?: string;
              featureId: string;
              granted: number;
              nextResetAt: number | null;
              overageAllowed: boolean;
              reason:
                | "not_included"
                | "insufficient"
                | "usage_limit"
                | "spend_limit"
                | "unauthenticated"
                | null;
              remaining: number;
              requiredBalance: number;
              unlimited: boolean;
              usage: number;
            };
            kind: "refused";
          }
        | {
            crossings?: Array<
              | {
                  kind: "threshold";
                  reached: {
                    entityId?: string;
                    featureId: string;
                    granted: number;
                    remaining: number;
                    threshold: number;
                    thresholdType:
                      | "usage"
                      | "usage_percentage"
                      | "remaining"
                      | "remaining_percentage";
                    usage: number;
                  };
                }
              | {
                  kind: "limit";
                  reached: {
                    entityId?: string;
                    featureId: string;
                    reason:
                      | "not_included"
                      | "insufficient"
                      | "usage_limit"
                      | "spend_limit"
                      | "unauthenticated";
                  };
                }
            >;
            kind: "applied";
            results: Array<{
              applied: number;
              balance: {
                balance: number;
                breakdown: Array<{
                  entityId?: string;
                  expiresAt?: number;
                  featureId: string;
                  grantId: string;
                  granted: number;
                  interval?:
                    | "minute"
                    | "hour"
                    | "day"
                    | "week"
                    | "month"
                    | "quarter"
                    | "semi_annual"
                    | "year";
                  intervalCount?: number;
                  nextResetAt?: number;
                  overage: number;
                  planId?: string;
                  remaining: number;
                  rollover?: true;
                  unlimited: boolean;
                  usage: number;
                }>;
                granted: number;
                nextResetAt: number | null;
                overageAllowed: boolean;
                remaining: number;
                unlimited: boolean;
                usage: number;
              } | null;
              entityId?: string;
              eventId: string;
              featureId: string;
              remaining: number;
              replayed: boolean;
              statement?: {
                at: number;
                from: number;
                granted: number;
                remaining: number;
                to: number | null;
                unlimited: boolean;
                usage: number;
              };
              uncovered: number;
              unlimited: boolean;
              value: number;
            }>;
          },
        Name
      >;
    };
  };
