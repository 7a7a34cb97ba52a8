/* eslint-disable */
/**
 * Generated `api` utility.
 *
 * THIS CODE IS AUTOMATICALLY GENERATED.
 *
 * To regenerate, run `npx convex dev`.
 * @module
 */

import type * as _helpers_builders from "../_helpers/builders.js";
import type * as _helpers_errors from "../_helpers/errors.js";
import type * as _helpers_operators from "../_helpers/operators.js";
import type * as answers from "../answers.js";
import type * as billing from "../billing.js";
import type * as catalog from "../catalog.js";
import type * as chat from "../chat.js";
import type * as credits from "../credits.js";
import type * as crons from "../crons.js";
import type * as demo from "../demo.js";
import type * as digests from "../digests.js";
import type * as emails from "../emails.js";
import type * as http from "../http.js";
import type * as model from "../model.js";
import type * as operator from "../operator.js";
import type * as payments from "../payments.js";
import type * as usage from "../usage.js";
import type * as workspaces from "../workspaces.js";

import type {
  ApiFromModules,
  FilterApi,
  FunctionReference,
} from "convex/server";
import { anyApi, componentsGeneric } from "convex/server";

const fullApi: ApiFromModules<{
  "_helpers/builders": typeof _helpers_builders;
  "_helpers/errors": typeof _helpers_errors;
  "_helpers/operators": typeof _helpers_operators;
  answers: typeof answers;
  billing: typeof billing;
  catalog: typeof catalog;
  chat: typeof chat;
  credits: typeof credits;
  crons: typeof crons;
  demo: typeof demo;
  digests: typeof digests;
  emails: typeof emails;
  http: typeof http;
  model: typeof model;
  operator: typeof operator;
  payments: typeof payments;
  usage: typeof usage;
  workspaces: typeof workspaces;
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

export const components = componentsGeneric() as unknown as {
  tally: import("../../src/component/_generated/component.js").ComponentApi<"tally">;
};
