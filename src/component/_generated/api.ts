/* eslint-disable */
/**
 * Generated `api` utility.
 *
 * THIS CODE IS AUTOMATICALLY GENERATED.
 *
 * To regenerate, run `npx convex dev`.
 * @module
 */

import type * as accounts from "../accounts.js";
import type * as audits from "../audits.js";
import type * as autoTopUps from "../autoTopUps.js";
import type * as balances from "../balances.js";
import type * as billingAccounts from "../billingAccounts.js";
import type * as budget from "../budget.js";
import type * as charges from "../charges.js";
import type * as controls from "../controls.js";
import type * as credits from "../credits.js";
import type * as crons from "../crons.js";
import type * as cursors from "../cursors.js";
import type * as customers from "../customers.js";
import type * as departures from "../departures.js";
import type * as entities from "../entities.js";
import type * as events from "../events.js";
import type * as grants from "../grants.js";
import type * as ids from "../ids.js";
import type * as invoices from "../invoices.js";
import type * as pastDue from "../pastDue.js";
import type * as planChanges from "../planChanges.js";
import type * as planEvents from "../planEvents.js";
import type * as planVersions from "../planVersions.js";
import type * as purchases from "../purchases.js";
import type * as refunds from "../refunds.js";
import type * as removal from "../removal.js";
import type * as reservations from "../reservations.js";
import type * as resets from "../resets.js";
import type * as returns from "../returns.js";
import type * as rows from "../rows.js";
import type * as seats from "../seats.js";
import type * as settlements from "../settlements.js";
import type * as subscriptions from "../subscriptions.js";
import type * as synced from "../synced.js";
import type * as topUps from "../topUps.js";
import type * as usage from "../usage.js";
import type * as uses from "../uses.js";
import type * as workingRows from "../workingRows.js";

import type {
  ApiFromModules,
  FilterApi,
  FunctionReference,
} from "convex/server";
import { anyApi, componentsGeneric } from "convex/server";

const fullApi: ApiFromModules<{
  accounts: typeof accounts;
  audits: typeof audits;
  autoTopUps: typeof autoTopUps;
  balances: typeof balances;
  billingAccounts: typeof billingAccounts;
  budget: typeof budget;
  charges: typeof charges;
  controls: typeof controls;
  credits: typeof credits;
  crons: typeof crons;
  cursors: typeof cursors;
  customers: typeof customers;
  departures: typeof departures;
  entities: typeof entities;
  events: typeof events;
  grants: typeof grants;
  ids: typeof ids;
  invoices: typeof invoices;
  pastDue: typeof pastDue;
  planChanges: typeof planChanges;
  planEvents: typeof planEvents;
  planVersions: typeof planVersions;
  purchases: typeof purchases;
  refunds: typeof refunds;
  removal: typeof removal;
  reservations: typeof reservations;
  resets: typeof resets;
  returns: typeof returns;
  rows: typeof rows;
  seats: typeof seats;
  settlements: typeof settlements;
  subscriptions: typeof subscriptions;
  synced: typeof synced;
  topUps: typeof topUps;
  usage: typeof usage;
  uses: typeof uses;
  workingRows: typeof workingRows;
}> = anyApi as any;

/**
 * A utility for referencing Convex functions in your app's public API.
 *
 * Usage:
 * ```js
 * const myFunctionReference = api.myModule.myFunction;
 * ```
 */
export const api: FilterApi<
  typeof fullApi,
  FunctionReference<any, "public">
> = anyApi as any;

/**
 * A utility for referencing Convex functions in your app's internal API.
 *
 * Usage:
 * ```js
 * const myFunctionReference = internal.myModule.myFunction;
 * ```
 */
export const internal: FilterApi<
  typeof fullApi,
  FunctionReference<any, "internal">
> = anyApi as any;

export const components = componentsGeneric() as unknown as {};
