/** What the verbs take, and the checks that they all pass before anything is asked of the component. */
import {
  assertAmount,
  assertId,
  assertKeys,
  assertProperties,
  type Properties,
  refuse,
} from "../core/arguments.js";
import type { Catalog } from "../core/catalog.js";
import type { OnInsufficient } from "../core/draws.js";
import { tallyError } from "../core/errors.js";
import type { Pool } from "../core/order.js";

/** Refuses a literal id that the catalog does not have; lets a value typed `string` through, to be checked at run time. */
export type Known<Given extends string, Ids extends string> = string extends Given
  ? unknown
  : [Given] extends [Ids]
    ? unknown
    : { featureId: Ids };

export interface CheckArgs<FeatureId extends string = string> {
  featureId: FeatureId;
  /** Units of the feature that must be there; 1 unless told. */
  requiredBalance?: number;
  /** The part of the customer to check for; the identity's own unless told. */
  entityId?: string;
}

export interface UseArgs<FeatureId extends string = string> {
  featureId: FeatureId;
  /** Units of the feature; 1 unless told. An explicit `undefined` is refused: it must not silently charge 1. */
  value?: number;
  entityId?: string;
  /** 1 to 255 characters, unique for the customer: a repeat is answered from the first call and charges nothing. */
  idempotencyKey?: string;
  /** Kept with the event: at most 20 keys of 40 characters, with flat values. */
  properties?: Properties;
}

export interface TrackArgs<FeatureId extends string = string> extends UseArgs<FeatureId> {
  /** What to do when the balance cannot pay all: apply what fits (`cap`, the default), throw (`reject`), or go below zero (`overflow`). */
  onInsufficient?: OnInsufficient;
}

/** A use of every feature that lists the event's name, each by the same value: all of them or none. */
export type EventArgs = Omit<TrackArgs, "featureId"> & { eventName: string };

/** One use for each feature that the event charges. A key is kept for each of them apart. */
export function usesOfEvent(catalog: Catalog, { eventName, idempotencyKey, ...use }: EventArgs): TrackArgs[] {
  if (typeof eventName !== "string") refuse("eventName", "must be a string", eventName);
  if (idempotencyKey !== undefined) assertId(idempotencyKey, "idempotencyKey");
  const features = catalog.featuresOfEvent(eventName);
  return features.map((featureId) => ({
    ...use,
    featureId,
    ...(idempotencyKey !== undefined && { idempotencyKey }),
  }));
}

/** A check that deducts at once if it is allowed. */
export interface SendEventArgs<FeatureId extends string = string> extends CheckArgs<FeatureId> {
  sendEvent?: boolean;
  idempotencyKey?: string;
  properties?: Properties;
}

const CHECK_KEYS = ["featureId", "requiredBalance", "entityId", "sendEvent", "idempotencyKey", "properties"];
const TRACK_KEYS = ["featureId", "value", "entityId", "idempotencyKey", "properties", "onInsufficient"];
const POLICIES = ["cap", "reject", "overflow"];

/** What the component is asked. */
export interface Ask {
  pools: Pool[];
  entityId?: string;
  units: number;
}

export interface Request extends Ask {
  consumable: boolean;
  onInsufficient?: OnInsufficient;
  idempotencyKey?: string;
  properties?: Properties;
  statement?: true;
}

export function askOf(catalog: Catalog, args: SendEventArgs, ownEntity: string | undefined): Ask {
  assertKeys(args, CHECK_KEYS, "check");
  const { featureId, requiredBalance = 1, entityId = ownEntity, idempotencyKey, properties } = args;
  if (idempotencyKey !== undefined || properties !== undefined) {
    throw tallyError(
      "invalid_argument",
      "check takes idempotencyKey and properties only with sendEvent: true; without it nothing is recorded.",
    );
  }
  assertAmount(requiredBalance, "requiredBalance", { negative: true });
  return { ...poolsAndEntity(catalog, featureId, entityId), units: requiredBalance };
}

export function requestOf(
  catalog: Catalog,
  args: TrackArgs,
  ownEntity: string | undefined,
  options: { verb: "track" | "consume" | "check"; negative?: boolean },
): Request {
  assertKeys(args, options.verb === "track" ? TRACK_KEYS : TRACK_KEYS.slice(0, -1), options.verb);
  const { featureId, entityId = ownEntity, onInsufficient, idempotencyKey, properties } = args;
  const value = "value" in args ? args.value : 1;
  if (value === undefined) {
    throw tallyError(
      "invalid_amount",
      "value is undefined: pass a number, or leave value out to use 1. Nothing was changed.",
      { argument: "value" },
    );
  }
  assertAmount(value, "value", { negative: options.negative });
  const target = poolsAndEntity(catalog, featureId, entityId);
  const { type, consumable } = catalog.feature(featureId);
  if (options.verb !== "track" && type === "boolean") {
    refuse(
      "featureId",
      "must be a feature that is used by amounts; a boolean feature is only checked",
      featureId,
    );
  }
  if (idempotencyKey !== undefined) assertId(idempotencyKey, "idempotencyKey");
  if (properties !== undefined) assertProperties(properties);
  if (onInsufficient !== undefined && !POLICIES.includes(onInsufficient)) {
    refuse("onInsufficient", `must be one of ${POLICIES.join(", ")}`, onInsufficient);
  }
  return {
    ...target,
    units: value,
    consumable,
    ...(options.verb === "track" ? onInsufficient && { onInsufficient } : { onInsufficient: "reject" }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
    ...(properties !== undefined && { properties }),
  };
}

function poolsAndEntity(catalog: Catalog, featureId: unknown, entityId: unknown): Omit<Ask, "units"> {
  if (typeof featureId !== "string") refuse("featureId", "must be a string", featureId);
  const pools = catalog.pools(featureId);
  if (entityId !== undefined) assertId(entityId, "entityId");
  return { pools, ...(entityId !== undefined && { entityId }) };
}
